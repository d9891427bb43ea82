"""Large blocks of memory that come and go with every message stay with the process.

A published map passes through several blocks of some MB. The C library gives each back to the system when it is
freed, and every page of the next one costs a fault: for the mapping node 7 % of a core.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
KEPT_BLOCK = 64 << 20
"""Bytes: blocks below this are kept; larger ones, such as those of a map that was reset, are given back."""
KEPT_FREE = 256 << 20
"""Bytes of free memory at the end of the heap beyond which it is given back too."""


def keep_freed_memory() -> None:
    """Have the GNU C library keep what is freed, within these bounds; other C libraries are left as they are."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_MMAP_THRESHOLD, KEPT_BLOCK)
        library.mallopt(_TRIM_THRESHOLD, KEPT_FREE)
