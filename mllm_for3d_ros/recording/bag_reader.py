"""Posed RGB-D frames from ROS bags: colour and depth paired by stamp, pose at the image stamp.

A bag is gone through twice: first for stamps, camera and all transforms (so that no frame waits for
a transform that comes later), then for the images, a few of which are held at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording import images
from mllm_for3d_ros.recording.bag_file import broken_bag, header_stamp, open_bag
from mllm_for3d_ros.recording.poses import PoseSource
from mllm_for3d_ros.recording.sync import match_stamps
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.recording.topics import (
    COMPRESSED,
    IMAGE,
    POSE_TYPES,
    TF_TYPES,
    Topic,
    TopicNames,
    choose_camera_info,
    choose_color,
    choose_depth,
    choose_pose,
    require_all,
)
from mllm_for3d_ros.types import Frame, Intrinsics

NO_PARTNER = "colour image without depth within max_interval_s"
NO_DEPTH = "no valid depth"
DAMAGED = "damaged image"


@dataclass(frozen=True)
class _Pair:
    """A colour and a depth image (numbers within their topics) and the pose at the colour's stamp."""

    color: int
    depth: int
    stamp_ns: int
    camera_to_world: np.ndarray


class BagRecording:
    """Frames of a bag; iterate as often as needed.

    Attributes:
        source: path of the bag.
        topics: names of the topics in use, by role.
        map_frame, camera_frame: frames that the poses are between.
        skipped: reasons and numbers of the images left out; those found on decoding are known after iteration.

    Args:
        path: folder with metadata.yaml, folder of bag files, or a .mcap, .db3 or ROS 1 .bag file.
        names: topics and frames, where they shall not be found by type.

    Raises:
        RecordingError: the bag cannot be read, or lacks colour, depth, camera or pose.
    """

    def __init__(self, path: str | Path, names: TopicNames | None = None) -> None:
        names = names or TopicNames()
        self._path = Path(path)
        self.source = str(path)
        self._found: Counter[str] = Counter()
        self._decoding: Counter[str] = Counter()
        with ExitStack() as opened:
            reader = opened.enter_context(open_bag(self._path))
            topics = _survey(reader, self._path)
            require_all(topics, names)
            self._color, self._depth = choose_color(topics, names), choose_depth(topics, names)
            info = choose_camera_info(topics, names, self._color, self._depth)
            pose = choose_pose(topics, names)
            self.intrinsics, poses, stamps, frame_id = self._scan(reader, info, pose, names)
            # Opening reads the types of all messages: the first iteration goes on with this reader.
            self._opened: tuple[AnyReader, ExitStack] | None = (reader, opened.pop_all())
        self.camera_frame = (names.camera_frame or frame_id).lstrip("/")
        self.map_frame, pose_name = poses.settle(self.camera_frame, names, topics)
        self.topics = {
            "color": self._color.name,
            "depth": self._depth.name,
            "camera_info": info.name,
            "pose": pose_name,
        }
        self._pairs = self._match(poses, stamps, names.max_interval_s)

    def __len__(self) -> int:
        """Pairs of images with a pose; those without any valid depth are left out while iterating."""
        return len(self._pairs)

    @property
    def skipped(self) -> dict[str, int]:
        """Reasons and numbers of what was left out."""
        return dict(self._found + self._decoding)

    def _scan(
        self, reader: AnyReader, info: Topic, pose: Topic | None, names: TopicNames
    ) -> tuple[Intrinsics, PoseSource, dict[str, list[int]], str]:
        """Everything but the images: the camera, all poses, the stamps of the images."""
        wanted = {self._color.name, self._depth.name, info.name, *([pose.name] if pose else [])}
        connections = [c for c in reader.connections if c.topic in wanted or c.msgtype in TF_TYPES]
        poses = PoseSource(pose, explicit=bool(names.pose_topic))
        stamps: dict[str, list[int]] = {self._color.name: [], self._depth.name: []}
        camera: Intrinsics | None = None
        frame_id = ""
        for connection, raw in _messages(reader, connections, self._path):
            if connection.topic in stamps:
                stamps[connection.topic].append(header_stamp(raw, reader.is2))
                if not frame_id and connection.topic == self._color.name:
                    frame_id = _decode(reader, connection, raw, self._path).header.frame_id
            elif connection.topic == info.name:
                if camera is None:
                    camera = images.decode_camera_info(_decode(reader, connection, raw, self._path))
            elif connection.msgtype in TF_TYPES:
                static = connection.topic.rsplit("/", 1)[-1] == "tf_static"
                poses.add_tf(_decode(reader, connection, raw, self._path), static)
            elif connection.msgtype in POSE_TYPES:
                poses.add_pose(_decode(reader, connection, raw, self._path), connection.msgtype)
        if camera is None:
            raise RecordingError(f"camera info topic {info.name} holds no message: name another with camera_info_topic")
        return camera, poses, stamps, frame_id

    def _match(self, poses: PoseSource, stamps: dict[str, list[int]], max_interval_s: float) -> list[_Pair]:
        color, depth = stamps[self._color.name], stamps[self._depth.name]
        matches = match_stamps(np.array(color), np.array(depth), round(max_interval_s * 1e9))
        if not matches:
            nearest = min((abs(a - b) for a in color[:100] for b in depth), default=0) / 1e9
            raise RecordingError(
                f"no colour image of {self._color.name} has a depth image of {self._depth.name} within "
                f"{max_interval_s} s (nearest {nearest:.3f} s): raise max_interval_s or check the clocks"
            )
        if len(color) > len(matches):
            self._found[NO_PARTNER] = len(color) - len(matches)
        pairs = []
        for i, j in matches:
            try:
                pose = poses.lookup(self.map_frame, self.camera_frame, color[i])
            except TransformUnavailable as error:
                self._found[f"no pose: {error}"] += 1
                continue
            pairs.append(_Pair(i, j, color[i], pose))
        if not pairs:
            reasons = ", ".join(f"{reason} ({n})" for reason, n in self._found.items())
            raise RecordingError(
                f"no image has a pose from {self.map_frame} to {self.camera_frame}: {reasons}; record /tf along with "
                f"the images or name a pose topic with pose_topic"
            )
        return pairs

    def __iter__(self) -> Iterator[Frame]:
        """Frames by rising stamp; pairs with a damaged image are left out and counted.

        Raises:
            RecordingError: no pair can be decoded, or an image does not have the size of its camera.
        """
        self._decoding = Counter()
        damage: RecordingError | None = None
        with self._reader() as reader:
            for pair, color_message, depth_message in self._images(reader):
                try:
                    color, depth = self._decode_pair(color_message, depth_message)
                except RecordingError as error:
                    damage = damage or error
                    self._decoding[f"{DAMAGED}: {error}"] += 1
                    continue
                frame = self._frame(pair, color, depth)
                if frame.depth.any():
                    yield frame
                else:
                    self._decoding[NO_DEPTH] += 1
        if damage is not None and sum(self._decoding.values()) == len(self):
            raise damage

    @contextmanager
    def _reader(self) -> Iterator[AnyReader]:
        """The reader that is open still, else a new one."""
        opened, self._opened = self._opened, None
        if opened is None:
            with open_bag(self._path) as reader:
                yield reader
        else:
            with opened[1]:
                yield opened[0]

    def _images(self, reader: AnyReader) -> Iterator[tuple[_Pair, Any, Any]]:
        """Pairs in order with their messages; raw images are held only until their pair's turn."""
        by_color = {pair.color: n for n, pair in enumerate(self._pairs)}
        by_depth = {pair.depth: n for n, pair in enumerate(self._pairs)}
        roles = {self._color.name: (by_color, 0), self._depth.name: (by_depth, 1)}
        numbers = dict.fromkeys(roles, 0)
        waiting: dict[int, list[Any]] = {}
        turn = 0
        connections = [c for c in reader.connections if c.topic in roles]
        for connection, raw in _messages(reader, connections, self._path):
            pairs, side = roles[connection.topic]
            n = pairs.get(numbers[connection.topic])
            numbers[connection.topic] += 1
            if n is None:
                continue
            waiting.setdefault(n, [None, None])[side] = (connection, raw)
            while turn in waiting and None not in waiting[turn]:
                color, depth = (_decode(reader, c, data, self._path) for c, data in waiting.pop(turn))
                yield self._pairs[turn], color, depth
                turn += 1

    def _decode_pair(self, color_message: Any, depth_message: Any) -> tuple[np.ndarray, np.ndarray]:
        compressed = self._color.msgtype == COMPRESSED, self._depth.msgtype == COMPRESSED
        color = (images.decode_compressed_color if compressed[0] else images.decode_color)(color_message)
        depth = (images.decode_compressed_depth if compressed[1] else images.decode_depth)(depth_message)
        return color, depth

    def _frame(self, pair: _Pair, color: np.ndarray, depth: np.ndarray) -> Frame:
        camera = self.intrinsics
        for topic, image in ((self._color, color), (self._depth, depth)):
            if image.shape[:2] != (camera.height, camera.width):
                raise RecordingError(
                    f"sizes do not match: {topic.name} is {image.shape[1]}x{image.shape[0]}, but its camera info "
                    f"{self.topics['camera_info']} is {camera.width}x{camera.height}; use depth aligned to colour, "
                    f"or name the fitting topic with camera_info_topic"
                )
        return Frame(pair.stamp_ns, color, depth, camera, pair.camera_to_world)


