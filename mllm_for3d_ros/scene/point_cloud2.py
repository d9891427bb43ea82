"""A SceneCloud as the bytes of a sensor_msgs PointCloud2, and back, without ROS.

Our own maps carry x y z (m), rgb (0x00RRGGBB in a float32, as PCL and RViz expect), weight, normal_x
normal_y normal_z and age (seconds from the voxel's last observation to the stamp of the cloud). Any
cloud with x y z and rgb can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.types import SceneCloud

DATATYPES: dict[int, str] = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""Numbers of sensor_msgs/PointField.datatype and their numpy types."""
_NUMBERS = {np.dtype(code): number for number, code in DATATYPES.items()}


class CloudError(MLLMFor3DError):
    """A PointCloud2 that cannot be read as a coloured map."""


class FieldLike(Protocol):
    """What sensor_msgs/PointField has."""

    name: str
    offset: int
    datatype: int
    count: int


@dataclass(frozen=True)
class Field:
    """One column of a packed cloud: its name, byte offset in a point, PointField datatype and count."""

    name: str
    offset: int
    datatype: int
    count: int = 1


@dataclass(frozen=True)
class PackedCloud:
    """Rows as bytes: [N] structured little endian records and the fields that describe them."""

    fields: tuple[Field, ...]
    rows: np.ndarray

    @property
    def point_step(self) -> int:
        """Bytes of a point."""
        return int(self.rows.dtype.itemsize)

    @property
    def data(self) -> memoryview:
        """All bytes, without a copy."""
        return memoryview(self.rows.view(np.uint8)) if len(self.rows) else memoryview(b"")


def pack_rgb(colors: np.ndarray) -> np.ndarray:
    """[N] float32 whose bits are 0x00RRGGBB, from [N, 3] uint8."""
    wide = colors.astype(np.uint32)
    return (wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).view(np.float32)


def unpack_rgb(packed: np.ndarray) -> np.ndarray:
    """[N, 3] uint8 from [N] float32 or (u)int32 whose bits are 0x??RRGGBB."""
    bits = np.ascontiguousarray(packed).view(np.uint32)
    return np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=1).astype(np.uint8)


def pack_columns(columns: Mapping[str, np.ndarray]) -> PackedCloud:
    """Pack columns [N] of equal length into rows, in their order, without padding."""
    layout = [(name, column.dtype.newbyteorder("<")) for name, column in columns.items()]
    dtype = np.dtype(layout)
    rows = np.empty(len(next(iter(columns.values()))), dtype=dtype)
    for name, column in columns.items():
        rows[name] = column
    described = tuple(Field(n, int(dtype.fields[n][1]), _NUMBERS[np.dtype(t)]) for n, t in layout)  # type: ignore[index]
    return PackedCloud(described, rows)


def pack_cloud(cloud: SceneCloud, stamp_ns: int) -> PackedCloud:
    """Pack a map with the fields named above; ``stamp_ns`` is the stamp that its message will have."""
    age = ((stamp_ns - cloud.last_seen_ns) * 1e-9).astype(np.float32)
    columns = _position_columns(cloud.points, cloud.colors) | {"weight": cloud.weights}
    columns |= {f"normal_{axis}": cloud.normals[:, k] for k, axis in enumerate("xyz")}
    return pack_columns(columns | {"age": age})


def pack_mask(points: np.ndarray, colors: np.ndarray, score: np.ndarray, instance: np.ndarray | None) -> PackedCloud:
    """Pack part of a map with what was found there.

    Args:
        points: [M, 3] float32 m.
        colors: [M, 3] uint8.
        score: [M] float32 probability.
        instance: [M] uint32 instance id, or None for a cloud without that field.
    """
    columns = _position_columns(points, colors) | {"score": score.astype(np.float32)}
    return pack_columns(columns if instance is None else columns | {"instance": instance.astype(np.uint32)})


def _position_columns(points: np.ndarray, colors: np.ndarray) -> dict[str, np.ndarray]:
    return {axis: points[:, k] for k, axis in enumerate("xyz")} | {"rgb": pack_rgb(colors)}


@dataclass(frozen=True)
class CloudLayout:
    """The fields of a PointCloud2 message that say how its bytes are to be read."""

    width: int
    height: int
    point_step: int
    row_step: int
    is_bigendian: bool
    fields: tuple[FieldLike, ...]


def unpack_columns(layout: CloudLayout, data: bytes | memoryview, wanted: Iterable[str]) -> dict[str, np.ndarray]:
    """The columns [N] named ``wanted`` that the cloud has, in native byte order.

    Raises:
        CloudError: the data is shorter than the layout says, or a field does not fit into a point.
    """
    names = set(wanted)
    order = ">" if layout.is_bigendian else "<"
    found = {f.name: f for f in layout.fields if f.name in names and f.datatype in DATATYPES and f.count in (0, 1)}
    dtypes = {name: np.dtype(order + DATATYPES[field.datatype]) for name, field in found.items()}
    if layout.width * layout.height == 0:
        return {name: np.empty(0, dtype.newbyteorder("=")) for name, dtype in dtypes.items()}
    for name, field in found.items():
        if field.offset + dtypes[name].itemsize > layout.point_step:
            raise CloudError(
                f"field {name} (offset {field.offset}) does not fit into a point of {layout.point_step} bytes: "
                "its publisher fills fields or point_step wrongly"
            )
    buffer = np.frombuffer(data, dtype=np.uint8)
    row_bytes = layout.width * layout.point_step
    if layout.row_step < row_bytes or len(buffer) < layout.row_step * layout.height:
        raise CloudError(
            f"a cloud of {layout.width}x{layout.height} points of {layout.point_step} bytes needs "
            f"{row_bytes * layout.height} bytes but has {len(buffer)} (row_step {layout.row_step}): "
            "its publisher fills width, height, row_step or data wrongly"
        )
    rows = buffer[: layout.row_step * layout.height].reshape(layout.height, layout.row_step)[:, :row_bytes]
    record = np.dtype(
        {
            "names": list(found),
            "formats": list(dtypes.values()),
            "offsets": [f.offset for f in found.values()],
            "itemsize": layout.point_step,
        }
    )
    records = np.ascontiguousarray(rows).reshape(-1).view(record)
    return {name: records[name].astype(dtype.newbyteorder("=")) for name, dtype in dtypes.items()}
