import io
from pathlib import Path

import numpy as np
import pytest
from bag_support import (
    SECOND,
    STORE,
    camera_info,
    camera_messages,
    compressed,
    image,
    odometry,
    pose_stamped,
    ros1,
    save_bag,
    tf,
)
from PIL import Image
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionMode, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.bag_reader import DAMAGED, NO_DEPTH, NO_PARTNER
from mllm_for3d_ros.recording.reader import open_recording

S = SECOND
TF = [("/tf", 0, tf(0, 0.0)), ("/tf", 10 * S, tf(10 * S, 10.0))]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_poses_are_interpolated_at_the_image_stamp(tmp_path: Path, storage: str) -> None:
    stamps = [S, 2 * S + S // 2, 9 * S]
    recording = open_recording(save_bag(tmp_path / "bag", [*camera_messages(stamps), *TF], storage))
    assert len(recording) == 3
    frames = list(recording)
    assert [f.stamp_ns for f in frames] == stamps
    np.testing.assert_allclose([f.camera_to_world[0, 3] for f in frames], [1, 2.5, 9])
    assert [f.color[0, 0, 0] for f in frames] == [0, 1, 2]
    np.testing.assert_array_equal(frames[0].depth, np.full((6, 8), np.float32(1500) * np.float32(1e-3)))
    assert recording.skipped == {}
    assert next(iter(recording)).stamp_ns == S  # may be gone through again


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_bare_files_and_folders_without_metadata(tmp_path: Path, storage: str) -> None:
    bag = save_bag(tmp_path / "bag", [*camera_messages([S]), *TF], storage)
    file = next(p for p in bag.iterdir() if p.suffix in (".mcap", ".db3"))
    assert len(list(open_recording(file))) == 1
    (bag / "metadata.yaml").unlink()
    assert len(list(open_recording(bag))) == 1


def test_colour_and_depth_may_arrive_in_any_order(tmp_path: Path) -> None:
    cameras = camera_messages([S, 2 * S, 3 * S])
    late = [(topic, 20 * S if topic == "/cam/color" else stamp, m) for topic, stamp, m in cameras]
    frames = list(open_recording(save_bag(tmp_path / "bag", [*late, *TF])))
    assert [f.stamp_ns for f in frames] == [S, 2 * S, 3 * S]
    assert [f.color[0, 0, 0] for f in frames] == [0, 1, 2]


def test_images_without_partner_pose_or_depth_are_counted(tmp_path: Path) -> None:
    lone = ("/cam/color", 4 * S, image(4 * S, "rgb8", np.zeros((6, 8, 3), np.uint8)))
    blind = camera_messages([5 * S], depth_mm=0)
    messages = [*camera_messages([S, 30 * S]), lone, *blind, *TF]
    recording = open_recording(save_bag(tmp_path / "bag", messages))
    assert [f.stamp_ns for f in recording] == [S]
    assert recording.skipped == {NO_PARTNER: 1, "no pose: image newer than the last pose": 1, NO_DEPTH: 1}


def test_float_depth_with_holes(tmp_path: Path) -> None:
    depth = np.full((6, 8), 2.0, np.float32)
    depth[0, :4] = [np.nan, np.inf, -1, 0]
    messages = [m for m in camera_messages([S]) if m[0] != "/cam/depth"]
    messages.append(("/cam/depth", S, image(S, "32FC1", depth)))
    frame = next(iter(open_recording(save_bag(tmp_path / "bag", [*messages, *TF]))))
    assert (frame.depth[0, :4] == 0).all() and (frame.depth.ravel()[4:] == 2).all()


def test_compressed_images(tmp_path: Path) -> None:
    color = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    depth = np.arange(1000, 1048, dtype=np.uint16).reshape(6, 8)
    messages = [
        ("/cam/camera_info", S, camera_info(S)),
        ("/cam/image/compressed", S, compressed(S, "rgb8; png compressed", png(color))),
        ("/cam/depth/compressedDepth", S, compressed(S, "16UC1; compressedDepth png", bytes(12) + png(depth))),
    ]
    frame = next(iter(open_recording(save_bag(tmp_path / "bag", [*messages, *TF]))))
    np.testing.assert_array_equal(frame.color, color)
    np.testing.assert_array_equal(frame.depth, depth.astype(np.float32) * np.float32(1e-3))


def test_pose_stamped_in_place_of_tf(tmp_path: Path) -> None:
    poses = [("/slam/pose", t * S, pose_stamped(t * S, 2.0 * t)) for t in (0, 4)]
    recording = open_recording(save_bag(tmp_path / "bag", [*camera_messages([S]), *poses]))
    assert next(iter(recording)).camera_to_world[0, 3] == pytest.approx(2.0)


def test_odometry_with_the_mount_of_the_camera(tmp_path: Path) -> None:
    poses = [("/odom", t * S, odometry(t * S, 3.0 * t)) for t in (0, 4)]
    mount = ("/tf_static", 0, tf(0, 0.5, "base_link", "camera"))
    bag = save_bag(tmp_path / "bag", [*camera_messages([2 * S]), *poses, mount])
    assert next(iter(open_recording(bag))).camera_to_world[0, 3] == pytest.approx(6.5)


def test_a_named_pose_topic_goes_before_tf(tmp_path: Path) -> None:
    poses = [("/slam/pose", t * S, pose_stamped(t * S, 7.0)) for t in (0, 4)]
    bag = save_bag(tmp_path / "bag", [*camera_messages([S]), *poses, *TF])
    assert next(iter(open_recording(bag))).camera_to_world[0, 3] == pytest.approx(1.0)
    assert next(iter(open_recording(bag, pose_topic="/slam/pose"))).camera_to_world[0, 3] == pytest.approx(7.0)


def without(topic: str) -> list:
    return [m for m in [*camera_messages([S]), *TF] if m[0] != topic]


def replaced(topic: str, message: object) -> list:
    return [*without(topic), (topic, S, message)]


BAD_BAGS = {
    "empty": ([("/cam/color", -1, "sensor_msgs/msg/Image")], {}, r"is empty.*record it again"),
    "no depth": (without("/cam/depth"), {}, r"no depth topic.*it has .*/cam/color \(rgb8\)"),
    "no colour": (without("/cam/color"), {}, r"no colour topic.*it has .*/cam/depth \(16UC1\)"),
    "no camera": (without("/cam/camera_info"), {}, r"no camera info.*camera_info_topic"),
    "no pose": (camera_messages([S]), {}, r"no pose in the bag: record /tf"),
    "no chain": (
        [*camera_messages([S]), ("/tf", 0, tf(0, 0.0, "map", "base"))],
        {},
        r"no pose of camera frame 'camera'.*frames of /tf are base, map",
    ),
    "poses elsewhen": (
        [*camera_messages([50 * S]), *TF],
        {},
        r"no image has a pose from map to camera: no pose: image newer than the last pose \(1\)",
    ),
    "map frame": ([*camera_messages([S]), *TF], {"map_frame": "world"}, r"'world' is not in the bag.*camera, map"),
    "no such topic": (without(""), {"depth_topic": "/d"}, r"no topic /d in the bag \(depth_topic\)"),
    "wrong type": (without(""), {"depth_topic": "/tf"}, r"/tf is tf2_msgs/msg/TFMessage, but depth_topic needs"),
    "colour encoding": (
        replaced("/cam/color", image(S, "bayer_rggb8", np.zeros((6, 8), np.uint8))),
        {"color_topic": "/cam/color"},
        r"'bayer_rggb8'.*not supported.*rgb8",
    ),
    "found encoding": (
        replaced("/cam/color", image(S, "yuv422", np.zeros((6, 8), np.uint16))),
        {},
        r"no colour topic.*/cam/color \(yuv422\)",
    ),
    "no messages": (
        [*without("/cam/color"), ("/cam/color", -1, "sensor_msgs/msg/CompressedImage")],
        {},
        r"no colour topic.*it has .*/cam/color \(CompressedImage, no messages\)",
    ),
    "named, no messages": (
        [*without("/cam/color"), ("/cam/color", -1, "sensor_msgs/msg/Image")],
        {"color_topic": "/cam/color"},
        r"topic /cam/color holds no message \(color_topic\); the bag has ",
    ),
    "depth encoding": (
        replaced("/cam/depth", image(S, "64FC1", np.zeros((6, 8)))),
        {"depth_topic": "/cam/depth"},
        r"'64FC1'.*not supported for depth.*16UC1",
    ),
    "uncalibrated": (replaced("/cam/camera_info", camera_info(S, focal=0.0)), {}, r"no calibration"),
    "sizes": (
        replaced("/cam/depth", image(S, "16UC1", np.ones((3, 4), np.uint16))),
        {},
        r"sizes do not match: /cam/depth is 4x3, but its camera info /cam/camera_info is 8x6",
    ),
    "camera size": (replaced("/cam/camera_info", camera_info(S, 640, 480)), {}, r"sizes do not match: /cam/color"),
    "clocks": (
        [*without("/cam/depth"), ("/cam/depth", S, image(3 * S, "16UC1", np.ones((6, 8), np.uint16)))],
        {},
        r"within 0.02 s \(nearest 2.000 s\): raise max_interval_s",
    ),
    "two cameras": (
        [*without(""), ("/cam2/color", S, image(S, "rgb8", np.zeros((6, 8, 3), np.uint8)))],
        {},
        r"several topics fit: /cam/color \(rgb8\), /cam2/color \(rgb8\); name one with color_topic",
    ),
}


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("case", BAD_BAGS)
def test_bad_bags_name_cause_and_remedy_in_one_line(tmp_path: Path, case: str, storage: str) -> None:
    messages, options, pattern = BAD_BAGS[case]
    bag = save_bag(tmp_path / "bag", messages, storage)
    with pytest.raises(RecordingError, match=pattern) as caught:
        list(open_recording(bag, **options))
    assert "\n" not in str(caught.value)


def test_short_image_data(tmp_path: Path) -> None:
    short = image(S, "rgb8", np.zeros((6, 8, 3), np.uint8))
    short.data = short.data[:50]
    with pytest.raises(RecordingError, match=r"8x6 rgb8 needs 144 bytes but has 50"):
        list(open_recording(save_bag(tmp_path / "bag", replaced("/cam/color", short))))


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.98])
def test_a_truncated_mcap(tmp_path: Path, keep: float) -> None:
    bag = save_bag(tmp_path / "bag", [*camera_messages([S, 2 * S]), *TF])
    file = bag / "bag.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(RecordingError, match=r"cannot read the bag") as caught:
        open_recording(bag)
    assert "\n" not in str(caught.value)
    if keep:
        assert "mcap recover" in str(caught.value)