def _messages(reader: AnyReader, connections: list, path: Path) -> Iterator[tuple[Any, bytes]]:
    """Messages of the connections; none if there are no connections (which would mean all to rosbags)."""
    if not connections:
        return
    messages = reader.messages(connections=connections)
    while True:
        try:
            connection, _, raw = next(messages)
        except StopIteration:
            return
        except Exception as error:  # whatever the parsers make of broken bytes
            raise broken_bag(path, error) from error
        yield connection, raw


def _decode(reader: AnyReader, connection: Any, raw: bytes, path: Path) -> Any:
    try:
        return reader.deserialize(raw, connection.msgtype)
    except Exception as error:  # whatever the parsers make of broken bytes
        raise broken_bag(path, error) from error


def _survey(reader: AnyReader, path: Path) -> list[Topic]:
    """All topics with their counts, and the encoding of the first image of each image topic."""
    if not reader.message_count:
        raise RecordingError(f"the bag {path} is empty: record it again with the camera running")
    topics = []
    for name, summary in reader.topics.items():
        msgtype = summary.msgtype or ""
        encoding = ""
        if msgtype in (IMAGE, COMPRESSED) and summary.msgcount:
            first = next(_messages(reader, summary.connections, path), None)
            if first is not None:
                message = _decode(reader, *first, path)
                encoding = message.encoding if msgtype == IMAGE else message.format
        topics.append(Topic(name, msgtype, summary.msgcount, encoding))
    return topics
