"""RGB-D images and /tf in, the fused voxel map out. Topics and parameters: docs/nodes.md."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_srvs.srv import Trigger

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes import pairing
from mllm_for3d_ros.nodes.conversion import cloud_message, frame_from_messages, stamp_ns
from mllm_for3d_ros.nodes.diagnostics import Diagnostics
from mllm_for3d_ros.nodes.latched import LatchedWhenHeard
from mllm_for3d_ros.nodes.parameters import Parameter, declare, qos
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.transforms import TransformListener
from mllm_for3d_ros.nodes.watchdog import Watchdog, steady_timer
from mllm_for3d_ros.nodes.worker import Worker
from mllm_for3d_ros.recording.images import decode_camera_info
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.scene.map_cloud import map_columns
from mllm_for3d_ros.scene.voxel_map import VoxelMap, warm_up
from mllm_for3d_ros.types import Intrinsics, SceneCloud

RELIABILITIES = ("best_effort", "reliable")
PARAMETERS = (
    Parameter("voxel_size", 0.025, "Edge of a map voxel, m", 0.005, 1.0),
    Parameter("min_depth", 0.1, "Nearer depth is ignored, m", 0.0, 10.0),
    Parameter("max_depth", 4.0, "Farther depth is ignored, m", 0.1, 50.0),
    Parameter("max_voxels", 4_000_000, "Images are no longer fused once the map has this many voxels", 1000, 10**8),
    Parameter("map_frame", "map", "Fixed frame that the map is built in (REP-105)"),
    Parameter("camera_frame", "", "Optical frame of the images; empty: the frame_id of the colour image"),
    Parameter("publish_rate_hz", 2.0, "How often ~/map/points is published while it changes, Hz", 0.01, 30.0),
    Parameter("queue_size", 30, "Image pairs that may wait to be fused; the oldest are dropped first", 1, 1000),
    Parameter("approx_sync_max_interval", 0.02, "Stamps of colour and depth may differ by this, s", 0.0, 1.0),
    Parameter("pose_timeout", 1.0, "How long an image waits for its pose and camera_info, s", 0.0, 10.0),
    Parameter("image_reliability", "best_effort", "QoS reliability of images and camera_info", choices=RELIABILITIES),
    Parameter("image_depth", 10, "QoS depth of images and camera_info, messages", 1, 1000),
    Parameter("warn_period", 5.0, "Seconds between two warnings of one kind", 0.1, 3600.0),
    Parameter("silent_after", 5.0, "Seconds without an input that are worth a warning", 0.5, 3600.0),
)


class MappingNode(Node):
    """Fuses posed RGB-D images into a voxel map; callbacks enqueue, one thread does the work.

    Raises:
        ParameterError: a parameter makes no sense.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("mapping_node", **arguments)
        self._p = declare(self, PARAMETERS)
        self._map = VoxelMap(
            self._p["voxel_size"], self._p["min_depth"], self._p["max_depth"], frame_id=self._p["map_frame"]
        )
        warm_up()
        self._speaker = Speaker(self.get_logger().warning, self._p["warn_period"])
        self._counts: Counter[str] = Counter()
        self._newest = 0
        self._camera: Intrinsics | None = None
        self._camera_known = threading.Condition()
        self._pairs = pairing.StampPairing(round(self._p["approx_sync_max_interval"] * 1e9), self._p["queue_size"])
        self._worker: Worker[tuple[Image, Image]] = Worker(
            "fusion", self._fuse, lambda error: self._skip("failed", error), self._p["queue_size"]
        )
        self._published: tuple[int, str] | None = None
        self._output = LatchedWhenHeard(self, PointCloud2, "~/map/points")
        self.create_service(Trigger, "~/map/reset", self._reset)
        self._subscribe()
        self._timer = steady_timer(self, 1.0 / self._p["publish_rate_hz"], self._publish)
        self._diagnostics = Diagnostics(self, self.figures, lambda: self._watchdog.problems)
        self.get_logger().info(
            f"ready: voxels of {self._map.voxel_size} m in frame {self._map.frame_id!r}, colour from "
            f"{self.resolve_topic_name('rgb/image_raw')}, depth from {self.resolve_topic_name('depth/image_raw')}"
        )

    def _subscribe(self) -> None:
        self._transforms = TransformListener(self)
        self._watchdog = Watchdog(self, self._speaker, self._p["silent_after"])
        profile = qos(self._p["image_reliability"], "volatile", self._p["image_depth"])
        self._watchdog.subscribe(CameraInfo, "camera_info", self._take_camera, profile)
        self._watchdog.subscribe(Image, "rgb/image_raw", lambda m: self._take_image(pairing.COLOR, m), profile)
        self._watchdog.subscribe(Image, "depth/image_raw", lambda m: self._take_image(pairing.DEPTH, m), profile)

    def _take_camera(self, message: CameraInfo) -> None:
        try:
            camera = decode_camera_info(message)
        except RecordingError as error:
            self._speaker.error("camera_info", error)
            return
        if camera != self._camera:
            with self._camera_known:
                self._camera = camera
                self._camera_known.notify_all()

    def _take_image(self, side: int, message: Image) -> None:
        self._counts["color" if side == pairing.COLOR else "depth"] += 1
        pair = self._pairs.add(side, stamp_ns(message.header.stamp), message)
        if pair is not None:
            self._counts["paired"] += 1
            if not self._worker.offer(pair):
                self._speaker.warn(
                    "dropped",
                    f"images come faster than they are fused: the oldest of {self._p['queue_size']} waiting was "
                    "dropped; lower the rate or resolution, or raise queue_size for short bursts",
                )
        elif self._pairs.unpaired and self._pairs.nearest_miss_ns is not None:
            self._speaker.warn(
                "unpaired",
                f"colour and depth do not pair: nearest stamps differ by {self._pairs.nearest_miss_ns * 1e-9:.3f} s, "
                f"more than approx_sync_max_interval ({self._p['approx_sync_max_interval']} s); "
                "raise it or sync the camera",
            )

    def _fuse(self, pair: tuple[Image, Image]) -> None:
        """Fuse one pair of images; runs in the worker's thread."""
        color, depth = pair
        frame_id = self._p["camera_frame"] or color.header.frame_id
        camera = self._wait_for_camera()
        if camera is None:
            return self._skip("no_camera", RecordingError("no valid camera_info yet: images cannot be used without it"))
        if len(self._map) >= self._p["max_voxels"]:
            reason = f"the map is full ({len(self._map)} voxels): call ~/map/reset or raise max_voxels"
            return self._skip("map_full", RecordingError(reason))
        try:
            pose = self._transforms.wait_for(
                self._map.frame_id, frame_id, stamp_ns(color.header.stamp), self._p["pose_timeout"]
            )
        except TransformUnavailable as error:
            return self._skip("no_pose", RecordingError(str(error)))
        try:
            frame = frame_from_messages(color, depth, camera, pose)
        except (RecordingError, ValueError) as error:
            return self._skip("bad_image", RecordingError(str(error)))
        started = time.perf_counter()
        if not self._map.integrate(frame):
            span = f"{self._p['min_depth']} to {self._p['max_depth']} m"
            return self._skip("no_depth", RecordingError(f"an image has no depth from {span}: nothing to fuse"))
        self._newest = max(self._newest, frame.stamp_ns)
        self._counts["fused"] += 1
        self._counts["fuse_us"] += round((time.perf_counter() - started) * 1e6)
        return None

    def _wait_for_camera(self) -> Intrinsics | None:
        with self._camera_known:
            self._camera_known.wait_for(
                lambda: self._camera is not None or self._worker.closed, self._p["pose_timeout"]
            )
            return self._camera

    def _skip(self, reason: str, error: Exception) -> None:
        self._counts[reason] += 1
        self._speaker.error(reason, error)

    def _publish(self) -> None:
        state = self._map.version, self._map.epoch
        if state != self._published and self._output.heard:
            self._published = state
            self._output.offer(self._map_message)

    def _map_message(self) -> PointCloud2:
        cloud = self._map.snapshot()
        newest = newest_stamp(cloud)
        return cloud_message(map_columns(cloud, newest), cloud.frame_id, newest)

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        voxels = len(self._map)
        self._worker.clear()
        self._pairs.clear()
        self._map.reset()
        self._newest = 0
        response.success, response.message = True, f"forgot {voxels} voxels"
        self.get_logger().info(response.message)
        return response

    def figures(self) -> dict[str, object]:
        """What the diagnostics show: counts of images by what became of them, and the size of the map."""
        names = ("color", "depth", "paired", "fused")
        skipped = ("no_camera", "no_pose", "bad_image", "no_depth", "map_full", "failed")
        counts = {name: self._counts[name] for name in (*names, *skipped)}
        mean_ms = self._counts["fuse_us"] / max(1, counts["fused"]) / 1000
        return counts | {
            "unpaired": self._pairs.unpaired,
            "dropped": self._worker.dropped,
            "backlog": self._worker.backlog,
            "refused_transforms": self._transforms.refused,
            "voxels": len(self._map),
            "newest_stamp": self._newest,
            "fuse_ms_mean": f"{mean_ms:.1f}",
            "map_mib": f"{self._map.memory_bytes / 2**20:.0f}",
        }

    def close(self) -> None:
        """Stop the worker."""
        self._worker.close()


def newest_stamp(cloud: SceneCloud) -> int:
    """Stamp in ns of the newest observation in the map, 0 if it is empty: the map's version for others."""
    return int(np.max(cloud.last_seen_ns)) if len(cloud) else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit status."""
    return run_node(MappingNode, argv)


if __name__ == "__main__":
    sys.exit(main())