def test_a_broken_sqlite_bag(tmp_path: Path) -> None:
    bag = save_bag(tmp_path / "bag", [*camera_messages([S]), *TF], "sqlite3")
    (bag / "bag.db3").write_bytes(b"no database" * 200)
    with pytest.raises(RecordingError, match=r"cannot read the bag"):
        open_recording(bag)


def test_broken_metadata(tmp_path: Path) -> None:
    bag = save_bag(tmp_path / "bag", [*camera_messages([S]), *TF])
    (bag / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    with pytest.raises(RecordingError, match=r"cannot read the bag") as caught:
        open_recording(bag)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "pixel", "rgb"),
    [
        ("bgr8", [1, 2, 3], [3, 2, 1]),
        ("rgba8", [1, 2, 3, 9], [1, 2, 3]),
        ("bgra8", [1, 2, 3, 9], [3, 2, 1]),
        ("mono8", [5], [5, 5, 5]),
    ],
)
def test_colour_encodings(tmp_path: Path, encoding: str, pixel: list[int], rgb: list[int]) -> None:
    pixels = np.tile(np.array(pixel, np.uint8), (6, 8, 1))
    bag = save_bag(tmp_path / "bag", replaced("/cam/color", image(S, encoding, pixels)))
    assert (next(iter(open_recording(bag))).color == rgb).all()


