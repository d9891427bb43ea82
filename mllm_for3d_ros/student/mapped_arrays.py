"""Arrays of an uncompressed .npz file mapped into memory: nothing is read before it is looked at."""

from __future__ import annotations

import mmap
import struct
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

_LOCAL_HEADER = 30
"""Bytes of a ZIP local file header before the name (APPNOTE.TXT 4.3.7); its last 4 give the lengths that follow."""


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays that ``np.savez`` wrote, read-only, by name; the file must not be changed while they are in use.

    Raises:
        ValueError: the file is no ZIP archive, or an array in it is compressed, pickled or cut short.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            members = zipfile.ZipFile(file).infolist()
        except zipfile.BadZipFile as cause:
            raise ValueError(f"{path} is no .npz file ({cause})") from cause
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return {member.filename.removesuffix(".npy"): _array(path, file, memory, member) for member in members}


def _array(path: Path, file: IO[bytes], memory: mmap.mmap, member: zipfile.ZipInfo) -> np.ndarray:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{path} holds {member.filename} compressed; write it with np.savez")
    lengths = memory[member.header_offset + _LOCAL_HEADER - 4 : member.header_offset + _LOCAL_HEADER]
    file.seek(member.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", lengths)))
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError(f"{path} holds {member.filename} pickled; write arrays of numbers or text")
    flat = np.frombuffer(memory, dtype, int(np.prod(shape)), file.tell())
    return flat.reshape(shape, order="F" if by_columns else "C")
