"""Sentences with relations, colours and sizes, from words to instances and the reason."""

from __future__ import annotations

import numpy as np
import pytest
from things_support import Box, NamedKinds, boxes_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.types import Mask3D, Status

RED, BLUE, WHITE, BROWN = (190, 30, 35), (40, 70, 180), (238, 238, 236), (100, 65, 35)
CHAIR, CUP = (0.4, 0.4, 0.8), (0.1, 0.1, 0.15)
ROOM: dict[str, list[Box]] = {
    "chair": [
        ((-2.5, 0.0, 0), CHAIR, RED), ((-1.0, 0.0, 0), CHAIR, BLUE), ((0.0, 0.0, 0), CHAIR, RED),
        ((2.0, 1.5, 0), (0.4, 0.4, 1.2), BLUE),
    ],
    "window": [((-2.95, -1.0, 0.9), (0.05, 1.5, 1.0), WHITE)],
    "table": [((-1.0, -2.0, 0.7), (1.5, 0.8, 0.05), BROWN), ((1.5, -2.5, 0.7), (0.8, 0.8, 0.05), BROWN)],
    "cup": [((-0.8, -1.7, 0.75), CUP, WHITE), ((2.0, -2.3, 0.75), CUP, RED), ((0.0, 2.0, 0.0), CUP, RED)],
    "box": [((-0.6, -1.8, 0.0), (0.4, 0.4, 0.3), BROWN), ((2.3, 2.3, 0.0), (0.6, 0.6, 0.5), BROWN)],
    "door": [((-0.5, 2.9, 0.0), (0.9, 0.05, 2.0), BROWN)],
}  # fmt: skip
CLOUD, KINDS = boxes_cloud(ROOM)


@pytest.fixture
def answerer() -> Answerer:
    return Answerer(NamedKinds(KINDS), min_voxels=5)


def picked(answer: Mask3D, kind: str) -> list[int]:
    """Places among ``ROOM[kind]`` of the instances of an answer, in its order."""
    places = []
    for one in answer.instances:
        for place, (low, size, _) in enumerate(ROOM[kind]):
            middle = np.array(low) + np.array(size) / 2
            if np.allclose(one.center[:2], middle[:2], atol=0.06) and abs(one.center[2] - middle[2]) < 0.1:
                places.append(place)
    assert len(places) == len(answer.instances)
    return places


CASES = [
    ("the chair nearest the window", "chair", [0], "1 of 4 chairs: nearest to the window"),
    ("the second chair from the window", "chair", [1], "number 2 in the order"),
    ("the chair farthest from the window", "chair", [3], "farthest from the window"),
    ("the two chairs closest to the window", "chair", [0, 1], "nearest to the window"),
    ("Of the chairs, take the one closest to the door", "chair", [3], "nearest to the door"),
    ("the cup on the table", "cup", [0, 1], "on the table"),
    ("the red cup on the table", "cup", [1], "red, on the table"),
    ("the cup on the largest table", "cup", [0], "on the table"),
    ("the cup on the floor", "cup", [2], "on the floor"),
    ("the cup that is not on the table", "cup", [2], "not on the table"),
    ("the box under the table", "box", [0], "under the table"),
    ("the largest box", "box", [1], "largest"),
    ("the smallest of the boxes", "box", [0], "smallest"),
    ("which chair is the tallest?", "chair", [3], "tallest"),
    ("all the red chairs", "chair", [0, 2], "red"),
    ("the blue chair nearest the window", "chair", [1], "blue, nearest to the window"),
    ("the chair between the window and the blue chair", "chair", [0], "between"),
    ("the box to the left of the table seen from the door", "box", [], "none of them is left of"),
    ("standing at the door, the chair to the left of the cup on the floor", "chair", [3], "seen from the door"),
    ("the leftmost chair seen from the door", "chair", [3], "farthest to the left"),
]


@pytest.mark.parametrize(("text", "kind", "expected", "reason"), CASES)
def test_what_a_relation_picks_and_why(
    answerer: Answerer, text: str, kind: str, expected: list[int], reason: str
) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), text)
    assert sorted(picked(answer, kind)) == expected, answer.explanation
    assert reason in answer.explanation
    assert (answer.status is Status.OK) == bool(expected)
    assert answer.mask.sum() == sum(len(one.indices) for one in answer.instances)
    assert (answer.probability[~answer.mask] < 0.5).all()
    assert all(one.reason for one in answer.instances)


def test_what_is_missing_is_named(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "the chair nearest the piano")
    assert answer.status is Status.NO_TARGET and not answer.mask.any()
    assert "found 4 chairs but no piano" in answer.explanation and answer.presence == pytest.approx(0.1)
    answer = answerer.answer(answerer.encode(CLOUD), "the piano nearest the window")
    assert answer.status is Status.NO_TARGET and "no piano" in answer.explanation


def test_no_thing_of_that_colour(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "the green chair")
    assert answer.status is Status.NO_TARGET and "none of them is green" in answer.explanation


def test_what_may_only_describe_a_kind_is_asked_as_a_whole(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "a chair on a stand")
    assert answerer.student.asked[-1] == "a chair on a stand" and answer.status is Status.NO_TARGET


def test_a_sentence_without_a_relation_is_asked_as_it_is(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "chair")
    assert answerer.student.asked == ["chair"] and len(answer.instances) == 4


def test_sides_need_a_viewpoint(answerer: Answerer) -> None:
    scene = answerer.encode(CLOUD)
    text = "the cup left of the box"
    assert 'say "seen from ..."' in answerer.answer(scene, text).explanation
    facing_south = np.array([0.0, 2.5, -np.pi / 2])
    right = answerer.answer(scene, "the chair to the right of the door", viewpoint=np.array([0.0, 0.0, np.pi / 2]))
    assert right.status is Status.OK or "none of them is right of" in right.explanation
    assert picked(answerer.answer(scene, "the leftmost chair", viewpoint=facing_south), "chair") == [3]


def test_the_viewer_is_an_anchor(answerer: Answerer) -> None:
    scene = answerer.encode(CLOUD)
    here = np.array([2.0, 0.5, 0.0])
    assert picked(answerer.answer(scene, "the chair nearest to me", viewpoint=here), "chair") == [3]
    assert picked(answerer.answer(scene, "the chair on my left", viewpoint=here), "chair") == [3]
    assert sorted(picked(answerer.answer(scene, "the chairs behind me", viewpoint=here), "chair")) == [0, 1, 2]
    undecided = answerer.answer(scene, "the nearest chair")
    assert len(undecided.instances) == 4 and "without a viewpoint" in undecided.explanation


def test_the_number_of_instances_can_be_limited(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "all the red chairs", max_instances=1)
    assert len(answer.instances) == 1 and "1 of 4 chairs" in answer.explanation


def test_the_order_of_points_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(CLOUD))
    shuffled = type(CLOUD)(
        CLOUD.points[order], CLOUD.colors[order], CLOUD.normals[order], CLOUD.weights[order], CLOUD.last_seen_ns[order],
        CLOUD.voxel_size,
    )  # fmt: skip
    for text, *_ in CASES[:8]:
        straight, mixed = (Answerer(NamedKinds(kinds), min_voxels=5) for kinds in (KINDS, KINDS[order]))
        first = straight.answer(straight.encode(CLOUD), text)
        second = mixed.answer(mixed.encode(shuffled), text)
        assert np.array_equal(first.mask[order], second.mask) and first.explanation == second.explanation
