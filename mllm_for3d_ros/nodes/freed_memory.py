"""Memory that a process has freed goes back to the system.

A burst of images, or a moment in which they queue up, takes dozens of megabytes. The C library keeps what of it lies
below memory in use, for good: the process seems to leak, once for every burst that is larger than those before.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from functools import cache

GIVE_BACK_S = 30.0
"""How often nodes do so: it takes milliseconds, and what is needed again comes fresh from the system, which is slow."""


def give_back_freed() -> None:
    """Give memory that is free back to the system, where the C library can (glibc)."""
    _trim()()


def give_back_model() -> None:
    """Give back at once what a model held: parts of a node refer to each other, and torch keeps a GPU's memory."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    give_back_freed()


@cache
def _trim() -> Callable[[], object]:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # musl, macOS; Windows has no library of no name
        return lambda: None
    return lambda: trim(ctypes.c_size_t(0))
