"""RGB-D images and poses in, the fused voxel map out. Topics, services and parameters: docs/nodes.md."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from mllm_for3d_ros.nodes import mapping_parameters
from mllm_for3d_ros.nodes.conversion import cloud_message, stamp_ns
from mllm_for3d_ros.nodes.diagnostics import Part
from mllm_for3d_ros.nodes.inputs.continuity import Continuity, Limits
from mllm_for3d_ros.nodes.inputs.decoding import color_decoder, depth_decoder
from mllm_for3d_ros.nodes.inputs.frame_reader import FrameReader, Robot
from mllm_for3d_ros.nodes.inputs.self_filter import read_mask
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.map_services import MapServices
from mllm_for3d_ros.nodes.mapper import CameraBook, Mapper, Pair, Settings
from mllm_for3d_ros.nodes.pairing import COLOR, DEPTH, StampOffsets, make_pairing
from mllm_for3d_ros.nodes.parameters import LATCHED, qos
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.timers import steady_timer
from mllm_for3d_ros.nodes.transforms import TF_DEPTH, TransformListener
from mllm_for3d_ros.nodes.watchdog import Watchdog
from mllm_for3d_ros.nodes.worker import Worker
from mllm_for3d_ros.scene.map_cloud import map_columns
from mllm_for3d_ros.scene.map_file import MapFolder
from mllm_for3d_ros.scene.voxel_map import VoxelMap, warm_up
from mllm_for3d_ros.scene.voxel_rows import voxels_within
from mllm_for3d_ros.types import SceneCloud


class MappingNode(ManagedNode):
    """Fuses posed RGB-D images into a voxel map; callbacks enqueue, one thread fuses, another publishes.

    The map lives from configuration to cleanup, the inputs while the node is active.

    Raises:
        ParameterError: a parameter makes no sense.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("mapping_node", mapping_parameters.PARAMETERS, **arguments)

    def contradiction(self, values: Mapping[str, Any]) -> str:
        """See ``ManagedNode``."""
        return mapping_parameters.contradiction(values)

    def configure(self, scope: ExitStack) -> None:
        """Make an empty map, its topic and its services."""
        p = self.parameters
        self._map = VoxelMap(
            p["voxel_size"], p["min_depth"], p["max_depth"], frame_id=p["map_frame"],
            max_voxels=voxels_within(p["memory_budget_mib"]), drop_farthest=p["drop"] == "farthest",
        )  # fmt: skip
        warm_up()
        mask, frame = p["self_filter_mask"], p["self_filter_frame"]
        self._robot = Robot(
            read_mask(Path(mask).expanduser()) if mask else None,
            np.array(p["self_filter_box"]).reshape(2, 3) if frame else None,
            frame,
        )
        self._output = self.create_publisher(PointCloud2, "~/map/points", LATCHED)
        self._published: tuple[int, str] | None = None
        self._mapper: Mapper | None = None
        MapServices(self, self._map, MapFolder(Path(p["map_folder"])), self._map_replaced, self._version)

    def activate(self, scope: ExitStack) -> None:
        """Subscribe to the inputs and start the threads."""
        p = self.parameters
        self._offsets = StampOffsets()
        interval_ns = round(p["approx_sync_max_interval"] * 1e9)
        self._pairs = make_pairing(interval_ns, p["queue_size"], self.get_logger().warning)
        self._cameras = CameraBook(self._rectified())
        self._color_frame = ""
        self._watchdog = Watchdog(self, self.speaker, p["silent_after"])
        self._transforms = TransformListener(self, partial(self._watchdog.subscribe, watch=False))
        self._mapper = mapper = self._make_mapper()
        self._fusion = Worker("fusion", mapper.take, mapper.failed, p["queue_size"])
        self._publishing = Worker("map publisher", self._publish, self._publishing_failed)
        for part in (self._publishing, self._fusion, self._transforms, self._cameras):  # ended from the last one on
            scope.callback(part.close)
        self._subscribe()
        steady_timer(self, 1.0 / p["publish_rate_hz"], self._publish_if_heard)
        self.get_logger().info(
            f"active: voxels of {self._map.voxel_size} m in frame {self._map.frame_id!r}, "
            + ", ".join(f"{entry.name} from {entry.topic}" for entry in self._watchdog.inputs)
        )

    def _make_mapper(self) -> Mapper:
        p = self.parameters
        limits = Limits(p["relocalisation_distance"], math.radians(p["relocalisation_angle"]), p["max_camera_speed"])
        decoders = color_decoder(p["rgb_transport"], self.get_logger().warning), depth_decoder(p["depth_transport"])
        return Mapper(
            self._map, FrameReader(*decoders, self._robot), self._robot, self._cameras, self._transforms,
            Continuity(limits), self._settings(), self.speaker,
        )  # fmt: skip

    def _settings(self) -> Settings:
        names = ("map_frame", "camera_frame", "odometry_frame", "pose_timeout", "decay_period", "decay_looks")
        return Settings(**{name: self.parameters[name] for name in names})

    def _rectified(self) -> bool:
        """Whether the images come rectified."""
        choice = self.parameters["rectification"]
        return choice == "none" or (choice == "auto" and "rect" in self.resolve_topic_name("rgb/image_raw"))

    def parameters_changed(self, names: set[str]) -> None:
        """See ``ManagedNode``."""
        super().parameters_changed(names)
        if self.state == "unconfigured":
            return
        self._map.min_depth, self._map.max_depth = self.parameters["min_depth"], self.parameters["max_depth"]
        if self._mapper is not None:
            self._mapper.settings = self._settings()
            self._watchdog.silent_after_s = self.parameters["silent_after"]

    def _subscribe(self) -> None:
        p, subscribe = self.parameters, self._watchdog.subscribe
        images = qos(p["image_reliability"], "volatile", p["image_depth"])
        subscribe(CameraInfo, "camera_info", self._cameras.take, images)
        for side, name, transport in ((COLOR, "rgb", p["rgb_transport"]), (DEPTH, "depth", p["depth_transport"])):
            topic, kind = f"{name}/image_raw", Image
            if transport != "raw":
                topic, kind = f"{self.resolve_topic_name(topic)}/{transport}", CompressedImage
            subscribe(kind, topic, partial(self._take_image, side), images)
        poses = qos(p["pose_reliability"], "volatile", TF_DEPTH)
        if p["pose_source"] == "pose":
            subscribe(PoseStamped, "pose", self._take_pose, poses)
        elif p["pose_source"] == "odometry":
            subscribe(Odometry, "odom", self._take_odometry, poses)

    def _take_pose(self, message: PoseStamped) -> None:
        child = self.parameters["pose_frame"] or self.parameters["camera_frame"] or self._color_frame
        if child:
            self._transforms.take_pose(message.header, message.pose, child)

    def _take_odometry(self, message: Odometry) -> None:
        self._transforms.take_pose(message.header, message.pose.pose, message.child_frame_id)

    def _take_image(self, side: int, message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        self._offsets.seen(side, stamp)
        if side == COLOR:
            self._color_frame = message.header.frame_id
        unpaired = self._pairs.unpaired
        pair = self._pairs.add(side, message)
        if pair is not None:
            color, depth = pair
            self._offsets.paired(stamp_ns(color.header.stamp), stamp_ns(depth.header.stamp))
            if not self._fusion.offer(Pair(color, depth, time.monotonic())):
                self.speaker.warn(
                    "dropped",
                    f"images come faster than they are fused, or wait for poses: the oldest of "
                    f"{self.parameters['queue_size']} waiting was dropped; lower the rate or resolution, or raise "
                    "queue_size for short bursts",
                )
        elif self._pairs.unpaired > unpaired and (nearest := self._offsets.nearest_s(side, stamp)) is not None:
            self.speaker.warn(
                "unpaired",
                f"colour and depth do not pair: nearest stamps differ by {nearest:.3f} s, more than "
                f"approx_sync_max_interval ({self.parameters['approx_sync_max_interval']} s); "
                "raise it or sync the camera",
            )

    def _map_replaced(self) -> None:
        """Forget what waits: it was seen before the map was reset or loaded."""
        if self._mapper is not None:
            self._pairs.clear()
            self._fusion.clear()
            self._mapper.begin()

    def _version(self) -> int:
        return newest_stamp(self._map.snapshot())

    def _publish_if_heard(self) -> None:
        if (self._map.version, self._map.epoch) != self._published and self._output.get_subscription_count():
            self._publishing.offer(None)

    def _publish(self, _: None) -> None:
        """Publish the map; runs in a thread of its own."""
        assert self._mapper is not None
        with self._mapper.stages.measure("snapshot"):
            cloud = self._map.snapshot()
        with self._mapper.stages.measure("publish"):
            newest = newest_stamp(cloud)
            columns = map_columns(cloud, newest) | {"epoch": np.full(len(cloud), epoch_number(cloud.epoch), np.uint32)}
            self._output.publish(cloud_message(columns, cloud.frame_id, newest))
        self._published = cloud.version, cloud.epoch

    def _publishing_failed(self, error: Exception) -> None:
        self.speaker.error("publish", error)

    def figures(self) -> Mapping[str, object]:
        """Counts of images by what became of them, the map, and the times of the stages."""
        found: dict[str, object] = {
            "voxels": len(self._map),
            "forgotten": self._map.forgotten,
            "map_mib": f"{self._map.memory_bytes / 2**20:.0f}",
            "map_epoch": epoch_number(self._map.epoch),
        }
        if self._mapper is not None:
            found |= dict(self._mapper.figures()) | self._offsets.figures()
            found |= {
                "unpaired": self._pairs.unpaired,
                "dropped": self._fusion.dropped,
                "backlog": self._fusion.backlog,
                "refused_transforms": self._transforms.refused,
                "clock_set_back": self._transforms.set_back,
            }
        return found

    def parts(self) -> Sequence[Part]:
        """The inputs."""
        return self._watchdog.parts()


def newest_stamp(cloud: SceneCloud) -> int:
    """Stamp in ns of the newest observation in the map, 0 if it is empty: the map's version for others."""
    return int(np.max(cloud.last_seen_ns)) if len(cloud) else 0


def epoch_number(epoch: str) -> int:
    """The epoch of a map as the number that each point of a map message carries."""
    return int(epoch[:8], 16)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit status."""
    return run_node(MappingNode, argv)


if __name__ == "__main__":
    sys.exit(main())
