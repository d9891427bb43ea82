import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.nodes.conversion import NANOSECONDS, header_message
from mllm_for3d_ros.nodes.transforms import MovingWindow
from mllm_for3d_ros.recording.tf import TransformUnavailable


def transform(second: float, x: float, parent: str = "map", child: str = "base", w: float = 1.0) -> TFMessage:
    pose = Transform(translation=Vector3(x=x), rotation=Quaternion(w=w))
    header = header_message(parent, round(second * NANOSECONDS))
    return TFMessage(transforms=[TransformStamped(header=header, child_frame_id=child, transform=pose)])


def test_poses_are_interpolated_through_static_transforms() -> None:
    window = MovingWindow(10)
    window.add(transform(0, 0.5, "base", "camera"), static=True)
    window.add(transform(1, 1.0), static=False)
    window.add(transform(2, 2.0), static=False)
    pose = window.lookup("/map", "camera", round(1.5 * NANOSECONDS))
    np.testing.assert_allclose(pose[:3, 3], [2.0, 0, 0])


def test_old_poses_are_forgotten_and_the_last_window_is_kept() -> None:
    window = MovingWindow(10)
    window.add(transform(0, 0.5, "base", "camera"), static=True)
    for second in range(100):
        window.add(transform(second, float(second)), static=False)
    for second in (90, 95, 99):
        assert window.lookup("map", "camera", second * NANOSECONDS)[0, 3] == second + 0.5
    with pytest.raises(TransformUnavailable, match="older"):
        window.lookup("map", "camera", 50 * NANOSECONDS)


def test_a_clock_that_is_set_back_starts_anew() -> None:
    window = MovingWindow(10)
    for second in (100, 101, 5, 6):
        window.add(transform(second, float(second)), static=False)
    assert window.lookup("map", "base", round(5.5 * NANOSECONDS))[0, 3] == 5.5
    assert window.newest_ns == 6 * NANOSECONDS


def test_nonsense_is_counted() -> None:
    window = MovingWindow()
    assert window.add(transform(1, float("nan")), static=False) == 1
    assert window.add(transform(1, 0.0, w=0.0), static=False) == 1
    assert window.frames == []
