"""What do encoding, answering and updating cost? The student on a room and on made-up flats of any size, two threads.

    python -m bench.answer [--quick] [--checkpoint FILE] [--device cpu] [--passes N] [--threads 2]

``encode_ms_50k`` is a whole map of about 50k student voxels (5 cm), a Rooms recording; ``instruction_ms_p50`` an
answer on it to an instruction of the training templates that was not asked before: text embedding, masks, instances;
by kind too. ``update_ms_*`` encodes a map of 500k and of 2M map voxels (2.5 cm) again after a view of
3 x 3 m of it changed and an object appeared or went: the flats are made of the same room, so what is near the change is
the same in both. The caller says which rows changed; ``compared_`` has the cost where the maps must be compared
first. ``_cpu_ms`` is processor time, which leaves out the waiting for other processes. Updates of both sizes take
turns, so a busy machine slows both.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.fusion import cost
from bench.report import report
from mllm_for3d_ros.allocation import keep_freed_memory
from mllm_for3d_ros.evaluation.splat import subset
from mllm_for3d_ros.student.encoding import EncodedScene
from mllm_for3d_ros.student.voxels import STUDENT_VOXEL, voxelise
from mllm_for3d_ros.types import SceneCloud

if TYPE_CHECKING:
    from mllm_for3d_ros.student.prediction import Student

VOXEL = 0.025
ROOM = 5.0
_CELLS = round(ROOM / VOXEL)
_HEIGHT = round(2.5 / VOXEL)
LARGE_ROOM = 5409
"""Rooms seed of the student's, whose recording makes more than 50k student voxels."""


