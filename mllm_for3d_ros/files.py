"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

PARTIAL = ".partial"
"""Ending of a file being written; one that stays behind is of a process that was killed."""
_OURS = re.compile(rf"\.\d+-[0-9a-f]{{8}}{re.escape(PARTIAL)}$")


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file so that readers, also after a crash, see the old content or all of the new.

    Args:
        path: in a folder that is there.
        content: all of the file.
        durable: outlive a power cut, too; without, only the end of the process, which is much faster.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if not durable:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # so that the new name, too, outlives a power cut
    finally:
        os.close(folder)


def remove_partial(folder: Path) -> None:
    """Delete what killed processes had not finished below ``folder``; nobody may be writing there."""
    for file in folder.rglob(f".*{PARTIAL}"):
        if _OURS.search(file.name) and file.is_file():
            file.unlink(missing_ok=True)
