"""The Rooms benchmark aligns truth and map, asks fair questions and scores what comes back."""

from collections.abc import Callable

import numpy as np
import pytest

from mllm_for3d_ros.evaluation.rooms_benchmark import (
    MappedRoom,
    align,
    map_room,
    run_benchmark,
)
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.vocabulary import class_index
from mllm_for3d_ros.types import Mask3D, Status

CLASS_OF = {phrase.text: phrase.class_name for phrase in bank("validation")}


@pytest.fixture(scope="module")
def room() -> MappedRoom:
    return map_room(9, frames=8)


class Oracle:
    """Knows the truth of the explicit and implicit phrases; answers as ``spoil`` says."""

    def __init__(self, name: str, spoil: Callable[[np.ndarray], np.ndarray] = lambda mask: mask) -> None:
        self.name = name
        self._spoil = spoil

    def open(self, room: MappedRoom) -> Callable[[str], Mask3D]:
        def answer(text: str) -> Mask3D:
            name = CLASS_OF[text]
            mask = np.zeros(len(room.cloud), bool) if name is None else room.class_index == class_index(name)
            mask = self._spoil(mask)
            status = Status.OK if mask.any() else Status.NO_TARGET
            return Mask3D(text, status, mask.astype(np.float32), mask, float(mask.any()), 1.0, "An oracle said so.")

        return answer


def test_truth_lies_on_the_map(room: MappedRoom) -> None:
    assert len(room.class_index) == len(room.cloud)
    mapped, total = (np.bincount(ids, minlength=512) for ids in (room.instance_id, room.truth.instance_id))
    assert (mapped <= total)[1:].all() and mapped[1:].sum() > 0.99 * total[1:].sum()
    assert room.seen and set(room.seen) <= set(room.present)


def test_unknown_voxels_have_no_class(room: MappedRoom) -> None:
    truth = room.recording.ground_truth(0.025)
    empty = type(truth)(truth.keys[:0], truth.instance_id[:0], truth.class_index[:0], 0.025)
    assert (align(empty, room.cloud) == -1).all()
    half = type(truth)(truth.keys[::2], truth.instance_id[::2], truth.class_index[::2], 0.025)
    row = align(half, room.cloud)
    assert 0.3 < (row >= 0).mean() < 0.7
    assert np.array_equal(half.instance_id[row[row >= 0]], room.instance_id[row >= 0])


def test_oracles_get_what_they_deserve(room: MappedRoom) -> None:
    systems = [Oracle("truth"), Oracle("nothing", np.zeros_like), Oracle("everything", np.ones_like)]
    truth, nothing, everything = run_benchmark(
        systems, [room], bank("validation"), kinds=("explicit", "implicit", "absent")
    )
    assert [row.instruction for row in truth.rows] == [row.instruction for row in everything.rows]
    right = truth.groups()
    assert set(right) == {"all", "explicit", "implicit", "absent"}
    assert right["all"]["miou"] > 0.98 and right["all"]["acc@0.5"] == 1 and right["all"]["specificity"] == 1
    silent = nothing.groups()["all"]
    assert silent["miou"] == 0 and silent["false_no_target"] == 1 and silent["specificity"] == 1
    loud = everything.groups()["all"]
    assert 0 < loud["miou"] < 0.3 and loud["specificity"] == 0
    assert set(truth.classes()) == set(room.seen)


def test_the_report_goes_into_json(room: MappedRoom) -> None:
    (report,) = run_benchmark([Oracle("truth")], [room], bank("validation"))
    content = report.as_dict()
    assert content["seeds"] == [9] and len(content["rows"]) == len(report.rows)
    assert {"text", "class", "kind", "expected", "status", "iou", "latency_ms"} <= set(content["rows"][0])
