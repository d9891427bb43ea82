"""A SceneCloud as the bytes and fields of a sensor_msgs PointCloud2, and any such bytes as columns; no ROS here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.types import SceneCloud

DATATYPES: dict[int, str] = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""Numbers of sensor_msgs/PointField.datatype and their numpy types."""
_NUMBERS = {np.dtype(code): number for number, code in DATATYPES.items()}


class CloudFormatError(MLLMFor3DError):
    """The bytes of a point cloud do not fit its own description."""


class PointField(NamedTuple):
    """One column of a cloud, as in sensor_msgs/PointField."""

    name: str
    offset: int
    datatype: int
    count: int = 1  # type: ignore[assignment]  # hides tuple.count, as its name is given


def pack_rgb(colors: np.ndarray) -> np.ndarray:
    """[N] float32 whose bits are 0x00RRGGBB, as PCL and RViz expect, from [N, 3] uint8."""
    wide = colors.astype(np.uint32)
    return (wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).view(np.float32)


def unpack_rgb(packed: np.ndarray) -> np.ndarray:
    """[N, 3] uint8 from [N] values of 4 bytes whose bits are 0x??RRGGBB."""
    bits = np.ascontiguousarray(packed).view(np.uint32)
    return np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=1).astype(np.uint8)


def pack_columns(columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[PointField]]:
    """Columns [N] of equal length as records in their order, little endian, without padding, and their fields."""
    dtype = np.dtype([(name, column.dtype.newbyteorder("<")) for name, column in columns.items()])
    records = np.empty(len(next(iter(columns.values()))), dtype=dtype)
    for name, column in columns.items():
        records[name] = column
    return records, fields_of(dtype)


def fields_of(records: np.dtype) -> list[PointField]:
    """The fields of records of single numbers."""
    offsets = {name: column[1] for name, column in (records.fields or {}).items()}
    return [PointField(name, offset, _NUMBERS[records[name].newbyteorder("=")]) for name, offset in offsets.items()]


def pack_points(
    cloud: SceneCloud, score: np.ndarray | None = None, instance: np.ndarray | None = None
) -> tuple[np.ndarray, list[PointField]]:
    """Records and fields of a cloud: x, y, z, rgb, weight, then score and instance where given.

    Args:
        cloud: the points.
        score: [N] probabilities, packed as float32.
        instance: [N] instance numbers, packed as int32.

    Returns:
        [N] structured records (their bytes are the message's data, their itemsize its point_step) and
        the fields.

    Raises:
        ValueError: score or instance has another length than the cloud.
    """
    columns = {axis: cloud.points[:, k] for k, axis in enumerate("xyz")}
    columns |= {"rgb": pack_rgb(cloud.colors), "weight": cloud.weights}
    if score is not None:
        columns["score"] = np.asarray(score, dtype=np.float32)
    if instance is not None:
        columns["instance"] = np.asarray(instance, dtype=np.int32)
    for name, column in columns.items():
        if column.shape != (len(cloud),):
            raise ValueError(f"{name} must have one value for each of the {len(cloud)} points, got {column.shape}")
    return pack_columns(columns)


def unpack_points(
    data: bytes | memoryview | np.ndarray,
    fields: Sequence[PointField],
    point_step: int,
    *,
    width: int | None = None,
    height: int = 1,
    row_step: int | None = None,
    is_bigendian: bool = False,
) -> dict[str, np.ndarray]:
    """Columns of a point cloud's bytes, organised or not, with any fields and padding.

    Args:
        data: the message's data.
        fields: the message's fields, or objects with their attributes.
        point_step: bytes of a point.
        width: points in a row; None takes as many as there are bytes for.
        height: rows.
        row_step: bytes of a row; None means no padding.
        is_bigendian: byte order of the data.

    Returns:
        [N] (or [N, count]) arrays in native byte order by name, and "colors" [N, 3] uint8 if there is
        a field rgb or rgba.

    Raises:
        CloudFormatError: the data is too short, or a field is outside the point or of unknown type.
    """
    if point_step <= 0:
        raise CloudFormatError(f"point_step {point_step} of a cloud must be positive; its publisher fills it wrongly")
    buffer = np.frombuffer(data, dtype=np.uint8)
    width = len(buffer) // point_step if width is None else width
    record = _record(fields, point_step, ">" if is_bigendian else "<")
    records = _records(buffer, record, width, height, row_step)
    columns = {name: records[name].astype(records.dtype[name].base.newbyteorder("=")) for name in record.names or ()}
    packed = columns.get("rgb", columns.get("rgba"))
    if packed is not None and packed.dtype.itemsize == 4 and packed.ndim == 1:
        columns["colors"] = unpack_rgb(packed)
    return columns


def _record(fields: Sequence[PointField], point_step: int, order: str) -> np.dtype:
    """The numpy type of one point."""
    formats = []
    for field in fields:
        if field.datatype not in DATATYPES:
            raise CloudFormatError(f"field {field.name!r} of a cloud has unknown datatype {field.datatype}; use 1 to 8")
        base = np.dtype(order + DATATYPES[field.datatype])
        formats.append(base if field.count <= 1 else np.dtype((base, (field.count,))))
        if field.offset < 0 or field.offset + formats[-1].itemsize > point_step:
            raise CloudFormatError(
                f"field {field.name!r} at offset {field.offset} lies outside of a point of {point_step} bytes; "
                "its publisher fills offset or point_step wrongly"
            )
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise CloudFormatError(f"a cloud has two fields of one name ({', '.join(names)}); name each field once")
    offsets = [field.offset for field in fields]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": point_step})


def _records(buffer: np.ndarray, record: np.dtype, width: int, height: int, row_step: int | None) -> np.ndarray:
    """[width * height] records of the rows, without the padding behind each."""
    row_bytes = width * record.itemsize
    step = row_bytes if row_step is None else row_step
    if not row_bytes or not height:
        return np.empty(0, dtype=record)
    if step < row_bytes or len(buffer) < step * (height - 1) + row_bytes:
        raise CloudFormatError(
            f"a cloud of {width}x{height} points of {record.itemsize} bytes needs {max(step, row_bytes) * height} "
            f"bytes, but has {len(buffer)} (row_step {step}); its publisher fills width, row_step or data wrongly"
        )
    rows = np.lib.stride_tricks.as_strided(buffer, (height, row_bytes), (step, 1))
    return np.ascontiguousarray(rows).reshape(-1).view(record)
