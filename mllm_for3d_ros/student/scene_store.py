"""The student's training scenes on disk: one .npz each, made from Rooms recordings and the teacher.

No 3D ground truth is read here: a scene holds what a robot would have (a map) and what the teacher said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros.lifting.label_scene import label_scene, lift_features
from mllm_for3d_ros.lifting.lift_scene import prepare_scene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.rooms.instructions import Phrase
from mllm_for3d_ros.rooms.mesh import rotation_z
from mllm_for3d_ros.rooms.recording import RoomsRecording
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.student.voxels import voxelise
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.types import Frame

UNSEEN = 255
_FRAMES, _VIEW_STEP = 36, 2
_OUTSIDE_PHRASES = 5


@dataclass(frozen=True)
class TrainingScene:
    """coords [M, 3] int32, inputs [M, 8] float16; labels [Q, M] uint8 (probability x 254, ``UNSEEN``);
    phrases [Q] int64 rows of the phrase bank; queries [Q, 64] float16 unified tokens (0 if none);
    presence [Q] float32; features [M, 64] float16 lifted 2D features; seen [M] bool.
    """

    coords: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray
    phrases: np.ndarray
    queries: np.ndarray
    presence: np.ndarray
    features: np.ndarray
    seen: np.ndarray

    def save(self, path: Path) -> None:
        """Write to ``path`` in one step."""
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **vars(self))
        partial.rename(path)

    @classmethod
    def load(cls, path: Path) -> TrainingScene:
        """Read what ``save`` wrote."""
        with np.load(path) as stored:
            return cls(**dict(stored))


def draw_phrases(bank: tuple[Phrase, ...], rng: np.random.Generator) -> np.ndarray:
    """Rows of ``bank``: one phrase a class and some for things outside the vocabulary."""
    by_class: dict[str | None, list[int]] = {}
    for row, phrase in enumerate(bank):
        by_class.setdefault(phrase.class_name, []).append(row)
    rows = [int(rng.choice(by_class[name])) for name in CLASS_NAMES]
    return np.array(rows + rng.choice(by_class[None], _OUTSIDE_PHRASES, replace=False).tolist())


def make_scene(seed: int, teacher: CompactTeacher, bank: tuple[Phrase, ...]) -> TrainingScene:
    """Record room ``seed``, map it (in a map frame turned about z in every second room), and label it."""
    rng = np.random.default_rng([11, seed])
    turn = np.eye(4)
    turn[:3, :3] = rotation_z(rng.uniform(-np.pi, np.pi) if seed % 2 else 0.0)
    frames = [
        Frame(f.stamp_ns, f.color, f.depth, f.intrinsics, turn @ f.camera_to_world)
        for f in RoomsRecording(seed, frames=_FRAMES)
    ]
    voxel_map = VoxelMap()
    for frame in frames:
        voxel_map.integrate(frame)
    voxels = voxelise(voxel_map.snapshot())
    rows = draw_phrases(bank, rng)
    views = frames[::_VIEW_STEP]
    scene = prepare_scene(voxels.points, voxels.normals, voxels.colors, views)
    texts, settings = [bank[row].text for row in rows], LiftSettings(views=len(views))
    lifted = [one.label for one in label_scene(scene, views, teacher, texts, settings)]
    maps = [answer.features for answer in teacher.answer(views, texts[0]) if answer.features is not None]
    features, seen = lift_features(scene, range(len(maps)), maps)
    probability = np.stack([label.probability for label in lifted])
    labels = np.where(np.isnan(probability), UNSEEN, np.nan_to_num(probability) * 254).round().astype(np.uint8)
    queries = [np.zeros(teacher.token_dim) if label.query is None else label.query for label in lifted]
    return TrainingScene(
        coords=voxels.coords,
        inputs=voxels.inputs.astype(np.float16),
        labels=labels,
        phrases=rows,
        queries=np.stack(queries).astype(np.float16),
        presence=np.array([label.presence for label in lifted], np.float32),
        features=features.astype(np.float16),
        seen=seen > 0,
    )
