import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import PointCloud2
from student_support import box_cloud

from mllm_for3d_ros.nodes import map_keeper
from mllm_for3d_ros.nodes.conversion import cloud_message
from mllm_for3d_ros.nodes.map_keeper import EncodedMap, MapKeeper
from mllm_for3d_ros.scene.point_cloud2 import pack_rgb
from mllm_for3d_ros.types import SceneCloud

CLOUD = box_cloud(((0.0, 0.0, 0.0), "red"))


def message(stamp: int, epoch: int | None = None, frame: str = "map", rows: int = len(CLOUD)) -> PointCloud2:
    columns = {axis: CLOUD.points[:rows, k] for k, axis in enumerate("xyz")} | {"rgb": pack_rgb(CLOUD.colors[:rows])}
    if epoch is not None:
        columns["epoch"] = np.full(rows, epoch, np.uint32)
    return cloud_message(columns, frame, stamp)


class Kept:
    """A keeper whose scenes are the clouds themselves, and everything that it told."""

    def __init__(self) -> None:
        self.told: list[EncodedMap | Exception | None] = []
        self.previous: list[Any] = []
        self._heard = threading.Event()
        self.keeper = MapKeeper(self._encode, 0.05, self._hear, self._hear)

    def _encode(self, cloud: SceneCloud, previous: Any) -> SceneCloud:
        self.previous.append(previous)
        return cloud

    def _hear(self, what: EncodedMap | Exception | None) -> None:
        self.told.append(what)
        self._heard.set()

    def give(self, given: PointCloud2) -> Any:
        self._heard.clear()
        self.keeper.offer(given)
        assert self._heard.wait(60)
        return self.told[-1]


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.keeper.close()


def test_versions_are_stamps_and_grow_where_the_stamp_does_not(kept: Kept) -> None:
    first = kept.give(message(5))
    assert (first.version, first.stamp_ns, len(first.cloud)) == (5, 5, len(CLOUD))
    assert kept.give(message(5)).version == 5
    fewer = kept.give(message(5, rows=300))
    assert (fewer.version, fewer.stamp_ns, fewer.cloud.epoch) == (6, 5, first.cloud.epoch)
    assert kept.give(message(9)).version == 9
    assert kept.previous[0] is None and kept.previous[-1] is fewer.scene


@pytest.mark.parametrize(
    ("second", "same"),
    [
        (message(9), True), (message(4), False), (message(9, frame="odom"), False),
        (message(9, epoch=7), False),
    ],
)  # fmt: skip
def test_when_the_map_of_another_mapper_begins_anew(kept: Kept, second: PointCloud2, same: bool) -> None:
    epoch = kept.give(message(5)).cloud.epoch
    assert epoch and (kept.give(second).cloud.epoch == epoch) == same


def test_an_empty_map_ends_an_epoch(kept: Kept) -> None:
    epoch = kept.give(message(5)).cloud.epoch
    assert kept.give(message(5, rows=0)) is None and kept.keeper.current is None
    assert kept.give(message(6)).cloud.epoch != epoch


def test_the_frame_is_that_of_the_map_that_there_is(kept: Kept) -> None:
    assert kept.keeper.frame_id == ""
    kept.give(message(5, frame="world"))
    assert kept.keeper.frame_id == "world"
    kept.give(message(6, rows=0))
    assert kept.keeper.frame_id == ""


def test_our_mapper_names_its_epochs_itself(kept: Kept) -> None:
    assert kept.give(message(5, epoch=0xABC)).cloud.epoch == "00000abc"
    older = kept.give(message(4, epoch=0xABC, rows=300))
    assert (older.cloud.epoch, older.version) == ("00000abc", 6), "the newest voxel may be dropped"
    assert kept.give(message(9, epoch=0xABD)).cloud.epoch == "00000abd"


def test_a_bad_map_is_told_and_the_one_before_stays(kept: Kept) -> None:
    good = kept.give(message(5))
    assert isinstance(kept.give(PointCloud2(width=9, height=1, point_step=16)), Exception)
    assert kept.keeper.current is good


@pytest.mark.parametrize(("old_s", "patience_s", "waits"), [(0.0, 60.0, True), (60.0, 60.0, False), (0.0, 0.01, False)])
def test_an_old_map_waits_a_little_for_the_one_in_the_works(
    old_s: float, patience_s: float, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_keeper, "OLD_S", old_s)
    monkeypatch.setattr(map_keeper, "PATIENCE_S", patience_s)
    told, begun, may = Queue[Any](), threading.Event(), threading.Event()

    def encode(cloud: SceneCloud, previous: Any) -> SceneCloud:
        if previous is not None:
            begun.set()
            assert may.wait(60)
        return cloud

    keeper = MapKeeper(encode, 0.05, told.put, told.put)
    keeper.offer(message(5))
    first = told.get(timeout=60)
    assert keeper.newest() is first, "no other is in the works"
    keeper.offer(message(9))
    assert begun.wait(60)
    if waits:
        threading.Timer(0.2, may.set).start()
    found = keeper.newest()
    may.set()
    keeper.close()
    assert found.version == (9 if waits else 5)


def test_a_map_that_is_still_encoded_at_the_end_is_not_told_of() -> None:
    begun, may, told = threading.Event(), threading.Event(), list[Any]()

    def encode(cloud: SceneCloud, previous: Any) -> SceneCloud:
        begun.set()
        assert may.wait(60)
        return cloud

    keeper = MapKeeper(encode, 0.05, told.append, told.append)
    keeper.offer(message(5))
    assert begun.wait(60)
    keeper.close()  # gives up waiting
    may.set()
    keeper.close()
    assert keeper.encoded == 1 and told == []
