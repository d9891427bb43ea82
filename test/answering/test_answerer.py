"""An instruction becomes a mask with instances, a status and a sentence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from student_support import ColorStudent, box_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.types import SceneCloud, Status


@pytest.fixture
def answerer() -> Answerer:
    return Answerer(ColorStudent())


CLOUD = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "red"), ((0.4, -0.9, 0.0), "green"))


def test_objects_are_found_with_their_boxes(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "  the red\tthings ")
    assert answer.status is Status.OK and answer.instruction == "the red things"
    assert answer.mask.sum() == 2 * 8**3 and answer.map_version == 3
    assert (CLOUD.colors[answer.mask] == (200, 0, 0)).all()
    assert len(answer.instances) == 2 and answer.score == pytest.approx(0.8) and answer.presence == pytest.approx(0.9)
    centers = sorted(tuple(np.round(one.center, 2)) for one in answer.instances)
    assert centers == [(-0.7, -0.7, 0.2), (0.6, 0.6, 0.2)]
    assert "2 objects fit" in answer.explanation and "0.40 x 0.40 x 0.40 m" in answer.explanation


def test_the_number_of_instances_can_be_limited(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "red", max_instances=1)
    assert len(answer.instances) == 1 and answer.mask.sum() == 8**3
    assert "the best 1" in answer.explanation


def test_absent_target_has_an_empty_mask_and_a_reason(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "something blue")
    assert answer.status is Status.NO_TARGET and not answer.mask.any() and not answer.instances
    assert "presence 0.10 is below 0.50" in answer.explanation


def test_thresholds_of_the_call_win(answerer: Answerer) -> None:
    scene = answerer.encode(CLOUD)
    assert answerer.answer(scene, "red", presence_threshold=0.95).status is Status.NO_TARGET
    nothing = answerer.answer(scene, "red", mask_threshold=0.85)
    assert nothing.status is Status.NO_TARGET and "only 0 voxels" in nothing.explanation
    assert answerer.answer(scene, "red", mask_threshold=0.05).mask.sum() > 8**3 * 2


def test_a_few_stray_voxels_are_no_target() -> None:
    small = box_cloud(((0.0, 0.0, 0.0), "blue"), size=0.1)
    answerer = Answerer(ColorStudent(), min_voxels=20)
    assert answerer.answer(answerer.encode(small), "blue").status is Status.NO_TARGET


def test_a_map_that_is_too_small_is_not_ready_and_never_encoded() -> None:
    student = ColorStudent()
    answerer = Answerer(student)
    empty = SceneCloud(
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3), np.uint8),
        np.zeros((0, 3), np.float32),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        0.025,
    )
    answer = answerer.answer(answerer.encode(empty), "the sofa")
    assert answer.status is Status.NOT_READY and "show the camera" in answer.explanation
    assert student.encoded == 0


@pytest.mark.parametrize("text", ["", "   ", "?!", "x" * 10_000])
def test_bad_instructions_are_refused(answerer: Answerer, text: str) -> None:
    with pytest.raises(InstructionError):
        answerer.answer(answerer.encode(CLOUD), text)


@pytest.mark.parametrize("options", [{"mask_threshold": 1.5}, {"presence_threshold": -0.1}, {"max_instances": -1}])
def test_impossible_options_are_refused(answerer: Answerer, options: dict) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        answerer.answer(answerer.encode(CLOUD), "red", **options)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 3), st.sampled_from(["red", "green", "blue", "a lamp"]))
def test_mask_and_instances_agree(mask_threshold: float, presence: float, limit: int, text: str) -> None:
    answerer = Answerer(ColorStudent())
    answer = answerer.answer(
        answerer.encode(CLOUD), text, mask_threshold=mask_threshold, presence_threshold=presence, max_instances=limit
    )
    rows = np.concatenate([np.empty(0, np.int64), *(one.indices for one in answer.instances)])
    assert np.array_equal(np.sort(rows), np.flatnonzero(answer.mask))
    assert (answer.status is Status.OK) == answer.mask.any()
    assert not limit or len(answer.instances) <= limit
    assert answer.explanation.endswith(".") and "\n" not in answer.explanation


def test_warming_up_answers_once(answerer: Answerer) -> None:
    answerer.warm_up()
    assert answerer.student.encoded == 1
