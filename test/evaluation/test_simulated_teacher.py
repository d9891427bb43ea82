"""The simulated teacher has the faults that it was set to have."""

import numpy as np
import pytest

from mllm_for3d_ros.evaluation.simulated_teacher import Faults, SimulatedTeacher
from mllm_for3d_ros.rooms.recording import RoomsRecording

PERFECT = Faults(0.0, 0.0, ragged=0.0, token_noise=0.0)
ASKED = [f"ask {i}" for i in range(60)]


@pytest.fixture(scope="module")
def recording():
    return RoomsRecording(5000, frames=10, width=96, height=72)


@pytest.fixture(scope="module")
def target(recording):
    """The instance that most pixels show."""
    ids, counts = np.unique(np.stack(recording.instances), return_counts=True)
    return int(ids[1:][np.argmax(counts[1:])])


def ask(recording, target, faults, seed=0, texts=ASKED):
    """Answers and true masks of all texts over all frames, flat."""
    teacher = SimulatedTeacher(recording, {text: [target] for text in texts}, faults, seed)
    frames = [recording[i] for i in range(len(recording))]
    answers = [answer for text in texts for answer in teacher.answer(frames, text)]
    return teacher, answers, [image == target for _ in texts for image in recording.instances]


def shown(masks, least=60):
    return [i for i, mask in enumerate(masks) if mask.sum() >= least]


def took(answer, mask):
    """Whether the answer covers the mask."""
    return bool(mask.any()) and answer.abstained is None and (answer.mask[mask] > 0.5).mean() > 0.5


def test_without_faults_it_tells_the_truth(recording, target):
    _, answers, masks = ask(recording, target, PERFECT, texts=["x"])
    seen = shown(masks)
    assert seen and len(seen) < len(masks)
    for i, (answer, mask) in enumerate(zip(answers, masks, strict=True)):
        assert (answer.abstained is None) == (i in seen)
        if i in seen:
            np.testing.assert_array_equal(answer.mask > 0.5, mask)


def test_fault_rates_are_as_set(recording, target):
    faults = Faults(0.25, 0.15, correlated=0.0, ragged=0.0)
    _, answers, masks = ask(recording, target, faults)
    seen = shown(masks)
    right = np.mean([took(answers[i], masks[i]) for i in seen])
    silent = np.mean([answers[i].abstained is not None for i in seen])
    assert right == pytest.approx(0.6, abs=0.06) and silent == pytest.approx(0.15, abs=0.05)


def test_half_of_the_faulty_views_take_the_same_distractor(recording, target):
    teacher, answers, masks = ask(recording, target, Faults(0.25, 0.25, correlated=0.5, ragged=0.0))
    images = recording.instances
    together, faulty = [], []
    for i, answer in enumerate(answers):
        distractor = images[i % len(images)] == teacher.distractor(ASKED[i // len(images)])
        if distractor.sum() >= 60 and masks[i].sum() >= 60:
            together.append(took(answer, distractor))
            faulty.append(not took(answer, masks[i]))
    assert len(together) > 50 and np.mean(faulty) == pytest.approx(0.5, abs=0.12)
    assert 0.2 < np.mean(together) < 0.45
    assert teacher.distractor("ask 0") not in (0, target)


def test_it_hallucinates_on_absent_things_too(recording):
    texts = {text: [] for text in ASKED}
    teacher = SimulatedTeacher(recording, texts, Faults(0.3, 0.0))
    frames = [recording[i] for i in range(len(recording))]
    said = [answer.abstained is None for text in ASKED for answer in teacher.answer(frames, text)]
    assert np.mean(said) == pytest.approx(0.3, abs=0.06)


def test_the_same_view_asked_again_or_alone_answers_the_same(recording, target):
    teacher, answers, _ = ask(recording, target, Faults(), texts=["x"])
    alone = teacher.answer([recording[3]], "x")[0]
    np.testing.assert_array_equal(alone.mask, answers[3].mask)
    assert alone.score == answers[3].score
    other = ask(recording, target, Faults(), seed=1, texts=["x"])[1]
    assert any((a.mask != b.mask).any() for a, b in zip(answers, other, strict=True))


def test_scores_tell_nothing_unless_asked_to(recording, target):
    for informative, low, high in ((False, -0.12, 0.12), (True, 0.5, 1.0)):
        faults = Faults(0.4, 0.0, correlated=0.0, ragged=0.0, informative_scores=informative)
        _, answers, masks = ask(recording, target, faults)
        said = [i for i in range(len(answers)) if answers[i].abstained is None]
        right = [took(answers[i], masks[i]) and masks[i].sum() >= 60 for i in said]
        assert low <= np.corrcoef(right, [answers[i].score for i in said])[0, 1] <= high


def test_tokens_of_right_views_agree_more_than_with_wrong_ones(recording, target):
    _, answers, masks = ask(recording, target, Faults(0.4, 0.0, ragged=0.0), texts=["x"])
    right = [a.token for a, m in zip(answers, masks, strict=True) if m.sum() >= 60 and took(a, m)]
    wrong = [a.token for a, m in zip(answers, masks, strict=True) if a.abstained is None and not took(a, m)]
    assert len(right) >= 2 and wrong
    among = np.stack(right) @ np.stack(right).T
    between = np.stack(right) @ np.stack(wrong).T
    assert among.mean() > between.mean() + 0.15
    assert np.linalg.norm(right[0]) == pytest.approx(1, abs=1e-5)


def test_edges_are_ragged_and_single_instances_are_taken_as_set(recording, target):
    _, answers, masks = ask(recording, target, Faults(0, 0, ragged=3.0), texts=["x"])
    i = shown(masks)[0]
    wrong = (answers[i].mask > 0.5) != masks[i]
    assert 0 < wrong.sum() < 0.5 * masks[i].sum()
    ids = [k for k in np.unique(recording.instances[i]) if k > 0 and (recording.instances[i] == k).sum() >= 60]
    assert len(ids) > 1
    teacher = SimulatedTeacher(recording, {"x": ids}, Faults(0, 0, wrong_instance=1.0, ragged=0.0))
    mask = teacher.answer([recording[i]], "x")[0].mask > 0.5
    assert len(np.unique(recording.instances[i][mask])) == 1


def test_unfit_rates_are_refused():
    with pytest.raises(ValueError, match="not exceed 1"):
        Faults(0.6, 0.6)
    with pytest.raises(ValueError, match="not be negative"):
        Faults(ragged=-1.0)
