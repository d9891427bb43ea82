"""Services on the map of the mapping node: reset, save, load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from mllm_for3d_ros.nodes.speaker import one_line
from mllm_for3d_ros.scene.map_file import MapFileError, MapFolder
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.srv import LoadMap, SaveMap


class MapServices:
    """Offers ``~/map/reset``, ``~/map/save`` and ``~/map/load``.

    Args:
        node: that offers them.
        voxels: the map.
        folder: of saved maps.
        replaced: called when another map has taken the place of the present one.
    """

    def __init__(self, node: Node, voxels: VoxelMap, folder: MapFolder, replaced: Callable[[], None]) -> None:
        self._node, self._voxels, self._folder, self._replaced = node, voxels, folder, replaced
        node.create_service(Trigger, "~/map/reset", self._reset)
        node.create_service(SaveMap, "~/map/save", self._save)
        node.create_service(LoadMap, "~/map/load", self._load)

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        count = len(self._voxels)
        self._voxels.reset()
        self._replaced()
        return self._answer(response, f"forgot {count} voxels")

    def _save(self, request: SaveMap.Request, response: SaveMap.Response) -> SaveMap.Response:
        try:
            saved = self._folder.save(request.name, self._voxels, request.overwrite)
        except MapFileError as error:
            return self._refuse(response, error)
        response.voxels, response.map_epoch, response.map_version = saved
        return self._answer(response, f"saved {response.voxels} voxels as {request.name!r}")

    def _load(self, request: LoadMap.Request, response: LoadMap.Response) -> LoadMap.Response:
        try:
            self._folder.load(request.name, self._voxels)
        except MapFileError as error:
            return self._refuse(response, error)
        self._replaced()
        response.map_epoch, response.map_version = self._voxels.epoch, self._voxels.newest_stamp
        response.voxels = len(self._voxels)
        return self._answer(response, f"loaded {response.voxels} voxels from {request.name!r}")

    def _answer(self, response: Any, text: str) -> Any:
        response.success, response.message = True, text
        self._node.get_logger().info(text)
        return response

    def _refuse(self, response: Any, error: MapFileError) -> Any:
        response.success, response.message = False, one_line(str(error))
        self._node.get_logger().warning(response.message)
        return response
