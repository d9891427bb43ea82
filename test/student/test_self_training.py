"""A student's answers mixed into the pseudo-labels that it learnt from."""

from dataclasses import replace

import numpy as np
import pytest
from claims import VOXELS, claim, scene
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.evidence import Opinion
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.reading import Reading
from mllm_for3d_ros.student.scene_store import LABEL_SCALE, UNSEEN, TrainingScene
from mllm_for3d_ros.student.self_training import SecondOpinion, centred, refined


def mask_of(labels: np.ndarray) -> np.ndarray:
    return (labels != UNSEEN) & (labels > LABEL_SCALE // 2)


def test_what_only_one_of_both_claims_weakly_is_left_out():
    before = scene(claim(0, 20, 0.9))
    before.labels[0, 20:24] = 0.4 * LABEL_SCALE  # an error of the lifting: the student does not see it
    after = refined(before, Opinion(claim(0, 20, 0.8)[None], np.ones(1)))
    np.testing.assert_array_equal(np.flatnonzero(mask_of(after.labels[0])), np.arange(20))


def test_a_mask_that_neither_is_sure_of_is_half_at_its_border():
    before = replace(scene(claim(0, 6, 0.3)), presence=np.ones(1, np.float32))
    after = refined(before, Opinion(claim(0, 6, 0.2)[None], np.ones(1)))
    assert mask_of(after.labels[0])[:6].all() and not mask_of(after.labels[0])[6:].any()


def test_what_the_student_does_not_believe_fades():
    before = replace(scene(claim(0, 20, 0.9)), presence=np.full(1, 0.4, np.float32))
    after = refined(before, Opinion(np.zeros((1, VOXELS)), np.zeros(1)))
    assert after.presence[0] == pytest.approx(0.26)
    assert after.labels.max() < 0.3 * LABEL_SCALE


def test_unknown_voxels_stay_unknown():
    unseen = claim(0, 20, 0.9)
    unseen[30:] = np.nan
    after = refined(scene(unseen), Opinion(np.ones((1, VOXELS)), np.ones(1)))
    assert (after.labels[0, 30:] == UNSEEN).all() and (after.labels[0, :30] != UNSEEN).all()


@given(st.floats(0.05, 0.95), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_centred_presence_keeps_its_order_and_has_the_threshold_at_one_half(threshold: float, values: list[float]):
    presence = np.array(values)
    centre = centred(presence, threshold)
    assert (np.diff(centre[np.argsort(presence)]) >= 0).all()
    assert centred(np.array([threshold]), threshold)[0] == pytest.approx(0.5)


def test_answers_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"the scene has labels \[1, 40\]"):
        refined(scene(claim(0, 20, 0.9)), Opinion(np.zeros((2, VOXELS)), np.zeros(2)))


def test_presence_that_is_given_takes_the_place_of_the_mean():
    own = Opinion(np.stack([claim(0, 20, 0.9), claim(20, 30, 0.9)]), np.ones(2))
    after = refined(scene(claim(0, 20, 0.9), claim(20, 30, 0.9)), own, np.array([1.0, 0.1]))
    np.testing.assert_allclose(after.presence, [1.0, 0.1])
    assert after.labels[0].max() > 0.9 * LABEL_SCALE and after.labels[1].max() < 0.1 * LABEL_SCALE


def test_a_student_with_a_judge_of_presence_is_trusted_more():
    plain, judged = StudentNetwork(34), StudentNetwork(34)
    judged.load_state_dict(plain.state_dict())
    judged.judge, judged.reading = Judge(8 + 34, 35).eval(), Reading()
    before, encoder = asked("a chair", "a cup"), SentenceEncoder.load()
    for network, share in ((plain, 0.35), (judged, 0.65)):
        student = SecondOpinion(network, encoder, 0.5)
        own = student.answers(before).presence
        np.testing.assert_allclose(
            student.refined(before).presence, share * own + (1 - share) * before.presence, atol=1e-6
        )


def asked(*texts: str) -> TrainingScene:
    coords = np.stack(np.meshgrid(range(5), range(8), [0], indexing="ij"), -1).reshape(-1, 3).astype(np.int32)
    return replace(scene(claim(0, 20, 0.9), claim(0, 5, 0.2)), coords=coords, texts=np.array(texts))


def test_a_student_refines_a_scene_of_its_texts():
    before = asked("a chair", "a cup")
    after = SecondOpinion(StudentNetwork(3), SentenceEncoder.load(), 0.5).refined(before)
    assert after.labels.shape == before.labels.shape
    np.testing.assert_array_equal(after.phrases, before.phrases)
    assert ((after.presence >= 0) & (after.presence <= 1)).all()


def test_a_judge_says_what_is_there_of_what_it_knows():
    before, student = asked("a chair", "a whale"), SecondOpinion(StudentNetwork(3), SentenceEncoder.load(), 0.5)
    concepts = np.array([CLASS_NAMES.index("chair"), len(CLASS_NAMES)])
    read, mixed = student.evidence(before, concepts)
    judge = Judge(read.shape[1], len(CLASS_NAMES)).eval()
    after = student.refined(before, judge, concepts)
    assert after.presence[0] == pytest.approx(judge.presence(read, concepts)[0], abs=1e-5)
    assert after.presence[1] == pytest.approx(mixed[1])
