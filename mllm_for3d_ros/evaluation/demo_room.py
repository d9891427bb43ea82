"""The demo's material: a recorded room, made once a seed, and questions drawn for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros import rooms
from mllm_for3d_ros.evaluation.metrics import Overlap
from mllm_for3d_ros.rooms.choice import choose_instructions
from mllm_for3d_ros.rooms.instructions import CONTEXT_FREE_KINDS, RoomInstruction
from mllm_for3d_ros.rooms.recording import GroundTruth
from mllm_for3d_ros.rooms.room import Room
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.types import Status

MAX_CLASSES = 8
LEAST_QUESTIONS = 6
QUESTION_KINDS = (*CONTEXT_FREE_KINDS, "absent")


@dataclass(frozen=True)
class DemoRoom:
    """A recorded room: its seed, its bag, the number of frames in it, and its truth."""

    seed: int
    bag: Path
    frames: int
    truth: GroundTruth


def prepare_room(
    cache: Path, seed: int, frames: int, voxel_size: float, tell: Callable[[int], object] = lambda done: None
) -> DemoRoom:
    """The recording of a room, from the cache if it was made before with the same code.

    Args:
        cache: folder that holds one folder a recording.
        seed: of the room.
        frames: length of the tour.
        voxel_size: of the ground truth, m.
        tell: told the number of frames made, after each.
    """
    home = cache / f"room_{seed:05d}_{frames}_{voxel_size:g}_{_code_version()}"
    if not (home / "room.json").is_file():
        _make_room(home, seed, frames, voxel_size, tell)
    return load_room(home)


def load_room(home: Path) -> DemoRoom:
    """Read the folder of a recording that was made before."""
    from mllm_for3d_ros.rooms.export import load_ground_truth

    facts = json.loads((home / "room.json").read_text())
    truth = load_ground_truth(home / "truth.npz")
    return DemoRoom(int(facts["seed"]), home / "recording", int(facts["frames"]), truth)


def _make_room(home: Path, seed: int, frames: int, voxel_size: float, tell: Callable[[int], object]) -> None:
    """Render into a folder that gets its name only when it is complete."""
    from mllm_for3d_ros.recording.bag_writer import write_bag
    from mllm_for3d_ros.rooms.export import save_ground_truth
    from mllm_for3d_ros.rooms.recording import RoomsRecording

    partial = home.with_name(f".{home.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
    partial.mkdir(parents=True)
    recording = RoomsRecording(seed, frames)
    for index in range(len(recording)):
        recording[index]
        tell(index + 1)
    written = write_bag(recording, partial / "recording")
    save_ground_truth(recording.ground_truth(voxel_size), partial / "truth.npz")
    facts = {"seed": seed, "frames": written, "kind": recording.room.kind}
    (partial / "room.json").write_text(json.dumps(facts) + "\n")
    partial.rename(home)


def _code_version() -> str:
    """Changes with the code that makes rooms, so that a cache never outlives it."""
    digest = hashlib.sha256()
    for path in sorted(Path(rooms.__path__[0]).glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def choose_questions(room: Room, truth: GroundTruth) -> list[RoomInstruction]:
    """A fair draw from the held-out phrasings, by the seed alone: nothing of any answer goes into it.

    One phrase for each of up to ``MAX_CLASSES`` seen classes (more for a room with few), explicit or
    implicit as drawn, then one for a thing that is not there.
    """
    rng = np.random.default_rng([9, room.seed])
    drawn = choose_instructions(room, truth, "validation", rng, per_class=0, absent=1, kinds=QUESTION_KINDS)
    order = [drawn[i] for i in rng.permutation(len(drawn))]
    asked = [one for one in order if one.status is Status.OK]
    classes = list(dict.fromkeys(one.class_name for one in asked))[:MAX_CLASSES]
    per_class = 1 if not classes else -(-(LEAST_QUESTIONS - 1) // len(classes))
    chosen = [one for name in classes for one in [a for a in asked if a.class_name == name][:per_class]]
    return chosen + [one for one in order if one.status is Status.NO_TARGET][:1]


def score_points(points: np.ndarray, truth: GroundTruth, instances: Sequence[int]) -> Overlap:
    """Overlap of the voxels of a mask's points [M, 3] with those of ``instances``, over all that was recorded.

    Voxels of the mask that the recording never saw count against it.
    """
    target = truth.keys[np.isin(truth.instance_id, instances)]
    found = {tuple(key) for key in voxel_keys(points, truth.voxel_size).tolist()}
    wanted = {tuple(key) for key in target.tolist()}
    return Overlap(len(found & wanted), len(found | wanted))
