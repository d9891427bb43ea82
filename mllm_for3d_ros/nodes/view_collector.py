"""Key views of the map out of a camera's images: now and then one, as the camera moves."""

from __future__ import annotations

from collections.abc import Callable

from mllm_for3d_ros.nodes.image_inputs import ImageInputs
from mllm_for3d_ros.nodes.inputs.frame_reader import Robot
from mllm_for3d_ros.nodes.inputs.pairs import Pair, Skip
from mllm_for3d_ros.nodes.key_views import KeyViews
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import Transforms
from mllm_for3d_ros.nodes.watchdog import Watchdog
from mllm_for3d_ros.nodes.worker import Worker

_PERIOD_S = 0.25  # between two images that are looked at
_WAITING = 30  # images that may wait for their partner


class ViewCollector:
    """Subscribes a node to the mapper's inputs, and keeps key views while the map has a frame.

    Args:
        node: with ``IMAGE_PARAMETERS``.
        watchdog: of the node.
        views: where they are kept.
        map_frame: the frame of the map, "" while there is none.
    """

    def __init__(self, node: ManagedNode, watchdog: Watchdog, views: KeyViews, map_frame: Callable[[], str]) -> None:
        self._p, self._speaker = node.parameters, node.speaker
        self._views, self._map_frame = views, map_frame
        self._last = 0.0
        self._worker: Worker[Pair] = Worker("key views", self._keep, self._missed)
        self._inputs = ImageInputs(node, watchdog, _WAITING, self._offer)
        self._reader = self._inputs.reader(Robot(), StageTimes())

    @property
    def transforms(self) -> Transforms:
        """Poses, for others too."""
        return self._inputs.transforms

    def _offer(self, pair: Pair) -> None:
        if pair.arrived - self._last >= _PERIOD_S and self._map_frame():
            self._last = pair.arrived
            self._worker.offer(pair)

    def _keep(self, pair: Pair) -> None:
        frame = self._reader.read(pair, self._map_frame(), self._p["camera_frame"], self._p["pose_timeout"])
        self._views.add(frame)

    def _missed(self, error: Exception) -> None:
        self._speaker.warn("views", f"an image is no key view: {error if isinstance(error, Skip) else repr(error)}")

    def close(self) -> None:
        """Stop; call it before the node is destroyed."""
        self._inputs.close()
        self._worker.close()
