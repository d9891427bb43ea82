"""Answers to the questions of a benchmark: label stores, or the .npz masks of ``mllm-for3d ask``.

A folder holds one folder a scene, named as the scene: a label store (docs/label_store.md) or the results of
``ask``. The answer to a question is the label or mask with the same instruction.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore

THRESHOLD = 0.5
REACH = 0.05


@dataclass(frozen=True)
class Prediction:
    """An answer on a cloud of its own.

    points: [M, 3] float32 m. mask: [M] bool, empty for "it is not here". score: mean probability in the
    mask, 0 if it is empty. presence: stated probability that the target is there, None if nothing is said.
    """

    points: np.ndarray
    mask: np.ndarray
    score: float
    presence: float | None


class ScenePredictions(Protocol):
    """The answers on one scene."""

    def find(self, text: str) -> Prediction | None:
        """The answer to a question; None if it was not asked."""


def open_predictions(folder: Path, scene_id: str) -> ScenePredictions | None:
    """The answers on a scene; None if there are none.

    Raises:
        LabelStoreError: a label store is damaged.
        DatasetError: an .npz is damaged.
    """
    home = folder / scene_id
    if (home / SCENE_FILE).is_file():
        return StoredLabels(LabelStore.open(home))
    return MaskFiles(home) if any(home.glob("*.npz")) else None


class StoredLabels:
    """The labels of a store; the mask is where the probability is at least 0.5, unknown is not."""

    def __init__(self, store: LabelStore) -> None:
        self._store = store
        self._points = store.cloud().points
        self._stored = {clean_instruction(text): text for text in store.instructions}

    def find(self, text: str) -> Prediction | None:
        """See ``ScenePredictions``."""
        stored = self._stored.get(clean_instruction(text))
        if stored is None:
            return None
        label = self._store.read(stored).label
        probability = np.nan_to_num(label.probability)
        mask = probability >= THRESHOLD
        return Prediction(self._points, mask, _score(probability, mask), label.presence)


class MaskFiles:
    """The .npz files of ``ask``: their mask as it is, and the presence that answer.json states of it."""

    def __init__(self, home: Path) -> None:
        self._presence = _stated_presence(home / "answer.json")
        self._files: dict[str, Path] = {}
        for path in sorted(home.glob("*.npz")):
            self._files[clean_instruction(str(_load(path, "instruction")["instruction"]))] = path

    def find(self, text: str) -> Prediction | None:
        """See ``ScenePredictions``."""
        path = self._files.get(clean_instruction(text))
        if path is None:
            return None
        found = _load(path, "points", "mask", "probability")
        points, mask, probability = found["points"], found["mask"], found["probability"]
        fits = points.shape == (len(mask), 3) and mask.shape == probability.shape and mask.dtype == np.bool_
        if not fits or points.dtype.kind != "f" or not np.isfinite(points).all():
            raise DatasetError(f"{path} holds no mask over finite points: make it again with mllm-for3d ask")
        score = _score(probability, mask)
        return Prediction(points.astype(np.float32), mask, score, self._presence.get(path.name))


class Transfer:
    """From a cloud to the points of a dataset: each takes on what its nearest point of the cloud has."""

    def __init__(self, cloud: np.ndarray, points: np.ndarray, reach: float = REACH) -> None:
        """Match ``points`` [N, 3] with ``cloud`` [M, 3], both in m, no farther apart than ``reach`` m."""
        from scipy.spatial import cKDTree

        self.cloud = cloud
        distance, nearest = cKDTree(cloud).query(points, distance_upper_bound=reach)
        self._known = np.isfinite(distance)
        self._nearest = nearest[self._known]

    @property
    def covered(self) -> float:
        """Share of the points that the cloud has something to say of."""
        return float(self._known.mean()) if len(self._known) else 0.0

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """[N] bool from a mask [M] of the cloud; points that it does not reach are False."""
        carried = np.zeros(len(self._known), bool)
        carried[self._known] = mask[self._nearest]
        return carried


def _score(probability: np.ndarray, mask: np.ndarray) -> float:
    return float(np.clip(probability[mask], 0, 1).mean(dtype=np.float64)) if mask.any() else 0.0


def _load(path: Path, *names: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as cause:
        raise DatasetError(f"{path} is no mask of mllm-for3d ask ({cause}): make it again") from cause


def _stated_presence(path: Path) -> dict[str, float]:
    """Presence by the name of the mask's file; nothing without an answer.json."""
    if not path.is_file():
        return {}
    try:
        answers: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["answers"]
        return {str(one["mask"]): float(np.clip(float(one["presence"]), 0, 1)) for one in answers}
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise DatasetError(f"{path} is no report of mllm-for3d ask ({cause}): make it again") from cause
