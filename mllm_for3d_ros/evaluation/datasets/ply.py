"""Reading PLY meshes: ASCII and binary, with triangles or polygons of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import DatasetError

_MAX_HEADER = 65_536
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_KINDS = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip


@dataclass(frozen=True)
class Ply:
    """Columns of a PLY by element and property: [n], or [n, k] for a property that is a list of k numbers."""

    path: Path
    elements: dict[str, dict[str, np.ndarray]]

    def columns(self, element: str, names: Sequence[str]) -> np.ndarray:
        """Properties of an element side by side, [n, len(names)].

        Raises:
            DatasetError: one of them is missing.
        """
        found = self.elements.get(element, {})
        missing = [name for name in names if name not in found]
        if missing:
            raise DatasetError(f"{self.path} has no {element} property {missing[0]}: use the dataset's own file")
        return np.stack([found[name] for name in names], axis=-1)

    @property
    def points(self) -> np.ndarray:
        """[N, 3] float32 positions of the vertices."""
        return np.ascontiguousarray(self.columns("vertex", ("x", "y", "z")), dtype=np.float32)

    @property
    def colors(self) -> np.ndarray:
        """[N, 3] uint8 colours of the vertices."""
        return np.ascontiguousarray(self.columns("vertex", ("red", "green", "blue")), dtype=np.uint8)


@dataclass(frozen=True)
class _Property:
    """kind of the numbers; counter: kind of the length of a list, None for one number."""

    name: str
    kind: str
    counter: str | None


@dataclass(frozen=True)
class _Element:
    name: str
    rows: int
    properties: tuple[_Property, ...]


def read_ply(path: Path) -> Ply:
    """All elements of a PLY file.

    Raises:
        DatasetError: the file is missing, no PLY, cut short, or its polygons differ in size.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise DatasetError(f"{path} cannot be read ({cause.strerror}): see docs/datasets.md for the layout") from cause
    try:
        order, elements, start = _header(content)
        ascii_rows = content[start:].split() if not order else []
        columns, place = {}, 0 if not order else start
        for element in elements:
            if order:
                columns[element.name], place = _binary(content, place, element, order)
            else:
                columns[element.name], place = _ascii(ascii_rows, place, element)
    except (ValueError, IndexError, KeyError) as cause:
        raise DatasetError(f"{path} is no readable PLY mesh ({cause}); download it again") from cause
    ply = Ply(path, columns)
    if not np.isfinite(ply.points).all():
        raise DatasetError(f"{path} has vertices that are not finite; download it again")
    return ply


def _header(content: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("" for ASCII), elements, and where the rows start."""
    end = content.find(b"end_header", 0, _MAX_HEADER)
    stop = content.find(b"\n", end) + 1
    if not content.startswith(b"ply") or end < 0 or not stop:
        raise ValueError("it has no PLY header")
    order: str | None = None
    elements: list[_Element] = []
    for line in content[:end].decode("ascii", errors="replace").splitlines()[1:]:
        words = line.split()
        if words[:1] == ["format"]:
            order = _ORDERS[words[1]]
        elif words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2]), ()))
        elif words[:1] == ["property"]:
            last = elements.pop()
            elements.append(_Element(last.name, last.rows, (*last.properties, _property(words))))
    if order is None or any(element.rows < 0 for element in elements):
        raise ValueError("its header is incomplete")
    return order, elements, stop


def _property(words: Sequence[str]) -> _Property:
    if words[1] == "list":
        return _Property(words[4], _KINDS[words[3]], _KINDS[words[2]])
    return _Property(words[2], _KINDS[words[1]], None)


def _binary(content: bytes, start: int, element: _Element, order: str) -> tuple[dict[str, np.ndarray], int]:
    """Columns of an element, and where the next one starts."""
    fields: list[tuple] = []
    for one in element.properties:
        if one.counter is None:
            fields.append((one.name, order + one.kind))
            continue
        # Lists are as long in every row as in the first; checked below.
        here = start + np.dtype(fields).itemsize if fields else start
        length = int(np.frombuffer(content, order + one.counter, 1, here)[0]) if element.rows else 0
        if not 0 <= length <= _MAX_HEADER:
            raise ValueError(f"a list of {element.name} has {length} entries")
        fields += [(f"{one.name} length", order + one.counter), (one.name, order + one.kind, (length,))]
    layout = np.dtype(fields)
    if element.rows * layout.itemsize > len(content) - start:
        raise ValueError(f"it is cut short in the rows of {element.name}")
    rows = np.frombuffer(content, layout, element.rows, start)
    for one in element.properties:
        if one.counter is not None:
            _check_lengths(rows[f"{one.name} length"], element.name)
    native = {one.name: rows[one.name].astype(one.kind) for one in element.properties}
    return native, start + element.rows * layout.itemsize


def _ascii(words: Sequence[bytes], start: int, element: _Element) -> tuple[dict[str, np.ndarray], int]:
    """As ``_binary``, over the words of the file."""
    places: list[tuple[_Property, int, int]] = []
    width = 0
    for one in element.properties:
        if one.counter is None:
            places.append((one, width, 0))
            width += 1
        else:
            length = int(words[start + width]) if element.rows else 0
            places.append((one, width + 1, length))
            width += 1 + length
    if element.rows * width > len(words) - start:
        raise ValueError(f"it is cut short in the rows of {element.name}")
    stop = start + element.rows * width
    table = np.array(words[start:stop], dtype=np.float64).reshape(element.rows, width)
    columns = {}
    for one, place, length in places:
        if one.counter is None:
            columns[one.name] = table[:, place].astype(one.kind)
        else:
            _check_lengths(table[:, place - 1], element.name, length)
            columns[one.name] = table[:, place : place + length].astype(one.kind)
    return columns, stop


def _check_lengths(lengths: np.ndarray, element: str, expected: int | None = None) -> None:
    if len(lengths) and (lengths != (lengths[0] if expected is None else expected)).any():
        raise ValueError(f"the lists of {element} differ in length: only meshes of triangles can be read")
