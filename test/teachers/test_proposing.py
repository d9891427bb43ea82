"""Instructions that a model proposes: the question, the reading of answers, and who can be asked."""

import json

import pytest

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.catalogue import PROPOSERS, require_proposer
from mllm_for3d_ros.teachers.proposing import merged, question, read_proposals


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ('["the red chair", "somewhere to sit"]', ["the red chair", "somewhere to sit"]),
        ('Sure!\n```json\n["the lamp by the door"]\n```', ["the lamp by the door"]),
        ("1. the red chair\n2) somewhere to sit\n- the lamp", ["the red chair", "somewhere to sit", "the lamp"]),
        ('["the lamp", 7, "", null]', ["the lamp"]),
        ('["cut off here, "', ["cut off here,"]),
        ("", []),
        ("no", []),
    ],
)
def test_answers_are_read(answer, read):
    assert [text.strip('["') for text in read_proposals(answer)] == read


def test_views_take_turns_and_repeats_count_once():
    assert merged([["a chair", "a lamp"], ["A chair.", "a bed"], []], 3) == ["a chair", "a lamp", "a bed"]
    assert merged([["a chair", "a lamp"]], 1) == ["a chair"]


def test_the_question_asks_for_enough():
    assert "Write 4 different" in question(8, 4) and "Write 2 different" in question(1, 6)


def test_teachers_that_cannot_propose_are_refused_by_name():
    for name in PROPOSERS:
        require_proposer(f"{name}:some/model")
    with pytest.raises(TeacherError, match="teacher sam3 cannot propose"):
        require_proposer("sam3")


def test_json_with_other_things_around_it():
    told = json.dumps(["the cup"])
    assert read_proposals(f"Here you are: {told} Have fun.") == ["the cup"]
