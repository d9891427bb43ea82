"""What do superpoints and lifting cost, the teacher apart?

    python -m bench.lifting [--quick] [--rooms-seed 10000]

Superpoints of 200k points, once a scene; lifting of one instruction over 8 views of 100k points. Points are
a random part of the map of a room, so that no dense part of it is left out; masks are true ones of the largest
object. ``_cpu_ms`` is processor time, which leaves out the waiting for other processes.
"""

from __future__ import annotations

import argparse

import numpy as np

from bench.fusion import cost
from bench.report import report
from mllm_for3d_ros.lifting.lift import lift
from mllm_for3d_ros.lifting.lift_scene import LiftScene, prepare_scene
from mllm_for3d_ros.rooms.recording import RoomsRecording
from mllm_for3d_ros.scene.offline import fuse_frames
from mllm_for3d_ros.scene.superpoints import segment, warm_up
from mllm_for3d_ros.types import SceneCloud, ViewAnswer

VIEWS = 8


def part(cloud: SceneCloud, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, normals and colours of the ``count`` points of the cloud that lie nearest to its middle."""
    distance = np.linalg.norm(cloud.points - np.median(cloud.points, axis=0), axis=1)
    rows = np.sort(np.argsort(distance, kind="stable")[:count])
    return cloud.points[rows], cloud.normals[rows], cloud.colors[rows]


def answers(recording: RoomsRecording, views: list[int]) -> list[ViewAnswer]:
    """True masks of the object that most pixels show, with one token."""
    images = [recording.instances[i] for i in views]
    target = int(np.argmax(np.bincount(np.concatenate([image[image > 0] for image in images]))))
    token = np.ones(4, np.float32)
    return [ViewAnswer((image == target).astype(np.float32), token, 0.9) for image in images]


def measure(seed: int, repeats: int) -> dict[str, float]:
    """Median figures of one room."""
    recording = RoomsRecording(seed, 24)
    cloud = fuse_frames(recording, voxel_size=0.02)
    views = list(range(0, 24, 24 // VIEWS))
    frames = [recording[i] for i in views]
    large, small = part(cloud, 200_000), part(cloud, 100_000)
    said = answers(recording, views)
    warm_up()
    lift(prepare_scene(*small, frames), "x", said)
    scenes: list[LiftScene] = []
    runs: dict[str, list[tuple[float, float]]] = {"superpoints": [], "prepare": [], "lift": []}
    for _ in range(repeats):
        runs["superpoints"].append(cost(lambda: segment(*large)))
        runs["prepare"].append(cost(lambda: scenes.append(prepare_scene(*small, frames))))
        runs["lift"].append(cost(lambda: lift(scenes[-1], "x", said)))
    results: dict[str, float] = {"superpoint_points": len(large[0]), "lift_points": len(small[0]), "views": VIEWS}
    for name, figures in runs.items():
        clock, processor = np.median(figures, axis=0)
        results |= {f"{name}_ms": float(clock), f"{name}_cpu_ms": float(processor)}
    return results


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="3 repeats instead of 9")
    parser.add_argument("--rooms-seed", type=int, default=10_000)
    args = parser.parse_args()
    report("lifting", measure(args.rooms_seed, 3 if args.quick else 9))


if __name__ == "__main__":
    main()
