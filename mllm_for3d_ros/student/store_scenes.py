"""Label stores, of whatever recording and teacher, as training scenes; each is converted once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mllm_for3d_ros.errors import LabelStoreError, TrainingError
from mllm_for3d_ros.lifting.feature_file import FEATURES_FILE, read_features
from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore
from mllm_for3d_ros.student.scene_store import TrainingScene, scene_of_labels
from mllm_for3d_ros.student.voxels import STUDENT_VOXEL, StudentVoxels, voxelise
from mllm_for3d_ros.types import PseudoLabel

_CONVERSION = b"1"
"""Raised when the conversion changes, so that scenes kept from before are made anew."""
_DEFAULT_TOKEN = 64
"""Length of the tokens of a store without any."""


def find_stores(folders: Sequence[Path]) -> list[Path]:
    """The label stores in ``folders``: a folder that is one, or all below it, in order of their names.

    Raises:
        LabelStoreError: a folder holds none.
    """
    found: list[Path] = []
    for folder in folders:
        here = [folder] if (folder / SCENE_FILE).is_file() else sorted(p.parent for p in folder.rglob(SCENE_FILE))
        if not here:
            raise LabelStoreError(f"{folder} holds no label store; make one with: mllm-for3d label --out {folder}")
        found += here
    return list(dict.fromkeys(found))


def kept_scenes(stores: Sequence[Path], cache: Path) -> list[Path]:
    """Files in ``cache`` with the training scenes of ``stores``; those that are missing are made.

    A file is named by what its store holds, so that it is made anew when the store has changed. Stores without
    labels are left out.

    Raises:
        LabelStoreError: a store is damaged.
        TrainingError: no store has a label, or the voxels of one are too coarse.
    """
    cache.mkdir(parents=True, exist_ok=True)
    paths = []
    for folder in tqdm(stores, desc="scenes", unit="store", disable=len(stores) < 2):
        store = LabelStore.open(folder)
        if not store.instructions:
            continue
        path = cache / f"{content_key(folder)}.npz"
        if not path.exists():
            convert(store).save(path)
        paths.append(path)
    if not paths:
        raise TrainingError(f"none of the {len(stores)} label stores has a label; go on with mllm-for3d label")
    return paths


def content_key(folder: Path) -> str:
    """24 hexadecimal digits that follow from what the store in ``folder`` says of its scene."""
    files = [folder / SCENE_FILE, *sorted((folder / "labels").glob("*.safetensors"))]
    if (folder / FEATURES_FILE).is_file():
        files.append(folder / FEATURES_FILE)
    digest = hashlib.sha256(_CONVERSION)
    for file in files:
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:24]


def convert(store: LabelStore) -> TrainingScene:
    """The labels of a store carried to student voxels.

    A student voxel is as likely, and as much to be trusted, as the map voxels in it are on average, weighted by
    how well they were observed; it is unknown if all of them are.

    Raises:
        TrainingError: the store's voxels are larger than the student's.
        LabelStoreError: the store is damaged.
    """
    cloud = store.cloud()
    if cloud.voxel_size > STUDENT_VOXEL + 1e-6:
        raise TrainingError(
            f"{store.folder} has voxels of {cloud.voxel_size:g} m, the student's have {STUDENT_VOXEL} m; "
            f"label again with --voxel-size {STUDENT_VOXEL} or less"
        )
    voxels = voxelise(cloud)
    if not len(voxels):
        raise TrainingError(f"{store.folder} has no voxel that was observed well enough to train on; leave it out")
    weights = cloud.weights.astype(np.float64)
    labels = [_carried(stored.label, voxels, weights) for stored in store.labels()]
    _check_finite(store, voxels)
    lengths = {len(label.query) for label in labels if label.query is not None} or {_DEFAULT_TOKEN}
    if len(lengths) > 1:
        raise TrainingError(f"{store.folder} has tokens of lengths {sorted(lengths)}; label it with one teacher")
    features, seen = _features(store, voxels, weights)
    rows = np.arange(len(labels))
    return scene_of_labels(voxels, rows, labels, features, seen, lengths.pop())


def mean_in_voxels(values: np.ndarray, weights: np.ndarray, voxels: StudentVoxels) -> np.ndarray:
    """[M, C] weighted means over the map's rows in each voxel of ``values`` [N, C], NaN where weights are 0."""
    inside = voxels.rows >= 0
    rows, weight = voxels.rows[inside], weights[inside]
    total = np.bincount(rows, weight, len(voxels))
    with np.errstate(invalid="ignore"):
        means = [np.bincount(rows, weight * column, len(voxels)) / total for column in values[inside].T]
    return np.stack(means, 1) if means else np.zeros((len(voxels), 0))


def _carried(label: PseudoLabel, voxels: StudentVoxels, weights: np.ndarray) -> PseudoLabel:
    """``label`` of the map's rows as a label of the voxels."""
    known = ~np.isnan(label.probability)
    values = np.nan_to_num(label.probability)[:, None]
    probability = mean_in_voxels(values, weights * known, voxels)[:, 0]
    confidence = mean_in_voxels(label.confidence[:, None], weights, voxels)[:, 0]
    return PseudoLabel(
        label.instruction,
        probability.astype(np.float32).clip(0, 1),
        np.nan_to_num(confidence).astype(np.float32).clip(0, 1),
        label.query,
        label.view_weights,
        label.dropped,
        label.presence,
    )


def _features(store: LabelStore, voxels: StudentVoxels, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lifted 2D features [M, D] and which voxels have some; D is 0 if the store has none."""
    stored = read_features(store.folder, store.voxels)
    if stored is None or not stored[0].shape[1]:
        return np.zeros((len(voxels), 0)), np.zeros(len(voxels), bool)
    features, seen = stored
    means = mean_in_voxels(features.astype(np.float32), weights * seen, voxels)
    return np.nan_to_num(means), np.isfinite(means).all(1)


def _check_finite(store: LabelStore, voxels: StudentVoxels) -> None:
    if not np.isfinite(voxels.inputs).all():
        raise LabelStoreError(f"{store.folder} has points, colours or normals that are not finite; label it again")


def store_teachers(stores: Iterable[Path]) -> list[str]:
    """Fingerprints of the teachers of ``stores``, each once."""
    return sorted({LabelStore.open(folder).provenance.teacher for folder in stores})
