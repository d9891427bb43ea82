"""The student's training scenes on disk: one .npz each, made from Rooms recordings and the teacher.

No 3D ground truth is read here: a scene holds what a robot would have (a map) and what the teacher said.
``store_scenes`` makes the same of label stores, whatever the recording and the teacher.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.lifting.label_scene import label_scene, lift_features
from mllm_for3d_ros.lifting.lift_scene import prepare_scene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.rooms.instructions import Phrase
from mllm_for3d_ros.rooms.mesh import rotation_z
from mllm_for3d_ros.rooms.recording import RoomsRecording
from mllm_for3d_ros.rooms.views import shown_pixels
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.student.mapped_arrays import map_arrays
from mllm_for3d_ros.student.voxels import StudentVoxels, voxelise
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.types import Frame, PseudoLabel

UNSEEN = 255
LABEL_SCALE, CONFIDENCE_SCALE = 254, 255
FRAMES, VIEW_STEP = 48, 2
"""Images of a recording, and of how many of them one is shown to the teacher."""
_OUTSIDE_PHRASES = 5


@dataclass(frozen=True)
class TrainingScene:
    """A voxelised map of M voxels with its Q lifted answers.

    coords [M, 3] int32, inputs [M, 8] float16; labels [Q, M] uint8 (probability x 254, ``UNSEEN``);
    phrases [Q] int64 rows of a table of phrases; queries [Q, D] float16 unified tokens (0 if none);
    presence [Q] float32; features [M, D] float16 lifted 2D features; seen [M] bool: has features;
    confidence [Q, M] uint8 (x 255), None in files of earlier versions: all voxels are trusted alike;
    texts [Q] the phrases themselves, None in files of earlier versions: rows of the bank's training phrases;
    tags [C] float32 of a room whose images are tagged, see ``told_by``: 1 the class is there, 0 it is not, NaN unknown.
    """

    coords: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray
    phrases: np.ndarray
    queries: np.ndarray
    presence: np.ndarray
    features: np.ndarray
    seen: np.ndarray
    confidence: np.ndarray | None = None
    texts: np.ndarray | None = None
    tags: np.ndarray | None = None

    def save(self, path: Path) -> None:
        """Write to ``path`` in one step, uncompressed."""
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **{name: array for name, array in vars(self).items() if array is not None})
        partial.rename(path)

    @classmethod
    def load(cls, path: Path) -> TrainingScene:
        """What ``save`` wrote, its arrays read-only and mapped into memory: they are read as they are used.

        Raises:
            TrainingError: the file is missing or no training scene.
        """
        try:
            return cls(**map_arrays(path))
        except (OSError, ValueError, TypeError) as cause:
            raise TrainingError(f"{path} is no training scene ({cause}); delete it and make it again") from cause


@dataclass(frozen=True)
class RecordedRoom:
    """What is known of a room without any teacher.

    recording: in the room's own frame. turn: [4, 4] from there to the map frame. frames: in the map frame.
    voxels: of the map. phrases: rows of the bank, one a class and some for things outside the vocabulary.
    """

    recording: RoomsRecording
    turn: np.ndarray
    frames: list[Frame]
    voxels: StudentVoxels
    phrases: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """[C] int64 ``shown_pixels`` of the views that a teacher would be shown."""
        return shown_pixels(self.recording.room, self.recording.instances[::VIEW_STEP])


def draw_phrases(bank: tuple[Phrase, ...], rng: np.random.Generator) -> np.ndarray:
    """Rows of ``bank``: one phrase a class and some for things outside the vocabulary."""
    by_class: dict[str | None, list[int]] = {}
    for row, phrase in enumerate(bank):
        by_class.setdefault(phrase.class_name, []).append(row)
    rows = [int(rng.choice(by_class[name])) for name in CLASS_NAMES]
    return np.array(rows + rng.choice(by_class[None], _OUTSIDE_PHRASES, replace=False).tolist())


def record_room(seed: int, bank: tuple[Phrase, ...]) -> RecordedRoom:
    """Record room ``seed``, map it (in a map frame turned about z in every second room), and draw phrases."""
    rng = np.random.default_rng([11, seed])
    turn = np.eye(4)
    turn[:3, :3] = rotation_z(rng.uniform(-np.pi, np.pi) if seed % 2 else 0.0)
    recording = RoomsRecording(seed, frames=FRAMES)
    frames = [Frame(f.stamp_ns, f.color, f.depth, f.intrinsics, turn @ f.camera_to_world) for f in recording]
    voxel_map = VoxelMap()
    for frame in frames:
        voxel_map.integrate(frame)
    voxels = voxelise(voxel_map.snapshot())
    return RecordedRoom(recording, turn, frames, voxels, draw_phrases(bank, rng))


def make_scene(room: RecordedRoom, teacher: CompactTeacher, bank: tuple[Phrase, ...]) -> TrainingScene:
    """Label ``room``, recorded with the same bank, with the teacher's lifted answers."""
    voxels, views = room.voxels, room.frames[::VIEW_STEP]
    scene = prepare_scene(voxels.points, voxels.normals, voxels.colors, views)
    texts, settings = [bank[row].text for row in room.phrases], LiftSettings(views=len(views))
    lifted = [one.label for one in label_scene(scene, views, teacher, texts, settings)]
    maps = [answer.features for answer in teacher.answer(views, texts[0]) if answer.features is not None]
    features, seen = lift_features(scene, enumerate(maps))
    return scene_of_labels(voxels, room.phrases, lifted, features, seen > 0, teacher.token_dim)


def scene_of_labels(
    voxels: StudentVoxels,
    phrases: np.ndarray,
    lifted: list[PseudoLabel],
    features: np.ndarray,
    seen: np.ndarray,
    token_dim: int,
) -> TrainingScene:
    """A training scene of Q labels that speak of its voxels.

    Args:
        voxels: M of them.
        phrases: [Q] rows of a table of phrases.
        lifted: Q labels.
        features: [M, D] lifted 2D features; D is 0 if there are none.
        seen: [M] bool, which voxels have features.
        token_dim: length of the tokens.
    """
    queries = [np.zeros(token_dim) if label.query is None else label.query for label in lifted]
    return TrainingScene(
        coords=voxels.coords,
        inputs=voxels.inputs.astype(np.float16),
        labels=np.stack([as_bytes(label.probability) for label in lifted]),
        phrases=phrases,
        queries=np.stack(queries).astype(np.float16),
        presence=np.array([label.presence for label in lifted], np.float32),
        features=features.astype(np.float16),
        seen=seen,
        confidence=np.stack([(label.confidence * CONFIDENCE_SCALE).round().astype(np.uint8) for label in lifted]),
        texts=np.array([label.instruction for label in lifted]),
    )


def as_bytes(probability: np.ndarray) -> np.ndarray:
    """Probabilities (NaN: unknown) as uint8, see ``TrainingScene``."""
    known = (np.nan_to_num(probability) * LABEL_SCALE).round()
    return np.where(np.isnan(probability), UNSEEN, known).astype(np.uint8)
