"""How long does it take to fuse a frame, beside Open3D's VoxelBlockGrid? One thread, 2.5 cm.

    python -m bench.fusion [--quick] [--recording PATH] [--rooms-seed 10000]

Both maps get the same frames in turn, so that a busy machine slows both; each frame is fused by a map that
has seen the whole recording up to it. ``frame_ms`` is ours with colour and normals; Open3D's block grid
integrates depth and colour (its cost without extracting points or normals). ``_cpu_ms`` is processor time,
which leaves out the waiting for other processes.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from bench.report import report
from mllm_for3d_ros.recording.reader import open_recording
from mllm_for3d_ros.scene import point_cloud2
from mllm_for3d_ros.scene.voxel_map import VoxelMap, warm_up
from mllm_for3d_ros.types import Frame

VOXEL = 0.025
SHARED = Path(os.environ.get("MLLM_FOR3D_SHARED", Path(__file__).parents[2] / "shared"))
REDKITCHEN = SHARED / "data" / "redkitchen"
QUICK_FRAMES = 40


class Open3dGrid:
    """Open3D's VoxelBlockGrid (tensor API, CPU) as its reconstruction system uses it, block 8."""

    def __init__(self, max_depth: float) -> None:
        import open3d

        self._max_depth = max_depth
        self._core = core = open3d.core
        self._image = open3d.t.geometry.Image
        self._grid = open3d.t.geometry.VoxelBlockGrid(
            attr_names=("tsdf", "weight", "color"),
            attr_dtypes=(core.float32, core.float32, core.float32),
            attr_channels=((1,), (1,), (3,)),
            voxel_size=VOXEL,
            block_resolution=8,
            block_count=40000,
            device=core.Device("CPU:0"),
        )

    def integrate(self, depth_mm: np.ndarray, color: np.ndarray, frame: Frame) -> tuple[float, float]:
        """Fuse one frame; returns its cost, conversions to tensors left out."""
        core = self._core
        depth_image, color_image = self._image(core.Tensor(depth_mm)), self._image(core.Tensor(color))
        intrinsic = core.Tensor(frame.intrinsics.matrix)
        extrinsic = core.Tensor(np.linalg.inv(frame.camera_to_world))

        def integrate() -> None:
            blocks = self._grid.compute_unique_block_coordinates(
                depth_image, intrinsic, extrinsic, 1000.0, self._max_depth
            )
            self._grid.integrate(blocks, depth_image, color_image, intrinsic, extrinsic, 1000.0, self._max_depth)

        return cost(integrate)


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock and of processor time that ``work`` takes."""
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - start) * 1e3, (time.process_time() - start_cpu) * 1e3


def measure(frames: Iterable[Frame], snapshots: int = 20) -> dict[str, float]:
    """Figures of one recording, both maps fed in turn."""
    ours = VoxelMap(VOXEL)
    theirs = Open3dGrid(ours.max_depth)
    our_costs, their_costs, pixels = [], [], 0
    for frame in frames:
        pixels += frame.depth.size
        depth_mm = np.rint(frame.depth * 1000).astype(np.uint16)
        color = np.ascontiguousarray(frame.color)
        our_costs.append(cost(functools.partial(ours.integrate, frame)))
        their_costs.append(theirs.integrate(depth_mm, color, frame))
    packing = [cost(lambda: point_cloud2.pack_points(ours.snapshot())) for _ in range(snapshots)]
    our_ms, their_ms = np.array(our_costs), np.array(their_costs)  # [frames, 2]: clock, processor
    our_median, their_median = np.median(our_ms, axis=0), np.median(their_ms, axis=0)
    return {
        "frame_ms_p50": float(our_median[0]),
        "frame_ms_p95": float(np.percentile(our_ms[:, 0], 95)),
        "frame_cpu_ms_p50": float(our_median[1]),
        "open3d_vbg_frame_ms_p50": float(their_median[0]),
        "open3d_vbg_frame_ms_p95": float(np.percentile(their_ms[:, 0], 95)),
        "open3d_vbg_frame_cpu_ms_p50": float(their_median[1]),
        "ratio_to_open3d": float(our_median[0] / their_median[0]),
        "cpu_ratio_to_open3d": float(our_median[1] / their_median[1]),
        "snapshot_pack_ms": float(np.median(packing, axis=0)[0]),
        "snapshot_pack_cpu_ms": float(np.median(packing, axis=0)[1]),
        "voxels": float(len(ours)),
        "frames": float(len(our_costs)),
        "pixels_a_frame": float(pixels / max(1, len(our_costs))),
    }


def recordings(arguments: argparse.Namespace) -> dict[str, Iterable[Frame]]:
    """The recordings to measure, by the name that their figures begin with."""
    limit = QUICK_FRAMES if arguments.quick else None
    if arguments.recording:
        return {"": itertools.islice(open_recording(arguments.recording), limit)}
    chosen: dict[str, Iterable[Frame]] = {}
    if REDKITCHEN.is_dir():
        chosen["redkitchen_"] = itertools.islice(open_recording(REDKITCHEN), limit)
    else:
        print(f"redkitchen is left out: no recording at {REDKITCHEN} (set MLLM_FOR3D_SHARED)")
    from mllm_for3d_ros.rooms.recording import RoomsRecording

    frames = QUICK_FRAMES // 2 if arguments.quick else 60
    chosen["rooms_"] = RoomsRecording(arguments.rooms_seed, frames=frames, width=640, height=480)
    return chosen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer frames, within a minute")
    parser.add_argument("--recording", help="bag or folder to measure in place of redkitchen and Rooms")
    parser.add_argument("--rooms-seed", type=int, default=10000, help="room to measure (default 10000)")
    arguments = parser.parse_args()
    warm_up()
    results: dict[str, float] = {}
    for prefix, frames in recordings(arguments).items():
        results |= {prefix + name: value for name, value in measure(frames).items()}
    report("fusion", results)


if __name__ == "__main__":
    main()
