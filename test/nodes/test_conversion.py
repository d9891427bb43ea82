import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import Image, PointCloud2, PointField

from mllm_for3d_ros.nodes.conversion import (
    cloud_columns,
    cloud_message,
    duration_message,
    header_message,
    image_message,
    stamp_ns,
    time_message,
)
from mllm_for3d_ros.recording.images import decode_color, decode_depth
from mllm_for3d_ros.scene.point_cloud2 import CloudFormatError, pack_rgb

HEADER = header_message("camera", 5_000_000_007)
RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (3, 4, 3), dtype=np.uint8)
MILLIMETRES = RNG.integers(1, 5000, (3, 4)).astype(np.uint16)


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_round_trip(nanoseconds: int) -> None:
    assert stamp_ns(time_message(nanoseconds)) == nanoseconds


def test_times_that_no_message_can_hold_are_cut() -> None:
    assert stamp_ns(time_message(-5)) == 0 and time_message(2**70).sec == 2**31 - 1
    assert stamp_ns(duration_message(1.25)) == 1_250_000_000 and stamp_ns(duration_message(-1)) == 0


@pytest.mark.parametrize(
    ("encoding", "pixels", "expected"),
    [
        ("rgb8", COLOR, COLOR),
        ("bgr8", COLOR[:, :, ::-1], COLOR),
        ("mono8", COLOR[:, :, 0], np.repeat(COLOR[:, :, :1], 3, 2)),
    ],
)
def test_colour_encodings(encoding: str, pixels: np.ndarray, expected: np.ndarray) -> None:
    message = image_message(pixels, encoding, HEADER)
    assert isinstance(message.data, array.array) and message.step == 4 * (3 if pixels.ndim == 3 else 1)
    np.testing.assert_array_equal(decode_color(message), expected)


def padded(message: Image, padding: int) -> Image:
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    wide = np.concatenate([rows, np.full((message.height, padding), 255, np.uint8)], axis=1)
    message.step, message.data = wide.shape[1], array.array("B", wide.tobytes())
    return message


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("big_endian", [0, 1])
def test_depth_with_padding_and_either_byte_order(padding: int, big_endian: int) -> None:
    order = ">" if big_endian else "<"
    millimetres = padded(image_message(MILLIMETRES.astype(order + "u2"), "16UC1", HEADER), padding)
    metres = MILLIMETRES.astype(np.float32) / 1000
    metres[0, :3] = np.nan, np.inf, -1
    floats = padded(image_message(metres.astype(order + "f4"), "32FC1", HEADER), padding)
    millimetres.is_bigendian = floats.is_bigendian = big_endian
    np.testing.assert_allclose(decode_depth(millimetres), MILLIMETRES / 1000, rtol=1e-6)
    decoded = decode_depth(floats)
    assert (decoded[0, :3] == 0).all()
    np.testing.assert_array_equal(decoded[1:], metres[1:])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(0, 9))
def test_clouds_round_trip(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    colors = rng.integers(0, 256, (n, 3), dtype=np.uint8)
    columns = {axis: rng.normal(size=n).astype(np.float32) for axis in "xyz"} | {"rgb": pack_rgb(colors)}
    columns["instance"] = rng.integers(0, 9, n).astype(np.uint32)
    message = cloud_message(columns, "map", 7)
    back = cloud_columns(message)
    for name in ("x", "y", "z", "instance"):
        np.testing.assert_array_equal(back[name], columns[name])
    np.testing.assert_array_equal(back["colors"], colors)
    assert (message.width, message.row_step, message.header.frame_id) == (n, n * 20, "map")


def test_cut_clouds_are_named() -> None:
    fields = [PointField(name="x", offset=0, datatype=7, count=1)]
    with pytest.raises(CloudFormatError, match="needs 400 bytes"):
        cloud_columns(PointCloud2(width=100, height=1, point_step=4, row_step=400, fields=fields))