def test_big_endian_depth(tmp_path: Path) -> None:
    pixels = np.full((6, 8), 1234, dtype=">u2")
    bag = save_bag(tmp_path / "bag", replaced("/cam/depth", image(S, "16UC1", pixels, big_endian=1)))
    assert next(iter(open_recording(bag))).depth[0, 0] == pytest.approx(1.234)


def test_a_damaged_image_is_left_out_and_counted(tmp_path: Path) -> None:
    stamps = [S, 2 * S, 3 * S]
    pictures = [png(np.full((6, 8, 3), n, np.uint8)) for n in range(3)]
    pictures[1] = pictures[1][:40]
    messages = [m for m in camera_messages(stamps) if m[0] != "/cam/color"]
    messages += [
        ("/cam/color", stamp, compressed(stamp, "png", data)) for stamp, data in zip(stamps, pictures, strict=True)
    ]
    recording = open_recording(save_bag(tmp_path / "bag", [*messages, *TF]))
    assert [f.stamp_ns for f in recording] == [S, 3 * S]
    (reason,) = recording.skipped
    assert reason.startswith(DAMAGED) and recording.skipped[reason] == 1


def test_a_message_too_short_for_its_header(tmp_path: Path) -> None:
    with Writer(tmp_path / "bag", version=9) as writer:
        for topic, stamp, message in [*camera_messages([S]), TF[0]]:
            connection = writer.add_connection(topic, message.__msgtype__, typestore=STORE)
            writer.write(connection, stamp, STORE.serialize_cdr(message, message.__msgtype__))
            if topic == "/cam/depth":
                writer.write(connection, stamp + 1, b"\0\1\0\0")
    with pytest.raises(RecordingError, match="a message of 4 bytes is too short for its header"):
        open_recording(tmp_path / "bag")


