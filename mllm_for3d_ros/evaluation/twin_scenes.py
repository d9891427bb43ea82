"""Training scenes of the supervised twin: the student's rooms, maps and phrases, with 3D ground truth as labels.

For comparison only. This is the one place that makes something to train on out of ground truth; nothing that is
shipped is trained on it. No teacher is asked, so a twin has neither tokens nor 2D features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.rooms.instructions import Phrase
from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.relations import select
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.student.scene_store import RecordedRoom, TrainingScene, record_room, scene_of_labels
from mllm_for3d_ros.student.voxels import STUDENT_VOXEL
from mllm_for3d_ros.types import PseudoLabel

_MAX_DEPTH = 5.0
"""m; more than any map reaches, so that every voxel of it has a truth."""
_TOKEN_DIM = 64
_INSTANCES = 1 << 12
_BITS = 16  # of a voxel index along each axis


def make_twin_scene(seed: int, bank: tuple[Phrase, ...], sibling: Path | None = None) -> TrainingScene:
    """Record room ``seed`` as the student's scene is, and label it with its ground truth.

    Args:
        seed: of the room.
        bank: training phrases.
        sibling: file of the student's scene of that room; if it is there, the twin takes its phrases.

    Raises:
        TrainingError: the sibling is of another map: the recordings have changed since it was made.
    """
    room = record_room(seed, bank)
    phrases = [bank[row] for row in room.phrases]
    rows = room.phrases
    if sibling is not None and sibling.exists():
        rows, phrases = _phrases_of(sibling, room, bank)
    owner = owners(room)
    seen = SeenThings.of(room.recording.room, room.recording.ground_truth())
    labels = [_label(phrase, owner, seen) for phrase in phrases]
    nothing = np.zeros((len(room.voxels), 0)), np.zeros(len(room.voxels), bool)
    return scene_of_labels(room.voxels, rows, labels, *nothing, _TOKEN_DIM)


def owners(room: RecordedRoom) -> np.ndarray:
    """[M] int64: the instance that most pixels in each voxel show, 0 for background, -1 where no pixel fell."""
    votes = [_votes(room, index) for index in range(len(room.frames))]
    packed, place = np.unique(np.concatenate([vote for vote, _ in votes]), return_inverse=True)
    count = np.bincount(place, np.concatenate([number for _, number in votes]))
    voxel, instance = np.divmod(packed, _INSTANCES)
    order = np.lexsort((-count, voxel))
    voxels, first = np.unique(voxel[order], return_index=True)
    winner = instance[order][first]
    asked = _pack(room.voxels.coords.astype(np.int64))
    found = np.minimum(np.searchsorted(voxels, asked), len(voxels) - 1)
    return np.where(voxels[found] == asked, winner[found], -1)


def _votes(room: RecordedRoom, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Packed (voxel, instance) of one frame's pixels, and how many pixels each has."""
    frame = room.frames[index]
    camera, pose = frame.intrinsics, frame.camera_to_world
    v, u = np.nonzero((frame.depth > 0) & (frame.depth <= _MAX_DEPTH))
    z = frame.depth[v, u].astype(np.float64)
    points = np.column_stack([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z])
    keys = _pack(np.floor((points @ pose[:3, :3].T + pose[:3, 3]) / STUDENT_VOXEL).astype(np.int64))
    return np.unique(keys * _INSTANCES + room.recording.instances[index][v, u], return_counts=True)


def _label(phrase: Phrase, owner: np.ndarray, seen: SeenThings) -> PseudoLabel:
    """What ``phrase`` asks for in the room, beyond doubt or else as unknown."""
    picked = _asked_for(phrase, seen)
    ids = [thing.instance_id for thing in picked or ()]
    probability = np.where(owner < 0, np.nan, np.isin(owner, ids)).astype(np.float32)
    presence = 1.0 if picked and any(seen.is_well_seen(thing) for thing in picked) else 0.0
    if picked is None or (presence == 0.0 and any(seen.count(thing) for thing in picked)):
        presence = 0.5  # hardly seen, or a matter of opinion: neither there nor absent
    if picked is None:
        probability = np.full(len(owner), np.nan, np.float32)
    confidence = np.where(np.isnan(probability), 0, 1).astype(np.float32)
    return PseudoLabel(phrase.text, probability, confidence, None, np.zeros(0, np.float32), (), presence)


def _asked_for(phrase: Phrase, seen: SeenThings) -> tuple[PlacedObject, ...] | None:
    if phrase.class_name is None:
        return ()
    return seen.all_of(phrase.class_name) if phrase.rule is None else select(phrase.rule, phrase.class_name, seen)


def _phrases_of(sibling: Path, room: RecordedRoom, bank: tuple[Phrase, ...]) -> tuple[np.ndarray, list[Phrase]]:
    """Rows and phrases of the student's scene of the same room."""
    scene = TrainingScene.load(sibling)
    by_text = {phrase.text: row for row, phrase in enumerate(bank)}
    texts = [bank[row].text for row in scene.phrases] if scene.texts is None else [str(text) for text in scene.texts]
    if not np.array_equal(scene.coords, room.voxels.coords) or not set(texts) <= set(by_text):
        raise TrainingError(f"{sibling} was made by another version of the rooms; delete it and run: train scenes")
    rows = np.array([by_text[text] for text in texts])
    return rows, [bank[row] for row in rows]


def _pack(keys: np.ndarray) -> np.ndarray:
    """[N] int64 sortable number of each voxel index [N, 3]."""
    x, y, z = (keys[:, k] + (1 << (_BITS - 1)) for k in range(3))
    packed: np.ndarray = (x << 2 * _BITS) | (y << _BITS) | z
    return packed
