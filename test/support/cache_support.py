"""Answers, frames and a teacher for the tests of the cache; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.types import Frame, Intrinsics, ViewAnswer

FINGERPRINT = Fingerprint("count", "0a1b", "2", "max_pixels=100")
HEIGHT, WIDTH = 24, 32


def frame(seed: int) -> Frame:
    """A view of noise; equal seeds give equal images."""
    color = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    depth = np.ones((HEIGHT, WIDTH), np.float32)
    return Frame(seed, color, depth, Intrinsics(WIDTH, HEIGHT, 30.0, 30.0, 15.5, 11.5), np.eye(4))


def answer(seed: int, features: bool = True) -> ViewAnswer:
    """A soft disc whose place, token and features follow from ``seed``; every fourth is an abstention."""
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(4, 6, 8)).astype(np.float16).astype(np.float32) if features else None
    if seed % 4 == 3:
        return abstention((HEIGHT, WIDTH), f"nothing fits ({seed})", maps)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(v - rng.uniform(0, HEIGHT), u - rng.uniform(0, WIDTH))
    mask = (1 / (1 + np.exp(distance - rng.uniform(3, 8)))).astype(np.float32)
    return ViewAnswer(mask, rng.normal(size=5).astype(np.float32), float(rng.uniform()), maps)


def assert_same(one: ViewAnswer, other: ViewAnswer) -> None:
    """Equal to the bit."""
    assert (one.score, one.abstained) == (other.score, other.abstained)
    for name in ("mask", "token", "features"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        assert a is None or (a.dtype == b.dtype and np.array_equal(a, b)), name


class CountingTeacher:
    """Answers by the sum of the colours; counts what it is asked."""

    token_dim = 5

    def __init__(self, fingerprint: Fingerprint = FINGERPRINT) -> None:
        self.fingerprint = fingerprint
        self.asked: list[tuple[int, str]] = []

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """One answer a frame."""
        self.asked += [(int(f.color.sum()), instruction) for f in frames]
        return [answer(int(f.color.sum()) + len(instruction)) for f in frames]
