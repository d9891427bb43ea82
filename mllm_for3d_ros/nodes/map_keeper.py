"""Keeps the newest map encoded: one thread, newest map wins, epochs told apart."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mllm_for3d_ros.nodes.conversion import cloud_columns, stamp_ns
from mllm_for3d_ros.nodes.worker import Worker
from mllm_for3d_ros.scene.map_cloud import CloudIdentity, scene_cloud
from mllm_for3d_ros.types import SceneCloud

OLD_S, PATIENCE_S = 1.0, 0.25
"""A map that was taken so long ago is old, and its successor in the works is waited for so long."""


@dataclass(frozen=True)
class EncodedMap:
    """A map that instructions can be answered on.

    scene: the answerer's. cloud: what it was made from. stamp_ns: of its newest observation. seconds: that
    unpacking and encoding took.
    """

    scene: Any
    cloud: SceneCloud
    stamp_ns: int
    seconds: float

    @property
    def version(self) -> int:
        """Grows within an epoch."""
        return self.cloud.version


class EpochCounter:
    """Names the lives of a map.

    Our mapper says it itself, in the field ``epoch`` of each point. The map of another begins a new one when it is
    empty, goes back in time, or changes its frame.
    """

    def __init__(self) -> None:
        self._last: tuple[str, int, bool] | None = None
        self._epoch = ""

    def epoch(self, frame_id: str, stamp: int, columns: Mapping[str, np.ndarray]) -> str:
        """The epoch of a map message with these columns."""
        said, empty, last = columns.get("epoch"), not len(columns.get("x", ())), self._last
        self._last = frame_id, stamp, empty
        if said is not None and len(said):
            return f"{int(said[0]):08x}"
        if last is None or last[0] != frame_id or stamp < last[1] or (empty and not last[2]):
            self._epoch = uuid.uuid4().hex[:8]
        return self._epoch


class MapKeeper:
    """Turns PointCloud2 messages into encoded maps.

    The version of a map is the stamp of its message in ns, which by convention is that of its newest
    observation: any mapper's cloud has it, and whoever holds an image can ask for a map that includes it.
    Where a map changes without a newer stamp, it is one more than the version before.

    Args:
        encode: the answerer's; it gets the map, and the scene of the version before (None: there is none).
        voxel_size: edge of the voxels that the model works on, m.
        on_change: called with the newest encoded map, None if the map is empty.
        on_error: called with what went wrong with a message; the map before it stays.
    """

    def __init__(
        self,
        encode: Callable[[SceneCloud, Any], Any],
        voxel_size: float,
        on_change: Callable[[EncodedMap | None], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._encode, self._voxel_size, self._on_change = encode, voxel_size, on_change
        self._epochs = EpochCounter()
        self._current: EncodedMap | None = None
        self._taken = 0.0
        self._came = threading.Condition()
        self._telling = threading.Lock()
        self._closed = False
        self._worker: Worker[Any] = Worker("encoder", self._take, on_error)
        self.offer = self._worker.offer

    @property
    def current(self) -> EncodedMap | None:
        """The newest encoded map."""
        return self._current

    def newest(self) -> EncodedMap | None:
        """The newest encoded map; where that is old and another is in the works, that one, if it comes soon."""
        with self._came:
            taken = self._taken
            if time.perf_counter() - taken > OLD_S and self._worker.backlog:
                self._came.wait_for(lambda: self._taken != taken, PATIENCE_S)
            return self._current

    @property
    def frame_id(self) -> str:
        """The frame of the newest encoded map, "" while there is none."""
        current = self._current
        return "" if current is None else current.cloud.frame_id

    @property
    def encoded(self) -> int:
        """Maps worked on."""
        return self._worker.done

    @property
    def replaced(self) -> int:
        """Maps that a newer one replaced before their turn."""
        return self._worker.dropped

    def _take(self, message: Any) -> None:
        started = time.perf_counter()
        frame_id, stamp = message.header.frame_id, stamp_ns(message.header.stamp)
        columns = cloud_columns(message)
        epoch = self._epochs.epoch(frame_id, stamp, columns)
        encoded = None
        if int(message.width) * int(message.height):
            cloud = scene_cloud(columns, self._voxel_size, CloudIdentity(frame_id, stamp, stamp, epoch))
            cloud = replace(cloud, version=self._version(cloud))
            scene = self._encode(cloud, None if self._current is None else self._current.scene)
            encoded = EncodedMap(scene, cloud, stamp, time.perf_counter() - started)
        with self._came:
            self._current, self._taken = encoded, started
            self._came.notify_all()
        with self._telling:
            if not self._closed:
                self._on_change(encoded)

    def close(self) -> None:
        """Stop after the present map, or without it if it takes long: ``on_change`` is not called any more."""
        self._worker.close()
        with self._telling:
            self._closed = True

    def _version(self, cloud: SceneCloud) -> int:
        """The version of a cloud that has its stamp for one."""
        last = None if self._current is None else self._current.cloud
        if last is None or last.epoch != cloud.epoch or cloud.version > last.version:
            return cloud.version
        same = np.array_equal(last.points, cloud.points) and np.array_equal(last.colors, cloud.colors)
        return last.version + (not same)