def test_a_bag_of_another_robot_names_all_that_is_missing(tmp_path: Path) -> None:
    bag = save_bag(tmp_path / "bag", [("/tf", 0, tf(0, 0.0)), ("/slam", 0, pose_stamped(0, 1.0))])
    with pytest.raises(RecordingError, match=r"no colour images, no depth images, no camera info.*it has /slam") as e:
        open_recording(bag)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_compressed_bags(tmp_path: Path, mode: CompressionMode, storage: str) -> None:
    bag = save_bag(tmp_path / "bag", [*camera_messages([S, 2 * S]), *TF], storage, mode)
    assert [f.stamp_ns for f in open_recording(bag)] == [S, 2 * S]


def test_a_split_bag(tmp_path: Path) -> None:
    first = save_bag(tmp_path / "run_0", [*camera_messages([S]), TF[0]])
    second = save_bag(tmp_path / "run_1", [*camera_messages([2 * S]), TF[1]])
    whole = tmp_path / "run"
    whole.mkdir()
    for part in (first, second):
        (part / f"{part.name}.mcap").rename(whole / f"{part.name}.mcap")
    assert [f.stamp_ns for f in open_recording(whole)] == [S, 2 * S]


def test_a_ros1_bag(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf2_msgs/msg/TFMessage"))
    path = tmp_path / "old.bag"
    with Ros1Writer(path) as writer:
        connections = {}
        for topic, stamp, message in [*camera_messages([S, 2 * S]), *TF]:
            msgtype = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, msgtype, typestore=store)
            writer.write(connections[topic], stamp, store.serialize_ros1(ros1(store, message), msgtype))
    recording = open_recording(path)
    assert [f.stamp_ns for f in recording] == [S, 2 * S]
    np.testing.assert_allclose([f.camera_to_world[0, 3] for f in recording], [1, 2])
