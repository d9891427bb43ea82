"""The messages of a map, made in memory that is used again: each has many megabytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sensor_msgs.msg import PointCloud2

from mllm_for3d_ros.nodes.conversion import fill_bytes, header_message, records_message
from mllm_for3d_ros.scene.steady_records import steady
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.scene.voxel_rows import RECORD


class MapMessage(NamedTuple):
    """A message, and version and epoch of the map that it holds."""

    message: PointCloud2
    version: int
    epoch: str


class MapMessages:
    """Makes one message after the other of a map; each is good until the next is made.

    Memory of this size that is given back after every message comes fresh from the system each time, or stays with
    the process by chance.
    """

    def __init__(self, voxels: VoxelMap) -> None:
        self._voxels = voxels
        self._room = np.zeros(0, RECORD)
        self._epoch = ""
        self._message = records_message(self._room, voxels.frame_id, 0)

    def make(self) -> MapMessage:
        """The map as it is now; what has changed by a hair is said as it was (see ``steady_records``)."""
        records, newest, version, epoch = self._voxels.records(self._room)
        assert records.base is not None
        self._room = records.base
        message = self._message
        before = np.frombuffer(message.data, RECORD) if epoch == self._epoch else records[:0]
        steady(records, before, self._voxels.voxel_size)
        del before  # or the message's data could not change their size
        self._epoch = epoch
        fill_bytes(message.data, records)
        message.header = header_message(self._voxels.frame_id, newest)
        message.width, message.row_step = len(records), records.nbytes
        return MapMessage(message, version, epoch)
