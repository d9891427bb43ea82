"""Opening bags of any format, with errors that a user can act on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from mllm_for3d_ros.errors import RecordingError

BAG_SUFFIXES = (".mcap", ".db3", ".bag")
_STAMP_END = 12
"""Bytes of a serialized message up to the end of its stamp."""


def is_bag_file(path: Path) -> bool:
    """Whether ``path`` is a file with the ending of a bag."""
    return path.suffix in BAG_SUFFIXES and path.is_file()


def bag_files(path: Path) -> list[Path] | None:
    """What to hand to the bag reader for ``path``: the folder, its bag files, the file; None if it is no bag."""
    if path.is_file():
        return [path] if is_bag_file(path) else None
    if (path / "metadata.yaml").is_file():
        return [path]
    files = sorted(filter(is_bag_file, path.iterdir()))
    return files or None


@contextmanager
def open_bag(path: Path) -> Iterator[AnyReader]:
    """A reader of the bag at ``path``, closed at the end.

    Raises:
        RecordingError: not a bag, broken, cut short, or of a version that cannot be read.
    """
    files = bag_files(path)
    if files is None:
        raise RecordingError(f"{path} is not a bag: expected metadata.yaml or a {', '.join(BAG_SUFFIXES)} file")
    try:
        reader = AnyReader(files, default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    except Exception as error:  # whatever the parsers make of bytes that are no bag
        raise broken_bag(path, error) from error
    try:
        yield reader
    finally:
        reader.close()


def broken_bag(path: Path, error: Exception) -> RecordingError:
    """The error for a bag that the parsers gave up on."""
    reason = " ".join(str(error).split()) or type(error).__name__
    text = f"cannot read the bag {path} ({reason})"
    if _cut_mcap(path):
        return RecordingError(f"{text}: the MCAP file is cut short; recover it with `mcap recover IN.mcap -o OUT.mcap`")
    return RecordingError(f"{text}: copy or record it again")


def _cut_mcap(path: Path) -> bool:
    """Whether some MCAP file at ``path`` begins rightly but does not end so."""
    magic = b"\x89MCAP0\r\n"
    files = [path] if path.is_file() else sorted(path.glob("*.mcap"))
    for file in files:
        with file.open("rb") as stream:
            begins = stream.read(8) == magic
            stream.seek(max(0, file.stat().st_size - 8))
            if begins and stream.read(8) != magic:
                return True
    return False


def header_stamp(raw: bytes | memoryview, is_cdr: bool) -> int:
    """Stamp in ns of a serialized message that begins with a std_msgs Header.

    CDR has 4 bytes of encapsulation before the stamp, ROS 1 the 4 bytes of seq.

    Raises:
        RecordingError: the message is too short for a stamp.
    """
    if len(raw) < _STAMP_END:
        raise RecordingError(f"a message of {len(raw)} bytes is too short for its header: copy or record the bag again")
    order = ">" if is_cdr and raw[1] == 0 else "<"
    seconds, nanoseconds = struct.unpack_from(f"{order}II", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
