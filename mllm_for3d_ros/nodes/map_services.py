"""Services on the map of the mapping node: reset, save, load; a thread does the work, images come in meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from std_srvs.srv import Trigger

from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.promise import promise
from mllm_for3d_ros.nodes.speaker import describe
from mllm_for3d_ros.nodes.worker import Worker
from mllm_for3d_ros.scene.map_file import MapFileError, MapFolder
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.srv import LoadMap, SaveMap

_MOST_CALLS = 10
_FINISH_S = 5.0  # for a file that is being written when the node ends


@dataclass(frozen=True)
class Call:
    """work: fills the response in, and returns its message. answer: sends it, called once and from any thread."""

    work: Callable[[], str]
    response: Any
    answer: Callable[[Any], None]


class MapServices:
    """Offers ``~/map/reset``, ``~/map/save`` and ``~/map/load``; calls are answered one after the other.

    Args:
        node: that offers them.
        voxels: the map.
        folder: of saved maps.
        replacing: what another map takes the place of the present one in, so that no image is fused meanwhile.
    """

    def __init__(
        self,
        node: ManagedNode,
        voxels: VoxelMap,
        folder: MapFolder,
        replacing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._node, self._voxels, self._folder, self._replacing = node, voxels, folder, replacing
        self._worker: Worker[Call] = Worker("map services", self._do, self._failed, _MOST_CALLS)
        group = ReentrantCallbackGroup()
        node.create_service(Trigger, "~/map/reset", self._reset, callback_group=group)
        node.create_service(SaveMap, "~/map/save", self._save, callback_group=group)
        node.create_service(LoadMap, "~/map/load", self._load, callback_group=group)

    def close(self) -> None:
        """Finish the present call, if that does not take long, and refuse those that wait."""
        for call in self._worker.close(_FINISH_S):
            self._refuse(call, MapFileError("the node is being cleaned up: configure it, and ask again"))

    async def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def work() -> str:
            with self._replacing():
                count = len(self._voxels)
                self._voxels.reset()
            return f"forgot {count} voxels"

        return await self._answered(response, work)

    async def _save(self, request: SaveMap.Request, response: SaveMap.Response) -> SaveMap.Response:
        def work() -> str:
            saved = self._folder.save(request.name, self._voxels, request.overwrite)
            response.voxels, response.map_epoch, response.map_version = saved
            return f"saved {response.voxels} voxels as {request.name!r}"

        return await self._answered(response, work)

    async def _load(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        def work() -> str:
            with self._replacing():
                self._folder.load(request.name, self._voxels)
                response.map_epoch, response.map_version = self._voxels.epoch, self._voxels.newest_stamp
                response.voxels = len(self._voxels)
            return f"loaded {response.voxels} voxels from {request.name!r}"

        return await self._answered(response, work)

    async def _answered(self, response: Any, work: Callable[[], str]) -> Any:
        """The response, once the thread has done the work."""
        future, answer = promise(self._node)
        call = Call(work, response, answer)
        if self._worker.backlog < _MOST_CALLS:
            self._worker.offer(call)
        else:
            self._refuse(call, MapFileError(f"{_MOST_CALLS} calls wait already: ask again when they are answered"))
        return await future

    def _do(self, call: Call) -> None:
        try:
            call.response.message, call.response.success = call.work(), True
        except Exception as error:  # a full memory, a bug: whoever asked must hear of it
            self._refuse(call, error)
        else:
            self._node.get_logger().info(call.response.message)
            call.answer(call.response)

    def _refuse(self, call: Call, error: Exception) -> None:
        call.response.success, call.response.message = False, describe(error)
        self._node.get_logger().warning(call.response.message)
        call.answer(call.response)

    def _failed(self, error: Exception) -> None:
        self._node.speaker.error("map services", error)
