from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_support import poses
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.bag_writer import depth_to_millimetres, write_bag
from mllm_for3d_ros.recording.reader import open_recording
from mllm_for3d_ros.recording.transforms import make_transform
from mllm_for3d_ros.types import Frame, Intrinsics

CAMERA = Intrinsics(16, 12, 14.5, 15.25, 7.3, 5.9)
FIRST = 1_700_000_000 * 10**9


def make_frames(count: int, seed: int = 0) -> list[Frame]:
    rng = np.random.default_rng(seed)
    frames = []
    for n in range(count):
        depth = rng.integers(0, 5000, (12, 16)).astype(np.float32) * np.float32(1e-3)
        color = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        pose = make_transform(rng.uniform(-5, 5, 3), rng.normal(size=4))
        frames.append(Frame(FIRST + n * 33_333_333, color, depth, CAMERA, pose))
    return frames


def assert_equal(first: list[Frame], second: list[Frame]) -> None:
    for a, b in zip(first, second, strict=True):
        assert a.stamp_ns == b.stamp_ns and a.intrinsics == b.intrinsics
        np.testing.assert_array_equal(a.color, b.color)
        np.testing.assert_array_equal(a.depth, b.depth)
        np.testing.assert_allclose(a.camera_to_world, b.camera_to_world, atol=1e-9)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("count", [1, 5])
def test_frames_round_trip(tmp_path: Path, storage: str, count: int) -> None:
    frames = make_frames(count)
    assert write_bag(frames, tmp_path / "bag", storage) == count
    recording = open_recording(tmp_path / "bag")
    assert len(recording) == count
    assert_equal(frames, list(recording))
    assert recording.skipped == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bag"]


@settings(max_examples=20, deadline=None)
@given(poses(50), st.integers(1, 2**31 * 10**9 - 10**9))
def test_any_pose_and_stamp_round_trip(tmp_path_factory: pytest.TempPathFactory, pose: np.ndarray, stamp: int) -> None:
    path = tmp_path_factory.mktemp("pose") / "bag"
    frame = Frame(stamp, np.zeros((12, 16, 3), np.uint8), np.ones((12, 16), np.float32), CAMERA, pose)
    write_bag([frame], path)
    assert_equal([frame], list(open_recording(path)))


def test_tf_static_is_latched_and_tf_has_two_samples(tmp_path: Path) -> None:
    write_bag(make_frames(1), tmp_path / "bag")
    with AnyReader([tmp_path / "bag"]) as reader:
        durability = {c.topic: c.ext.offered_qos_profiles[0].durability for c in reader.connections}
        counts = {name: topic.msgcount for name, topic in reader.topics.items()}
        static = next(reader.messages([c for c in reader.connections if c.topic == "/tf_static"]))
        mount = reader.deserialize(static[2], static[0].msgtype).transforms[0]
    assert durability["/tf_static"] == QosDurability.TRANSIENT_LOCAL
    assert durability["/tf"] == QosDurability.VOLATILE
    assert counts["/tf"] == 2 and counts["/tf_static"] == 1
    assert (mount.header.frame_id, mount.child_frame_id) == ("base_link", "camera_color_optical_frame")


def test_frame_names_are_those_asked_for(tmp_path: Path) -> None:
    write_bag(make_frames(2), tmp_path / "bag", map_frame="odom", camera_frame="eye")
    assert len(list(open_recording(tmp_path / "bag", map_frame="odom", camera_frame="eye"))) == 2


def test_an_existing_path_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(RecordingError, match="exists already"):
        write_bag(make_frames(1), tmp_path / "bag")


def test_unknown_storage_and_no_frames(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="use mcap or sqlite3"):
        write_bag(make_frames(1), tmp_path / "bag", "tape")
    with pytest.raises(RecordingError, match="no frames to write"):
        write_bag([], tmp_path / "bag")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_writer_leaves_nothing_and_may_start_again(tmp_path: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield from make_frames(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bag(broken(), tmp_path / "bag")
    assert not list(tmp_path.iterdir())
    assert write_bag(make_frames(2), tmp_path / "bag") == 2


def test_depth_is_rounded_to_millimetres() -> None:
    depth = np.array([[1.2344, 1.2346, 0, 70.0, np.nan, -1]], dtype=np.float32)
    assert depth_to_millimetres(depth).tolist() == [[1234, 1235, 0, 0, 0, 0]]
