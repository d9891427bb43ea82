import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Picture
from ros_stand_ins import CvBridge, install
from sensor_msgs.msg import CompressedImage, Image

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.conversion import byte_array, header_message, image_message
from mllm_for3d_ros.nodes.inputs.camera import Camera, source_pixels
from mllm_for3d_ros.nodes.inputs.decoding import color_decoder, depth_decoder
from mllm_for3d_ros.nodes.inputs.frame_reader import FrameReader, Robot
from mllm_for3d_ros.types import Frame, Intrinsics

SIZE = (48, 64)
CAMERA = Camera(Intrinsics(64, 48, 50.0, 50.0, 31.5, 23.5))
HEADER = header_message("camera", 5_000_000_007)
V, U = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
COLOR = np.stack([U * 4, V * 5, 255 - U * 2], axis=2).astype(np.uint8)  # smooth, so that JPEG and bilinear keep it
MILLIMETRES = (1000 + 10 * U + 7 * V).astype(np.uint16)
METRES = MILLIMETRES.astype(np.float32) / 1000


def alpha(color: np.ndarray) -> np.ndarray:
    return np.dstack([color, np.full(SIZE, 255, np.uint8)])


def compressed(pixels: np.ndarray, format: str, name: str, header: bytes = b"", **options: int) -> CompressedImage:
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, format, **options)
    return CompressedImage(
        header=HEADER, format=name, data=byte_array(np.frombuffer(header + file.getvalue(), np.uint8))
    )


def read(
    color: object, depth: object, camera: Camera = CAMERA, robot: Robot | None = None,
    transports: tuple[str, str] = ("raw", "raw"), camera_to: Callable[[str], np.ndarray] = pytest.fail,
) -> Frame:  # fmt: skip
    reader = FrameReader(color_decoder(transports[0], pytest.fail), depth_decoder(transports[1]), robot or Robot())
    return reader.read(color, depth, camera, np.eye(4), camera_to)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (image_message(COLOR, "rgb8", HEADER), COLOR),
        (image_message(COLOR[:, :, ::-1], "bgr8", HEADER), COLOR),
        (image_message(alpha(COLOR), "rgba8", HEADER), COLOR),
        (image_message(alpha(COLOR[:, :, ::-1]), "bgra8", HEADER), COLOR),
        (image_message(COLOR[:, :, 0], "mono8", HEADER), np.repeat(COLOR[:, :, :1], 3, 2)),
    ],
)
def test_raw_colour(message: Image, expected: np.ndarray) -> None:
    frame = read(message, image_message(MILLIMETRES, "16UC1", HEADER))
    np.testing.assert_array_equal(frame.color, expected)
    np.testing.assert_allclose(frame.depth, METRES, rtol=1e-6)
    assert frame.stamp_ns == 5_000_000_007 and frame.intrinsics == CAMERA.intrinsics


@pytest.mark.parametrize(
    ("message", "tolerance"),
    [
        (compressed(COLOR, "PNG", "rgb8; png compressed rgb8"), 0),
        (compressed(COLOR, "JPEG", "rgb8; jpeg compressed bgr8", quality=98), 12),
        (compressed(alpha(COLOR), "PNG", "png"), 0),
    ],
)
def test_compressed_colour(message: CompressedImage, tolerance: int) -> None:
    frame = read(message, image_message(METRES, "32FC1", HEADER), transports=("compressed", "raw"))
    assert np.abs(frame.color.astype(int) - COLOR).max() <= tolerance


def quantized() -> CompressedImage:
    """32FC1 as compressed_depth_image_transport sends it: inverse depth, with its parameters in the header."""
    a, b = 100.0 * 101.0, 1 - 100.0 * 101.0 / 10.0
    inverse = (a / METRES + b).astype(np.uint16)
    inverse[0, 0] = 0
    return compressed(inverse, "PNG", "32FC1; compressedDepth png", struct.pack("<iff", 0, a, b))


@pytest.mark.parametrize(
    ("message", "transport", "tolerance"),
    [
        (image_message(METRES, "32FC1", HEADER), "raw", 0),
        (compressed(MILLIMETRES, "PNG", "16UC1; compressedDepth png", bytes(12)), "compressedDepth", 1e-6),
        (compressed(MILLIMETRES, "PNG", "16UC1; png compressed"), "compressed", 1e-6),
        (quantized(), "compressedDepth", 2e-3),
    ],
)
def test_depth(message: object, transport: str, tolerance: float) -> None:
    depth = read(image_message(COLOR, "rgb8", HEADER), message, transports=("raw", transport)).depth
    assert depth.dtype == np.float32
    known = depth > 0
    assert known.sum() >= METRES.size - 1
    np.testing.assert_allclose(depth[known], METRES[known], rtol=tolerance)


