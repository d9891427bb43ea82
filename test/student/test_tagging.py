"""Image tags in place of guesses."""

from dataclasses import replace

import numpy as np
import pytest
from claims import claim, scene
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.student.evidence import Opinion
from mllm_for3d_ros.student.scene_store import LABEL_SCALE, UNSEEN
from mllm_for3d_ros.student.self_training import refined, refined_by_tags
from mllm_for3d_ros.student.tagging import told_of, without_absent

THERE, ABSENT, UNTOLD = 1.0, 0.0, np.nan


@given(st.lists(st.sampled_from((THERE, ABSENT, UNTOLD)), min_size=1, max_size=6))
def test_an_instruction_is_told_of_by_the_tag_of_its_class(tags: list[float]) -> None:
    told = told_of(np.array(tags), np.arange(len(tags) + 1))
    np.testing.assert_array_equal(told[:-1], np.array(tags, np.float32))
    assert told[-1] == ABSENT  # what is none of the classes


def test_what_is_told_to_be_absent_claims_nothing() -> None:
    unseen = claim(0, 20, 0.9)
    unseen[30:] = np.nan
    before = scene(unseen, claim(5, 9, 0.8), claim(1, 4, 0.7))
    after = without_absent(before, np.array([ABSENT, THERE, UNTOLD]))
    assert (after.labels[0, :30] == 0).all() and (after.labels[0, 30:] == UNSEEN).all()
    np.testing.assert_array_equal(after.labels[1:], before.labels[1:])
    np.testing.assert_array_equal(after.presence, [0, *before.presence[1:]])


def test_tags_of_another_number_of_instructions_are_refused() -> None:
    with pytest.raises(ValueError, match="1 instructions"):
        without_absent(scene(claim(0, 20, 0.9)), np.array([ABSENT, THERE]))


def test_tags_decide_what_is_there() -> None:
    before = replace(scene(claim(0, 9, 0.4), claim(20, 30, 0.9)), presence=np.array([0.2, 0.9], np.float32))
    own = Opinion(np.stack([claim(0, 9, 0.4), claim(20, 30, 0.9)]), np.array([0.1, 0.9]))
    after = refined_by_tags(before, own, np.array([THERE, ABSENT]))
    assert after.presence.tolist() == [1, 0]
    assert (after.labels[0, :9] == LABEL_SCALE).all()
    assert (after.labels[1] == 0).all()


def test_what_nobody_found_although_it_is_there_may_be_anywhere() -> None:
    before = scene(claim(0, 9, 0.05))
    after = refined_by_tags(before, Opinion(claim(3, 12, 0.05)[None], np.zeros(1)), np.array([THERE]))
    assert (after.labels == UNSEEN).all() and after.presence.tolist() == [1]


def test_without_tags_the_mean_is_taken() -> None:
    before, own = scene(claim(0, 9, 0.6)), Opinion(claim(0, 9, 0.6)[None], np.full(1, 0.5))
    after = refined_by_tags(before, own, np.array([UNTOLD]))
    np.testing.assert_array_equal(after.labels, refined(before, own, share=0.5).labels)
