import threading

import numpy as np
import pytest
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from ros_stand_ins import Buffer, TransformException, hide, install
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.nodes.conversion import NANOSECONDS, header_message
from mllm_for3d_ros.nodes.transforms import MovingWindow, Tf2Store, Transforms, make_store
from mllm_for3d_ros.recording.tf import TransformUnavailable

PATIENCE_S = 20.0


def ns(second: float) -> int:
    return round(second * NANOSECONDS)


def transform(second: float, x: float, parent: str = "map", child: str = "base", w: float = 1.0) -> TransformStamped:
    pose = Transform(translation=Vector3(x=x), rotation=Quaternion(w=w))
    return TransformStamped(header=header_message(parent, ns(second)), child_frame_id=child, transform=pose)


@pytest.fixture(params=["ours", "tf2_ros"])
def transforms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Transforms:
    if request.param == "tf2_ros":
        install(monkeypatch, "tf2_ros", Buffer, TransformException)
    else:
        hide(monkeypatch, "tf2_ros")
    store = make_store(pytest.fail)
    assert isinstance(store, MovingWindow if request.param == "ours" else Tf2Store)
    made = Transforms(store)
    made.take(TFMessage(transforms=[transform(0, 0.5, "base", "camera")]), static=True)
    return made


def move(transforms: Transforms, *seconds: float) -> None:
    for second in seconds:
        transforms.take(TFMessage(transforms=[transform(second, second)]), static=False)


def test_poses_are_interpolated_through_static_transforms(transforms: Transforms) -> None:
    move(transforms, 1, 2)
    pose = transforms.lookup("/map", "camera", ns(1.5))
    np.testing.assert_allclose(pose[:3, 3], [2.0, 0, 0])
    assert transforms.lookup("base", "/camera", ns(1.5))[0, 3] == 0.5


def test_a_look_up_waits_for_a_late_transform(transforms: Transforms) -> None:
    move(transforms, 1)
    found: list[np.ndarray] = []
    thread = threading.Thread(
        target=lambda: found.append(transforms.wait_for("map", "camera", ns(1.5), PATIENCE_S)), daemon=True
    )
    thread.start()
    move(transforms, 2)
    thread.join(PATIENCE_S)
    assert found[0][0, 3] == 2.0


def test_closing_ends_the_waiting(transforms: Transforms) -> None:
    move(transforms, 1)
    transforms.close()
    with pytest.raises(TransformUnavailable):
        transforms.wait_for("map", "camera", ns(1.5), 1e6)


def test_what_can_never_come_is_not_waited_for(transforms: Transforms) -> None:
    move(transforms, 5, 6)
    with pytest.raises(TransformUnavailable, match=r"'camera' in 'map' .* -5\.000 s from the newest .* older"):
        transforms.wait_for("map", "camera", ns(1), 1e6)


def test_who_began_to_listen_when_asked_gets_the_first_pose_that_is_known(transforms: Transforms) -> None:
    move(transforms, 2.0, 2.1)
    found = transforms.wait_for("map", "camera", ns(1.9), 0.0, grace_ns=ns(0.5))
    np.testing.assert_array_equal(found, transforms.lookup("map", "camera", ns(2.1)))
    with pytest.raises(TransformUnavailable):
        transforms.wait_for("map", "camera", ns(1.0), 0.0, grace_ns=ns(0.5))


@pytest.mark.parametrize(("target", "source"), [("map", "moon"), ("moon", "camera")])
def test_unknown_frames_are_named_with_those_there_are(transforms: Transforms, target: str, source: str) -> None:
    move(transforms, 1)
    with pytest.raises(TransformUnavailable, match="frame 'moon' is not on /tf, which has base, camera, map; set"):
        transforms.wait_for(target, source, ns(1), 0.0)


def test_without_any_transform_that_is_said() -> None:
    with pytest.raises(TransformUnavailable, match="nothing on /tf and /tf_static"):
        Transforms(MovingWindow()).wait_for("map", "camera", 0, 0.0)


def test_a_clock_that_is_set_back_starts_anew(transforms: Transforms) -> None:
    move(transforms, 5, 5.5, 6, 100, 101)
    move(transforms, 5)
    with pytest.raises(TransformUnavailable):
        transforms.lookup("map", "camera", ns(5.5))
    move(transforms, 6)
    assert transforms.lookup("map", "camera", ns(5.5))[0, 3] == 6.0 and transforms.set_back == 1


def test_transforms_a_little_out_of_order_are_no_set_back(transforms: Transforms) -> None:
    move(transforms, 1.0, 1.2, 1.1, 1.3)
    assert transforms.lookup("map", "base", ns(1.15))[0, 3] == pytest.approx(1.15) and transforms.set_back == 0


def test_nonsense_is_counted(transforms: Transforms) -> None:
    for bad in (transform(1, float("nan")), transform(1, 0.0, w=0.0), transform(1, 0.0, w=float("inf"))):
        transforms.take(TFMessage(transforms=[bad]), static=False)
    assert transforms.refused == 3
    with pytest.raises(TransformUnavailable):
        transforms.lookup("map", "base", ns(1))


def test_poses_of_a_topic_join_the_tree(transforms: Transforms) -> None:
    for second in (1, 2):
        pose = Pose(position=Point(x=float(second)), orientation=Quaternion(w=1.0))
        transforms.take_pose(header_message("map", ns(second)), pose, "base")
    assert transforms.lookup("map", "camera", ns(1.5))[0, 3] == 2.0


def test_old_poses_are_forgotten_and_the_last_window_is_kept() -> None:
    window = MovingWindow(10)
    window.add(transform(0, 0.5, "base", "camera"), static=True)
    for second in range(100):
        window.add(transform(second, float(second)), static=False)
    for second in (90, 95, 99):
        assert window.lookup("map", "camera", second * NANOSECONDS)[0, 3] == second + 0.5
    with pytest.raises(TransformUnavailable, match="older"):
        window.lookup("map", "camera", 50 * NANOSECONDS)
