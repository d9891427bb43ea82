"""What a judge reads of the labels of a scene."""

from dataclasses import replace

import numpy as np
from claims import claim, scene

from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.evidence import Opinion, evidence
from mllm_for3d_ros.student.scene_store import TrainingScene

CLASSES = len(CLASS_NAMES)
RIVALS = slice(-CLASSES - 1, None)


def line(*claims: np.ndarray) -> tuple[TrainingScene, Opinion]:
    """Voxels in a row along x, with 2D features that tell their number."""
    count = len(claims[0])
    coords = np.stack([np.arange(count), np.zeros(count), np.zeros(count)], 1).astype(np.int32)
    features = np.arange(count, dtype=np.float16)[:, None]
    inputs = np.zeros((count, 8), np.float16)
    inputs[:, 6] = 0.5
    made = replace(scene(*claims), coords=coords, features=features, seen=np.ones(count, bool), inputs=inputs)
    return made, Opinion(np.stack(claims), np.full(len(claims), 0.5))


def test_rivals_are_what_else_is_claimed_of_the_place() -> None:
    made, opinion = line(claim(0, 10, 1.0), claim(0, 10, 0.5), claim(20, 30, 1.0))
    read = evidence(made, [opinion], np.array([3, 7, CLASSES]))
    rivals = read[:, RIVALS]
    np.testing.assert_allclose(rivals[0, [3, 7, CLASSES]], [1.0, 0.5, 0.0], atol=1e-6)
    np.testing.assert_allclose(rivals[2, [3, 7, CLASSES]], [0.0, 0.0, 1.0], atol=1e-6)


def test_features_are_those_of_the_strongest_place() -> None:
    made, opinion = line(claim(0, 10, 0.9), claim(30, 40, 0.3))
    read = evidence(made, [opinion], np.array([0, 1]))
    np.testing.assert_allclose(read[:, -CLASSES - 2], [4.5, 34.5], atol=0.01)


def test_opinions_stand_side_by_side_and_presence_leads() -> None:
    made, opinion = line(claim(0, 10, 0.9))
    doubter = Opinion(opinion.claims, np.array([0.0]))
    one, two = (evidence(made, by, np.array([0])) for by in ([opinion], [opinion, doubter]))
    assert two.shape[1] == 2 * one.shape[1] and np.isfinite(two).all()
    assert two[0, 0] == 0 and two[0, one.shape[1]] < -6
    np.testing.assert_array_equal(two[0, 1 : one.shape[1]], two[0, one.shape[1] + 1 :])


def test_nothing_claimed_is_read_all_the_same() -> None:
    made, opinion = line(np.zeros(40), claim(0, 10, 0.9))
    assert np.isfinite(evidence(made, [opinion], np.array([0, 1]))).all()
