"""A judge learns which evidence tells of which concept."""

import numpy as np
import pytest
import torch

from mllm_for3d_ros.checkpoint import save_checkpoint
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.student.judge import Judge, fit_judge


def cases(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Concept 0 is there where the first number is large, concept 1 where it is small; the rest is noise."""
    rng = np.random.default_rng(seed)
    evidence, concepts = rng.normal(size=(count, 6)).astype(np.float32), rng.integers(0, 2, count)
    return evidence, concepts, (evidence[:, 0] > 0) == (concepts == 0)


def fitted(seed: int = 0) -> Judge:
    evidence, concepts, there = cases(1500, 0)
    return fit_judge(evidence, np.eye(2, dtype=np.float32)[concepts], there, seed)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return fitted()


def test_what_tells_differs_from_concept_to_concept(judge: Judge) -> None:
    evidence, concepts, there = cases(500, 1)
    assert ((judge.presence(evidence, concepts) > 0.5) == there).mean() > 0.9


def test_what_may_mean_two_things_is_judged_as_both(judge: Judge) -> None:
    evidence = torch.from_numpy(cases(500, 5)[0])
    alone = [judge(evidence, torch.eye(2)[[concept] * 500]) for concept in (0, 1)]
    both = judge(evidence, torch.full((500, 2), 0.5))
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2, atol=1e-4, rtol=1e-4)


def test_it_says_what_its_members_say_on_average(judge: Judge) -> None:
    evidence, concepts = torch.from_numpy(cases(40, 6)[0]), torch.softmax(torch.randn(40, 2), 1)
    members = [member(judge.read(evidence), concepts) for member in judge.members]
    torch.testing.assert_close(judge(evidence, concepts), torch.stack(members).mean(0), atol=1e-5, rtol=1e-5)
    assert judge(evidence[:0], concepts[:0]).shape == (0,)


def test_a_concept_that_it_does_not_know_is_not_judged(judge: Judge) -> None:
    told = judge.presence(cases(3, 2)[0], np.array([0, 2, 1]))
    assert np.isnan(told).tolist() == [False, True, False]


def test_one_seed_makes_one_judge(judge: Judge) -> None:
    evidence, concepts, _ = cases(50, 3)
    again, other = fitted(), fitted(seed=1)
    np.testing.assert_array_equal(judge.presence(evidence, concepts), again.presence(evidence, concepts))
    assert not np.array_equal(judge.presence(evidence, concepts), other.presence(evidence, concepts))


def test_a_judge_is_read_as_it_was_written(judge: Judge, tmp_path) -> None:
    path = tmp_path / "judge.safetensors"
    save_checkpoint(path, judge.state_dict(), {"kind": "judge"})
    evidence, concepts, _ = cases(50, 4)
    read = Judge.load(path).presence(evidence, concepts)
    np.testing.assert_allclose(read, judge.presence(evidence, concepts), atol=0.01)  # weights are halved
    with pytest.raises(CheckpointError, match="none"):
        Judge.load(tmp_path / "none.safetensors")
