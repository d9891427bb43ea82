"""ROS messages to arrays and back."""

from __future__ import annotations

import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header

from mllm_for3d_ros.scene.point_cloud2 import fields_of, pack_columns, unpack_points

NANOSECONDS = 1_000_000_000
_MAX_SECONDS = 2**31 - 1


def stamp_ns(stamp: Any) -> int:
    """Nanoseconds of a Time or Duration message."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def time_message(nanoseconds: int) -> Time:
    """Time message of nanoseconds since 1970, kept within what it can hold."""
    sec, nanosec = divmod(max(0, int(nanoseconds)), NANOSECONDS)
    return Time(sec=min(sec, _MAX_SECONDS), nanosec=nanosec)


def duration_message(seconds: float) -> Duration:
    """Duration message of seconds, not negative."""
    sec, nanosec = divmod(max(0, round(seconds * 1e9)), NANOSECONDS)
    return Duration(sec=min(sec, _MAX_SECONDS), nanosec=nanosec)


def header_message(frame_id: str, nanoseconds: int) -> Header:
    """Header message of a frame and a time."""
    return Header(frame_id=frame_id, stamp=time_message(nanoseconds))


def byte_array(pixels: np.ndarray) -> array.array:
    """The bytes of an array as what rclpy assigns to ``data`` without looking at every element."""
    data = array.array("B")
    if pixels.size:
        data.frombytes(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data)
    return data


def fill_bytes(data: array.array, pixels: np.ndarray) -> None:
    """Make ``data`` the bytes of an array, in the memory that it has if that is enough."""
    raw = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    del data[raw.size :]
    kept = len(data)
    np.frombuffer(data, np.uint8)[:] = raw[:kept]
    data.frombytes(raw[kept:].data)


def image_message(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """Image message of [H, W] or [H, W, C] pixels in native byte order (little endian)."""
    height, width = pixels.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding)
    message.step = pixels[0].nbytes if height else 0
    message.data = byte_array(pixels)
    return message


def cloud_message(columns: Mapping[str, np.ndarray], frame_id: str, nanoseconds: int) -> PointCloud2:
    """Unorganised PointCloud2 of columns [N], packed in their order without padding."""
    return records_message(pack_columns(columns)[0], frame_id, nanoseconds)


def records_message(records: np.ndarray, frame_id: str, nanoseconds: int) -> PointCloud2:
    """Unorganised PointCloud2 of structured records [N]."""
    packed = fields_of(records.dtype)
    fields = [PointField(name=f.name, offset=f.offset, datatype=f.datatype, count=f.count) for f in packed]
    message = PointCloud2(header=header_message(frame_id, nanoseconds), height=1, width=len(records), fields=fields)
    message.point_step, message.row_step, message.is_dense = records.itemsize, records.nbytes, True
    message.data = byte_array(records)
    return message


def cloud_columns(message: Any) -> dict[str, np.ndarray]:
    """Columns of any PointCloud2 by field name, and "colors" [N, 3] uint8 where it has rgb or rgba.

    Raises:
        CloudFormatError: the data does not fit the message's description of it.
    """
    return unpack_points(
        memoryview(message.data) if len(message.data) else b"",
        message.fields,
        int(message.point_step),
        width=int(message.width),
        height=int(message.height),
        row_step=int(message.row_step),
        is_bigendian=bool(message.is_bigendian),
    )
