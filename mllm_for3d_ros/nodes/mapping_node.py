"""RGB-D images and poses in, the fused voxel map out. Topics, services and parameters: docs/nodes.md."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from sensor_msgs.msg import PointCloud2

from mllm_for3d_ros.nodes import mapping_parameters
from mllm_for3d_ros.nodes.diagnostics import Part
from mllm_for3d_ros.nodes.image_inputs import ImageInputs
from mllm_for3d_ros.nodes.inputs.continuity import Continuity, Limits
from mllm_for3d_ros.nodes.inputs.frame_reader import Robot
from mllm_for3d_ros.nodes.inputs.pairs import Pair
from mllm_for3d_ros.nodes.inputs.self_filter import read_mask
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.map_messages import MapMessages
from mllm_for3d_ros.nodes.map_services import MapServices
from mllm_for3d_ros.nodes.mapper import Mapper, Settings
from mllm_for3d_ros.nodes.parameters import LATCHED, ParameterError
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.start import end
from mllm_for3d_ros.nodes.timers import steady_timer
from mllm_for3d_ros.nodes.watchdog import Watchdog
from mllm_for3d_ros.nodes.worker import Worker
from mllm_for3d_ros.scene.map_file import MapFolder
from mllm_for3d_ros.scene.voxel_map import VoxelMap, warm_up
from mllm_for3d_ros.scene.voxel_rows import voxels_within


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
        scope.callback(self._map.reset)  # gives its memory back, though the node goes on naming it
        warm_up()
        mask, frame, folder = p.path("self_filter_mask"), p["self_filter_frame"], p.path("map_folder")
        if folder is None:
            raise ParameterError("parameter map_folder is empty: name the folder that maps are saved in")
        self._robot = Robot(
            None if mask is None else read_mask(mask),
            np.array(p["self_filter_box"]).reshape(2, 3) if frame else None,
            frame,
        )
        self._output = self.create_publisher(PointCloud2, "~/map/points", LATCHED)
        self._published: tuple[int, str] | None = None
        self._messages = MapMessages(self._map)
        self._mapper: Mapper | None = None
        self._fusing = threading.Lock()
        services = MapServices(self, self._map, MapFolder(folder), self._replacing)
        scope.callback(services.close)

    def activate(self, scope: ExitStack) -> None:
        """Subscribe to the inputs and start the threads."""
        p = self.parameters
        self._watchdog = Watchdog(self, self.speaker, p["silent_after"])
        self._inputs = ImageInputs(self, self._watchdog, p["queue_size"], self._take)
        mapper = self._make_mapper()
        self._fusion = Worker("fusion", mapper.take, mapper.failed, p["queue_size"])
        self._mapper = mapper  # after the worker: who replaces the map, in another thread, looks for both
        self._publishing = Worker("map publisher", self._publish, self._publishing_failed)
        for part in (self._publishing, self._fusion, self._inputs):  # ended from the last one on
            scope.callback(part.close)
        steady_timer(self, 1.0 / p["publish_rate_hz"], self._publish_if_heard)
        self.get_logger().info(
            f"active: voxels of {self._map.voxel_size} m in frame {self._map.frame_id!r}, "
            + ", ".join(f"{entry.name} from {entry.topic}" for entry in self._watchdog.inputs)
        )

    def _make_mapper(self) -> Mapper:
        p = self.parameters
        limits = Limits(p["relocalisation_distance"], math.radians(p["relocalisation_angle"]), p["max_camera_speed"])
        stages = StageTimes()
        return Mapper(
            self._map, self._inputs.reader(self._robot, stages), self._inputs.transforms,
            Continuity(limits), self._settings(), self.speaker, stages, self._fusing,
        )  # fmt: skip

    def _settings(self) -> Settings:
        names = ("map_frame", "camera_frame", "odometry_frame", "pose_timeout", "decay_period", "decay_looks")
        return Settings(**{name: self.parameters[name] for name in names})

    def parameters_changed(self, names: set[str]) -> None:
        """See ``ManagedNode``."""
        super().parameters_changed(names)
        if self.state == "unconfigured":
            return
        self._map.min_depth, self._map.max_depth = self.parameters["min_depth"], self.parameters["max_depth"]
        if self._mapper is not None:
            self._mapper.settings = self._settings()
            self._watchdog.silent_after_s = self.parameters["silent_after"]

    def _take(self, pair: Pair) -> None:
        if not self._fusion.offer(pair):
            self.speaker.warn(
                "dropped",
                f"images come faster than they are fused, or wait for poses: the oldest of "
                f"{self.parameters['queue_size']} waiting was dropped; lower the rate or resolution, or raise "
                "queue_size for short bursts",
            )

    @contextmanager
    def _replacing(self) -> Iterator[None]:
        """While the map is reset or loaded nothing is fused; what waits then was seen before, and is forgotten."""
        with self._fusing:
            yield
            if self._mapper is not None:
                self._fusion.clear()
                self._mapper.begin()

    def _publish_if_heard(self) -> None:
        if (self._map.version, self._map.epoch) != self._published and self._output.get_subscription_count():
            self._publishing.offer(None)

    def _publish(self, _: None) -> None:
        """Publish the map; runs in a thread of its own."""
        assert self._mapper is not None
        with self._mapper.stages.measure("snapshot"):
            message, version, epoch = self._messages.make()
        with self._mapper.stages.measure("publish"):
            self._output.publish(message)
        self._published = version, epoch

    def _publishing_failed(self, error: Exception) -> None:
        self.speaker.error("publish", error)

    def figures(self) -> Mapping[str, object]:
        """Counts of images by what became of them, the map, and the times of the stages."""
        found: dict[str, object] = {
            "voxels": len(self._map),
            "forgotten": self._map.forgotten,
            "map_mib": f"{self._map.memory_bytes / 2**20:.0f}",
            "newest_stamp": self._map.newest_stamp,
            "map_epoch": self._map.epoch,
        }
        if self._mapper is not None:
            found |= dict(self._mapper.figures()) | self._inputs.offsets.figures()
            found |= {
                "unpaired": self._inputs.pairs.unpaired,
                "dropped": self._fusion.dropped,
                "backlog": self._fusion.backlog,
                "refused_transforms": self._inputs.transforms.refused,
                "clock_set_back": self._inputs.transforms.set_back,
            }
        return found

    def parts(self) -> Sequence[Part]:
        """The inputs."""
        return self._watchdog.parts()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit status."""
    return run_node(MappingNode, argv)


if __name__ == "__main__":
    end(main())
