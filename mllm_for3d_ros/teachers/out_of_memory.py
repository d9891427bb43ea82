"""Running out of memory is no property of a view: it ends the run, with what to turn down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mllm_for3d_ros.errors import TeacherError

_CPU_SIGNS = ("can't allocate memory", "not enough memory", "cannot allocate memory")


@contextmanager
def memory_errors(teacher: str, doing: str, remedy: str) -> Iterator[None]:
    """Turn a lack of GPU or main memory inside the block into one line.

    Args:
        teacher: who ran, e.g. "qwen-vl".
        doing: what it did, e.g. "asking 4 views at once".
        remedy: what to turn down, e.g. "use a smaller batch size".

    Raises:
        TeacherError: memory ran out. Other errors pass unchanged.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as cause:
        if not _is_out_of_memory(cause):
            raise
        raise TeacherError(f"{teacher}: out of memory while {doing}; {remedy}") from cause


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    text = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in text for sign in _CPU_SIGNS)
