"""Which topics of a bag hold colour, depth, the camera and the pose? Named ones, or found by type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.images import COLOR_ENCODINGS, DEPTH_ENCODINGS

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF_TYPES = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
POSE_TYPES = ("geometry_msgs/msg/PoseStamped", "nav_msgs/msg/Odometry")


@dataclass(frozen=True)
class TopicNames:
    """Topics and frames as the user names them; None is found in the bag.

    pose_topic: PoseStamped (pose of the camera frame) or Odometry, used in place of /tf.
    map_frame: frame of the fused map (default: "map" if the camera hangs on it, else the root of its tree).
    camera_frame: optical frame (default: that of the colour images).
    max_interval_s: seconds by which the stamps of a colour and a depth image may differ.
    """

    color_topic: str | None = None
    depth_topic: str | None = None
    camera_info_topic: str | None = None
    pose_topic: str | None = None
    map_frame: str | None = None
    camera_frame: str | None = None
    max_interval_s: float = 0.02


@dataclass(frozen=True)
class Topic:
    """A topic of a bag: name, message type, count, and for images the encoding of the first one."""

    name: str
    msgtype: str
    count: int
    encoding: str = ""

    def __str__(self) -> str:
        kind = self.encoding or self.msgtype.rsplit("/", 1)[-1]
        return f"{self.name} ({kind})" if self.count else f"{self.name} ({kind}, no messages)"

    @property
    def is_depth(self) -> bool:
        """Whether its images look like depth that can be decoded."""
        if self.msgtype == COMPRESSED:
            return "compressedDepth" in self.encoding or self.encoding.startswith("16UC1")
        return self.msgtype == IMAGE and self.encoding in DEPTH_ENCODINGS

    @property
    def is_color(self) -> bool:
        """Whether its images look like colour that can be decoded."""
        if self.msgtype == COMPRESSED:
            return bool(self.count) and not self.is_depth
        return self.msgtype == IMAGE and self.encoding in COLOR_ENCODINGS


def listing(topics: Sequence[Topic]) -> str:
    """Topics in one line for an error, cut after eight."""
    names = sorted(str(topic) for topic in topics)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) + more) or "none"


def require_all(topics: Sequence[Topic], names: TopicNames) -> None:
    """Refuse a bag that lacks more than one of colour, depth, camera info and poses, naming all of them.

    A bag that lacks only one is refused, with more to say, where that one is chosen.

    Raises:
        RecordingError: at least two are neither there nor named.
    """
    poses = any(topic.count and topic.msgtype in (*POSE_TYPES, *TF_TYPES) for topic in topics)
    there = {
        "colour images": names.color_topic or any(topic.is_color for topic in topics),
        "depth images": names.depth_topic or any(topic.is_depth for topic in topics),
        "camera info (intrinsics)": names.camera_info_topic
        or any(topic.count and topic.msgtype == CAMERA_INFO for topic in topics),
        "poses (/tf, PoseStamped or Odometry)": names.pose_topic or poses,
    }
    missing = [what for what, found in there.items() if not found]
    if len(missing) > 1:
        raise RecordingError(
            f"the bag has no {', no '.join(missing)}: record them, or name topics with color_topic, depth_topic, "
            f"camera_info_topic and pose_topic; it has {listing(topics)}"
        )


def _named(name: str, option: str, topics: Sequence[Topic], types: Sequence[str]) -> Topic:
    found = next((topic for topic in topics if topic.name == name), None)
    if found is None:
        raise RecordingError(f"no topic {name} in the bag ({option}); it has {listing(topics)}")
    if found.msgtype not in types:
        raise RecordingError(f"topic {name} is {found.msgtype}, but {option} needs {' or '.join(types)}")
    if not found.count:
        raise RecordingError(f"topic {name} holds no message ({option}); the bag has {listing(topics)}")
    return found


def _best(candidates: Sequence[Topic], option: str, rank: Callable[[Topic], tuple[int, ...]]) -> Topic:
    """The only candidate of the lowest rank."""
    ordered = sorted(candidates, key=rank)
    if len(ordered) > 1 and rank(ordered[0]) == rank(ordered[1]):
        raise RecordingError(f"several topics fit: {listing(ordered)}; name one with {option}")
    return ordered[0]


def _has(topic: Topic, *words: str) -> bool:
    return any(word in topic.name.lower() for word in words)


def choose_color(topics: Sequence[Topic], names: TopicNames) -> Topic:
    """The colour topic: named, or the only one; raw before compressed, names with color or rgb first."""
    if names.color_topic:
        topic = _named(names.color_topic, "color_topic", topics, (IMAGE, COMPRESSED))
        if not topic.is_color:
            raise RecordingError(
                f"topic {topic.name} has encoding {topic.encoding!r}, which is not supported for colour: "
                f"convert it to one of {', '.join(COLOR_ENCODINGS)} or name another topic with color_topic"
            )
        return topic
    candidates = [topic for topic in topics if topic.is_color]
    if not candidates:
        raise RecordingError(
            f"no colour topic in the bag: record an Image of {', '.join(COLOR_ENCODINGS)}; it has {listing(topics)}"
        )
    return _best(
        candidates,
        "color_topic",
        lambda t: (_has(t, "infra", "/ir", "depth"), not _has(t, "color", "colour", "rgb"), t.msgtype != IMAGE),
    )


def choose_depth(topics: Sequence[Topic], names: TopicNames) -> Topic:
    """The depth topic: named, or the only one; those aligned to colour first."""
    if names.depth_topic:
        topic = _named(names.depth_topic, "depth_topic", topics, (IMAGE, COMPRESSED))
        if not topic.is_depth:
            raise RecordingError(
                f"topic {topic.name} has encoding {topic.encoding!r}, which is not supported for depth: "
                f"convert it to one of {', '.join(DEPTH_ENCODINGS)} or name another topic with depth_topic"
            )
        return topic
    candidates = [topic for topic in topics if topic.is_depth]
    if not candidates:
        raise RecordingError(
            f"no depth topic in the bag: record an Image of {', '.join(DEPTH_ENCODINGS)} or name it with "
            f"depth_topic; it has {listing(topics)}"
        )
    return _best(
        candidates,
        "depth_topic",
        lambda t: (not _has(t, "aligned", "registered"), not _has(t, "depth"), t.msgtype != IMAGE),
    )


def choose_camera_info(topics: Sequence[Topic], names: TopicNames, color: Topic, depth: Topic) -> Topic:
    """The camera topic: named, beside the colour or depth topic, or the only one."""
    if names.camera_info_topic:
        return _named(names.camera_info_topic, "camera_info_topic", topics, (CAMERA_INFO,))
    candidates = [topic for topic in topics if topic.msgtype == CAMERA_INFO and topic.count]
    if not candidates:
        raise RecordingError(
            f"no camera info in the bag: record the CameraInfo topic beside {color.name} or name it with "
            f"camera_info_topic; it has {listing(topics)}"
        )
    beside = [_parents(color.name), _parents(depth.name)]
    return _best(
        candidates,
        "camera_info_topic",
        lambda topic: tuple(topic.name.rsplit("/", 1)[0] not in namespaces for namespaces in beside),
    )


def _parents(name: str) -> set[str]:
    """Namespaces in which the camera_info of an image topic may lie: image_raw, image_raw/compressed."""
    base = name.rsplit("/", 1)[0]
    return {base, base.rsplit("/", 1)[0]} if name.endswith(("/compressed", "/compressedDepth")) else {base}


def choose_pose(topics: Sequence[Topic], names: TopicNames) -> Topic | None:
    """The pose topic: named, or the only PoseStamped or Odometry; None if there is none."""
    if names.pose_topic:
        return _named(names.pose_topic, "pose_topic", topics, POSE_TYPES)
    candidates = [topic for topic in topics if topic.msgtype in POSE_TYPES and topic.count]
    if not candidates:
        return None
    return _best(candidates, "pose_topic", lambda t: (t.msgtype != POSE_TYPES[0],))