@pytest.mark.parametrize("transports", [("compressed", "raw"), ("raw", "compressedDepth")])
def test_truncated_files_are_named(transports: tuple[str, str]) -> None:
    color: object = image_message(COLOR, "rgb8", HEADER)
    depth: object = image_message(MILLIMETRES, "16UC1", HEADER)
    if transports[0] == "compressed":
        color = compressed(COLOR, "JPEG", "jpeg")
        color.data = color.data[:300]  # type: ignore[attr-defined]
    else:
        depth = compressed(MILLIMETRES, "PNG", "16UC1; compressedDepth png", bytes(12))
        depth.data = depth.data[:300]  # type: ignore[attr-defined]
    with pytest.raises(RecordingError, match="is not a readable image"):
        read(color, depth, transports=transports)


def test_other_encodings_go_through_cv_bridge_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    depth = image_message(METRES, "32FC1", HEADER)
    bayer, strange = image_message(COLOR[:, :, 0], "bayer_rggb8", HEADER), image_message(COLOR, "8SC3", HEADER)
    with pytest.raises(RecordingError, match="'bayer_rggb8' is not supported"):
        read(bayer, depth)
    install(monkeypatch, "cv_bridge", CvBridge)
    np.testing.assert_array_equal(read(bayer, depth).color, np.repeat(COLOR[:, :, :1], 3, 2))
    with pytest.raises(RecordingError, match="cv_bridge cannot make rgb8 of '8SC3'"):
        read(strange, depth)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_registered_depth_of_another_size_takes_the_colour_at_its_pixels(factor: float) -> None:
    height, width = int(SIZE[0] * factor), int(SIZE[1] * factor)
    depth = np.full((height, width), 2.0, np.float32)
    frame = read(image_message(COLOR, "rgb8", HEADER), image_message(depth, "32FC1", HEADER))
    assert frame.intrinsics == CAMERA.intrinsics.resized(width, height)
    expected = np.clip((np.arange(width) + 0.5) / factor - 0.5, 0, 63) * 4
    np.testing.assert_allclose(frame.color[:, :, 0], np.tile(expected, (height, 1)), atol=1)


def test_a_distorted_camera_sees_as_a_pinhole_camera_after_all() -> None:
    distorted = Camera(CAMERA.intrinsics, (-0.2, 0.05, 0.001, -0.001, 0.0, 0.0, 0.0, 0.0))
    rays = source_pixels(CAMERA.intrinsics, distorted)  # where each straight pixel lies in the distorted image
    frame = read(image_message(COLOR, "rgb8", HEADER), image_message(METRES, "32FC1", HEADER), distorted)
    u, v = rays[:, :, 0], rays[:, :, 1]
    inside = (u > 0) & (u < 63) & (v > 0) & (v < 47)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(frame.color[inside][:, 0], u[inside] * 4, atol=1)
    nearest = METRES[np.rint(v[inside]).astype(int), np.rint(u[inside]).astype(int)]
    np.testing.assert_array_equal(frame.depth[inside], nearest)


@pytest.mark.parametrize(
    ("color", "depth", "said"),
    [
        (COLOR[:, :32], METRES, "colour image is 32x48 but camera_info says 64x48"),
        (COLOR, METRES[:24], "depth image is 64x24, which has not the shape of colour's 64x48"),
        (COLOR, METRES[:0], "an image of 64x0"),
        (COLOR[:0], METRES, "an image of 64x0"),
    ],
)
def test_sizes_that_do_not_fit_are_named(color: np.ndarray, depth: np.ndarray, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        read(image_message(color, "rgb8", HEADER), image_message(depth, "32FC1", HEADER))


def test_the_robot_is_left_out_by_mask() -> None:
    mask = np.zeros(SIZE, np.bool_)
    mask[30:, :20] = True
    depth = read(
        image_message(COLOR, "rgb8", HEADER), image_message(METRES, "32FC1", HEADER), robot=Robot(mask=mask)
    ).depth
    assert (depth[mask] == 0).all() and (depth[~mask] > 0).all()
    with pytest.raises(RecordingError, match="self_filter_mask is 20x48 but depth is 64x48"):
        read(image_message(COLOR, "rgb8", HEADER), image_message(METRES, "32FC1", HEADER), robot=Robot(mask[:, :20]))


def test_the_robot_is_left_out_by_a_box_in_its_own_frame() -> None:
    camera_to_box = np.eye(4)
    camera_to_box[:3, 3] = 0.0, 0.0, 1.0
    box = np.array([[-0.1, -9.0, 0.0], [0.1, 9.0, 2.4]])
    depth = read(
        image_message(COLOR, "rgb8", HEADER), image_message(METRES, "32FC1", HEADER),
        robot=Robot(box=box, box_frame="arm"), camera_to={"arm": camera_to_box}.__getitem__,
    ).depth  # fmt: skip
    x = (U - 31.5) / 50 * METRES
    inside = (np.abs(x) <= 0.1) & (METRES + 1.0 <= 2.4)
    assert inside.any() and ((depth == 0) == inside).all()