def room_keys(rng: np.random.Generator) -> np.ndarray:
    """[N, 3] voxels of one room: floor, two walls with a door each, and boxes as furniture."""
    grid = np.indices((_CELLS, _CELLS)).reshape(2, -1).T
    floor = np.column_stack([grid, np.zeros(len(grid), int)])
    wall = np.indices((_CELLS, _HEIGHT)).reshape(2, -1).T
    wall = wall[(abs(wall[:, 0] - _CELLS // 2) > 18) | (wall[:, 1] > 80)]
    parts = [floor, np.insert(wall, 1, 0, axis=1), np.insert(wall, 0, 0, axis=1)]
    for _ in range(14):
        size = rng.integers(12, 44, 3)
        corner = np.append(rng.integers(8, _CELLS - size[:2] - 8), 1)
        box = np.indices(tuple(size + 1)).reshape(3, -1).T
        surface = ((box == 0) | (box == size)).any(1) & (box[:, 2] > 0)
        parts.append(corner + box[surface])
    return np.unique(np.concatenate(parts), axis=0)


def flat(voxels: int, rooms_wide: int | None = None) -> SceneCloud:
    """A square flat of equal rooms about its middle at (0, 0), of the number of rooms nearest to ``voxels``."""
    room = room_keys(np.random.default_rng(0))
    wide = rooms_wide or max(1, round((voxels / len(room)) ** 0.5))
    shifts = [np.array([x, y, 0]) * _CELLS for x in range(wide) for y in range(wide)]
    keys = np.concatenate([room + shift - np.array([wide, wide, 0]) * _CELLS // 2 for shift in shifts])
    return _cloud(keys, np.tile(_looks(room), (len(shifts), 1)))


def _looks(keys: np.ndarray) -> np.ndarray:
    """[N, 3] uint8 colours in patches of 40 cm, with noise."""
    rng = np.random.default_rng(1)
    patches = rng.integers(0, 256, (4096, 3))
    chosen = (keys // 16) @ np.array([256, 16, 1]) % 4096
    return np.clip(patches[chosen] + rng.normal(0, 8, (len(keys), 3)), 0, 255).astype(np.uint8)


def _cloud(keys: np.ndarray, colors: np.ndarray) -> SceneCloud:
    n = len(keys)
    normals = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    points = ((keys + 0.5) * VOXEL).astype(np.float32)
    return SceneCloud(points, colors, normals, np.full(n, 2, np.float32), np.zeros(n, np.int64), VOXEL)


def changed_map(cloud: SceneCloud) -> tuple[SceneCloud, np.ndarray]:
    """The same map after 3 x 3 m about its middle were seen again and a new box was found, and the rows seen again."""
    seen = np.flatnonzero((np.abs(cloud.points[:, :2]) < 1.5).all(1))
    colors, weights = cloud.colors.copy(), cloud.weights.copy()
    colors[seen] ^= 15
    weights[seen] += 1
    box = np.indices((20, 20, 20)).reshape(3, -1).T + np.array([8, 8, 60])
    new = _cloud(box, _looks(box))
    pairs = (
        (cloud.points, new.points),
        (colors, new.colors),
        (cloud.normals, new.normals),
        (weights, new.weights),
        (cloud.last_seen_ns, new.last_seen_ns),
    )
    points, colors, normals, weights, stamps = (np.concatenate(pair) for pair in pairs)
    return SceneCloud(points, colors, normals, weights, stamps, cloud.voxel_size), seen


Encode = Callable[..., EncodedScene]


@dataclass
class Updated:
    """A map that changes to and fro, and the costs of its updates."""

    encode: Encode
    before: SceneCloud

    def __post_init__(self) -> None:
        self.after, self.seen = changed_map(self.before)
        self.scene = self.encode(self.before)
        self.costs: dict[str, list[tuple[float, float]]] = {"update": [], "compared": []}
        for kind in self.costs:
            self.step(kind)
            self.costs[kind].clear()  # tables grow once

    def step(self, kind: str) -> None:
        """One change and one back, each encoded from the scene before it."""
        for cloud in (self.after, self.before):
            rows = self.seen if kind == "update" else None
            self.costs[kind].append(cost(functools.partial(self._update, cloud, rows)))

    def _update(self, cloud: SceneCloud, rows: np.ndarray | None) -> None:
        self.scene = self.encode(cloud, self.scene, rows)

    def figures(self, name: str) -> dict[str, float]:
        """Medians by name."""
        found: dict[str, float] = {}
        for kind, costs in self.costs.items():
            clock, processor = np.median(np.array(costs), axis=0)
            found |= {f"{kind}_ms_{name}": float(clock), f"{kind}_cpu_ms_{name}": float(processor)}
        return found | {f"map_voxels_{name}": float(len(self.before)), f"voxels_{name}": float(len(self.scene.voxels))}


def measure(args: argparse.Namespace) -> dict[str, float]:
    """All figures by name."""
    import torch

    from mllm_for3d_ros.student.embedding import PASSES
    from mllm_for3d_ros.student.prediction import Student

    torch.set_num_threads(args.threads)
    keep_freed_memory()  # as the reasoning node does
    student = Student.load(args.checkpoint, args.device, passes=args.passes or PASSES)
    repeats = 3 if args.quick else 10
    results = _answers(student, repeats, 2 if args.quick else 8)
    maps = {name: Updated(student.encode, flat(size)) for name, size in (("500k", 500_000), ("2m", 2_000_000))}
    for _ in range(repeats):
        for kind in ("update", "compared"):
            for one in maps.values():
                one.step(kind)
    for name, one in maps.items():
        results |= one.figures(name)
    for kind in ("update", "compared"):
        for unit in ("ms", "cpu_ms"):
            results[f"{kind}_{unit}_ratio"] = results[f"{kind}_{unit}_2m"] / results[f"{kind}_{unit}_500k"]
    return results | {"passes": float(args.passes or PASSES), "threads": float(args.threads)}


def _answers(student: Student, repeats: int, per_kind: int) -> dict[str, float]:
    """Costs of encoding a room, and of answering instructions of each kind on it."""
    from mllm_for3d_ros.answering.answerer import Answerer
    from mllm_for3d_ros.evaluation.mapped_room import map_room
    from mllm_for3d_ros.rooms.choice import choose_instructions

    room = map_room(LARGE_ROOM)
    cloud = _fifty_thousand(room.cloud)
    answerer = Answerer(student)
    answerer.warm_up()
    encodings = [cost(lambda: answerer.encode(cloud)) for _ in range(1 + repeats)][1:]
    scene = student.encode(cloud)
    rng = np.random.default_rng(0)
    asked = choose_instructions(room.recording.room, room.truth, "train", rng, per_class=1, per_kind=per_kind)
    kinds: dict[str, list[tuple[float, float]]] = {}
    for one in asked:
        kinds.setdefault(one.kind, []).append(cost(functools.partial(answerer.answer, scene, one.text)))
    everything = np.array([figures for costs in kinds.values() for figures in costs])
    encode_ms, encode_cpu_ms = np.median(np.array(encodings), axis=0)
    return {
        "encode_ms_50k": float(encode_ms),
        "encode_cpu_ms_50k": float(encode_cpu_ms),
        "voxels_50k": float(len(scene.voxels)),
        "map_voxels_50k": float(len(cloud)),
        "instructions": float(len(everything)),
        "instruction_ms_p50": float(np.median(everything[:, 0])),
        "instruction_ms_p95": float(np.quantile(everything[:, 0], 0.95)),
        "instruction_cpu_ms_p50": float(np.median(everything[:, 1])),
        **{f"instruction_ms_p50_{kind}": float(np.median(np.array(costs)[:, 0])) for kind, costs in kinds.items()},
    }


def _fifty_thousand(cloud: SceneCloud) -> SceneCloud:
    """Rows of a map that make about 50k student voxels: all on one side of a plane."""
    across = np.sort(voxelise(cloud).coords[:, 0])
    rows = cloud.points[:, 0] < across[min(50_000, len(across) - 1)] * STUDENT_VOXEL
    return subset(cloud, rows)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, within a minute")
    parser.add_argument("--checkpoint", type=Path, help="student in place of the shipped one")
    parser.add_argument("--device", default="cpu", help="auto, cuda or cpu")
    parser.add_argument("--passes", type=int, help="turned copies that are averaged; default as the student has it")
    parser.add_argument("--threads", type=int, default=2, help="of the network")
    report("answer", measure(parser.parse_args()))


if __name__ == "__main__":
    main()
