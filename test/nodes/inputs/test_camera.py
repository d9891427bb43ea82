import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.inputs.camera import Camera, read_camera, source_pixels
from mllm_for3d_ros.types import Intrinsics

PINHOLE = Intrinsics(64, 48, 50.0, 52.0, 31.0, 24.5)


def info(d: list[float], model: str = "plumb_bob", **more: object) -> CameraInfo:
    k = [50.0, 0, 31.0, 0, 52.0, 24.5, 0, 0, 1]
    return CameraInfo(width=64, height=48, k=k, d=d, distortion_model=model, **more)


def project(point: np.ndarray, d: tuple[float, ...]) -> np.ndarray:
    """Pixel of a point by the formulas as OpenCV's documentation writes them, term by term."""
    k1, k2, p1, p2, k3, k4, k5, k6 = d
    x, y = point[0] / point[2], point[1] / point[2]
    r = np.hypot(x, y)
    f = (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
    xd = x * f + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2)
    yd = y * f + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y
    return np.array([PINHOLE.fx * xd + PINHOLE.cx, PINHOLE.fy * yd + PINHOLE.cy])


small = st.floats(-0.05, 0.05)


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[small] * 8), st.integers(0, 63), st.integers(0, 47), st.floats(0.1, 9.0))
def test_a_pixel_of_the_pinhole_camera_is_found_where_the_lens_put_it(
    d: tuple[float, ...], u: int, v: int, z: float
) -> None:
    point = z * np.array([(u - PINHOLE.cx) / PINHOLE.fx, (v - PINHOLE.cy) / PINHOLE.fy, 1.0])
    pixels = source_pixels(PINHOLE, Camera(PINHOLE, d))
    np.testing.assert_allclose(pixels[v, u], project(point, d), atol=1e-3)


def test_without_distortion_pixels_stay_and_other_sizes_are_scaled() -> None:
    grid = np.stack(np.meshgrid(np.arange(64), np.arange(48)), axis=2)
    np.testing.assert_allclose(source_pixels(PINHOLE, Camera(PINHOLE)), grid, atol=1e-4)
    half = source_pixels(PINHOLE.resized(32, 24), Camera(PINHOLE))
    np.testing.assert_allclose(half, 2 * grid[:24, :32] + 0.5, atol=1e-4)


def test_rays_beyond_the_turn_of_a_strong_distortion_are_nowhere() -> None:
    wide = Intrinsics(64, 48, 20.0, 20.0, 31.5, 23.5)
    pixels = source_pixels(wide, Camera(PINHOLE, (-0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)))
    radius = np.hypot(*np.moveaxis((np.stack(np.meshgrid(np.arange(64), np.arange(48)), 2) - [31.5, 23.5]) / 20, 2, 0))
    turn = np.sqrt(1 / (3 * 0.4))  # where r - 0.4 r³ is greatest
    assert np.isnan(pixels[radius > turn + 0.01]).all() and np.isfinite(pixels[radius < turn - 0.01]).all()


def test_models_that_are_read() -> None:
    assert read_camera(info([0.0] * 5), rectified=False) == Camera(PINHOLE)
    assert read_camera(info([]), rectified=False) == Camera(PINHOLE)
    assert read_camera(info([0.0] * 3, "of a simulator"), rectified=False) == Camera(PINHOLE)
    assert read_camera(info([0.1, 0.2, 0.3, 0.4]), False).distortion == (0.1, 0.2, 0.3, 0.4, 0, 0, 0, 0)
    eight = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert read_camera(info(eight, "rational_polynomial"), False).distortion == tuple(eight)


@pytest.mark.parametrize(
    ("d", "model"),
    [
        ([0.1] * 4, "equidistant"),
        ([0.0] * 4, "equidistant"),
        ([0.1] * 8, "plumb_bob"),
        ([0.1] * 14, "rational_polynomial"),
        ([float("nan")] * 5, "plumb_bob"),
    ],
)
def test_models_that_are_refused_by_name(d: list[float], model: str) -> None:
    with pytest.raises(RecordingError, match=f"distortion model '{model}' with {len(d)} coefficients"):
        read_camera(info(d, model), rectified=False)


def test_rectified_images_have_the_projection_matrix_and_no_distortion() -> None:
    p = [40.0, 0, 30.0, 0, 0, 41.0, 20.0, 0, 0, 0, 1, 0]
    assert read_camera(info([0.3] * 5, p=p), rectified=True) == Camera(Intrinsics(64, 48, 40.0, 41.0, 30.0, 20.0))
    assert read_camera(info([0.3] * 5, "equidistant"), rectified=True) == Camera(PINHOLE)
