"""How long does MinkUNet14A take on the CPU, by backend, and against the machine's matrix products?

    python -m bench.sparse [--quick] [--voxel 0.06]

A scattered room of 6 x 5 x 3 m, about 48k voxels at 6 cm. The backends run in turn, and the least time of each counts,
so that a busy machine slows all of them. ``floor_ms`` is what the convolutions' multiplications would take at the rate
of one large sgemm, measured in the same rounds. Forward is inference: BatchNorm folded, no gradients. Train is forward
and backward in training mode. MinkowskiEngine is measured where it is installed.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bench.report import report
from mllm_for3d_ros.student.minkunet import build_unet
from mllm_for3d_ros.student.sparse import BACKENDS, Level, build_levels, folded, use_backend
from mllm_for3d_ros.student.sparse.engine import engine

LEVELS = 5
NETWORK = "minkunet14a"
SIZE = (6.0, 5.0, 3.0)
SGEMM = 2048


def room_voxels(voxel: float, seed: int = 0) -> torch.Tensor:
    """Voxels [N, 3] int32 of floor, walls and 14 boxes, seen as noisy points of a room that is turned a little."""
    rng = np.random.default_rng(seed)
    density = max(12000, int(6 / voxel**2))
    parts: list[np.ndarray] = []

    def rectangle(origin: np.ndarray, along: np.ndarray, up: np.ndarray) -> None:
        count = int(np.linalg.norm(along) * np.linalg.norm(up) * density)
        a, b = rng.random((2, count, 1))
        parts.append(origin + a * along + b * up)

    x, y, z = np.diag(SIZE)
    zero = np.zeros(3)
    for origin, along, up in ((zero, x, y), (zero, x, z), (y, x, z), (zero, y, z), (x, y, z)):
        rectangle(origin, along, up)
    for _ in range(14):
        width, depth, height = rng.uniform((0.3, 0.3, 0.3), (1.2, 1.0, 1.3))
        turn = rng.uniform(0, np.pi)
        along = width * np.array([np.cos(turn), np.sin(turn), 0])
        across = depth * np.array([-np.sin(turn), np.cos(turn), 0])
        up = np.array([0, 0, height])
        origin = np.array([rng.uniform(0.6, SIZE[0] - 1.6), rng.uniform(0.6, SIZE[1] - 1.6), 0])
        rectangle(origin + up, along, across)
        for corner, side in ((origin, along), (origin + across, along), (origin, across), (origin + along, across)):
            rectangle(corner, side, up)
    points = np.concatenate(parts)
    points += rng.normal(0, 0.004, points.shape)
    c, s = np.cos(0.31), np.sin(0.31)
    points = points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    return torch.from_numpy(np.unique(np.floor((points - points.min(0)) / voxel).astype(np.int32), axis=0))


def multiplications(network: nn.Module, inputs: torch.Tensor, levels: list[Level]) -> int:
    """Products of the network's convolutions and pointwise layers on this scene."""
    total = 0

    def pairs(layer: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        nonlocal total
        if isinstance(layer, nn.Linear):
            total += len(arguments[0]) * layer.weight.numel()
        else:
            kernel_map = getattr(arguments[1], layer.kind)
            total += kernel_map.count * layer.weight[0].numel()

    handles = [m.register_forward_pre_hook(pairs) for m in network.modules() if hasattr(m, "weight")]
    with torch.inference_mode():
        network(inputs, levels)
    for handle in handles:
        handle.remove()
    return total


def least_times(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of each, the least of ``rounds`` in which they take turns, after one that does not count."""
    least = dict.fromkeys(work, float("inf"))
    for turn in range(rounds + 1):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            if turn:
                least[name] = min(least[name], (time.perf_counter() - start) * 1e3)
    return least


def measure(voxel: float, rounds: int) -> dict[str, float]:
    """All figures."""
    torch.manual_seed(0)
    coords = room_voxels(voxel)
    inputs = torch.randn(len(coords), 8)
    network = build_unet(NETWORK).train()
    inference = folded(network)
    levels = build_levels(coords, LEVELS)
    names = [n for n in ("cpp", "torch", "minkowski") if BACKENDS[n].problem(inputs) is None]
    left, right = torch.randn(2, SGEMM, SGEMM)
    product = torch.empty(SGEMM, SGEMM)

    def forward(name: str) -> None:
        with use_backend(name), torch.inference_mode():
            inference(inputs, levels)

    def train(name: str) -> None:
        with use_backend(name):
            mask, spatial = network(inputs, levels)
            (mask.square().mean() + spatial.square().mean()).backward()
        network.zero_grad()

    def sgemm() -> None:
        torch.mm(left, right, out=product)

    def maps() -> None:
        compiled, built = engine(), build_levels(coords, LEVELS)
        strided = [kernel_map for level in built[:-1] for kernel_map in (level.down, level.up)]
        for kernel_map in [*(level.submanifold for level in built), *strided]:
            if compiled is not None:
                kernel_map.pairs(compiled)

    work: dict[str, Callable[[], object]] = {"sgemm": sgemm, "maps": maps}
    for name in names:
        work[f"forward_ms_{name}"] = functools.partial(forward, name)
        work[f"train_ms_{name}"] = functools.partial(train, name)
    times = least_times(work, rounds)
    floor = multiplications(inference, inputs, levels) / SGEMM**3 * times.pop("sgemm")
    figures = {"kernel_maps_ms": times.pop("maps"), "floor_ms": floor, "train_floor_ms": 3 * floor, **times}
    for kind, least in (("forward", floor), ("train", 3 * floor)):
        ours = times.get(f"{kind}_ms_cpp")
        if ours is None:
            continue
        figures[f"{kind}_ratio_cpp_to_floor"] = ours / least
        figures |= {f"{kind}_speedup_over_{n}": times[f"{kind}_ms_{n}"] / ours for n in names if n != "cpp"}
    return figures | {"voxels": float(len(coords)), "threads": float(torch.get_num_threads())}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, within a minute")
    parser.add_argument("--voxel", type=float, default=0.06, help="edge of a voxel in metres (default 0.06)")
    arguments = parser.parse_args()
    report("sparse", measure(arguments.voxel, 3 if arguments.quick else 10))


if __name__ == "__main__":
    main()
