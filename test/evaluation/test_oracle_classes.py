"""The answerer on true classes: sentences lose only what words and geometry lose."""

import numpy as np
import pytest
import torch

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.evaluation.oracle_classes import TextClasses, TrueClasses
from mllm_for3d_ros.evaluation.rooms_benchmark import ORACLE
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.types import SceneCloud, Status

MEANING = {"chair": 0, "window": 1, "chairs": 0}


def room() -> tuple[SceneCloud, np.ndarray]:
    """Two chairs (class 0) at 1 m and 3 m from a window (class 1), and a floor (-1)."""
    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3) * 0.05
    blocks = [cells + np.array([x, 0, 0.05]) for x in (0.0, 1.4, 3.4)]
    floor = np.stack(np.meshgrid(np.arange(0, 4, 0.05), np.arange(0, 2, 0.05), [0.0]), -1).reshape(-1, 3)
    points = np.concatenate([*blocks, floor]).astype(np.float32)
    classes = np.repeat([1, 0, 0, -1], [len(cells)] * 3 + [len(floor)]).astype(np.int32)
    n, zeros = len(points), np.zeros_like(points)
    cloud = SceneCloud(
        points, np.full((n, 3), 99, np.uint8), zeros, np.ones(n, np.float32), np.zeros(n, np.int64), 0.05
    )
    return cloud, classes


def test_a_relation_is_resolved_on_the_truth() -> None:
    cloud, classes = room()
    answerer = Answerer(TrueClasses(classes, MEANING.get))
    scene = answerer.encode(cloud)
    near = answerer.answer(scene, "the chair nearest the window")
    assert near.status is Status.OK and len(near.instances) == 1 and near.instances[0].center[0] < 2.0
    assert answerer.answer(scene, "the chairs").status is Status.NO_TARGET  # the whole sentence has no meaning here
    assert answerer.answer(scene, "chairs").mask.sum() == (classes == 0).sum()
    absent = answerer.answer(scene, "the chair nearest the door")
    assert absent.status is Status.NO_TARGET and "no door" in absent.explanation


def test_the_truth_must_fit_the_map() -> None:
    cloud, classes = room()
    with pytest.raises(ValueError, match="rows"):
        TrueClasses(classes[:-1], MEANING.get).encode(cloud)


def test_a_text_means_the_class_of_its_strongest_concept() -> None:
    torch.manual_seed(0)
    head = TextHead(classes=3, hidden=8)

    class Words:
        """Embeds a text as a unit vector of its length."""

        def encode(self, texts: list[str]) -> np.ndarray:
            return np.eye(384, dtype=np.float32)[[len(text) for text in texts]]

    known = TextClasses(head, Words())  # type: ignore[arg-type]
    best = [int(head.eval().attention(torch.eye(384)[[n]])[0].argmax()) for n in range(20)]
    assert [known.index("x" * n) for n in range(20)] == [None if one == 3 else one for one in best]
    assert ORACLE == "oracle-classes"
