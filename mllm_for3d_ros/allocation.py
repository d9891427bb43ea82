"""How a process that runs for long gets its memory from the system."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
_LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Keep what is freed for what is asked for next, instead of giving it back to the system.

    Memory that comes from the system is cleared page by page as it is first touched. The arrays of a map are as large
    as those of the map before it, so a process that gives them back pays for that again: up to a fifth of the time of
    an encode. In return it holds on to the most that it ever needed, until ``nodes.freed_memory`` gives that back.

    Returns:
        Whether it could: this is for the allocator of the GNU C library; others are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    return all(mallopt(parameter, _LARGE) == 1 for parameter in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
