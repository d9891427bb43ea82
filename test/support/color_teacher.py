"""A recording of a wall with a red patch, and a teacher that finds red, for tests of labelling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rgbd_support import make_pose

from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.types import Frame, Intrinsics, ViewAnswer

RED = (200, 30, 30)


def red_patch_frame(stamp: int, aside: float = 0.0) -> Frame:
    """A camera ``aside`` m from the middle, 2 m before a grey wall with a red square of about 0.5 m."""
    camera = Intrinsics(96, 72, 90.0, 90.0, 47.5, 35.5)
    color = np.full((72, 96, 3), 120, np.uint8)
    left = round(37 + aside * 90.0 / 2.0)
    color[25:47, left : left + 22] = RED
    pose = make_pose((0, 0, 0), (0, aside, 1.0))
    pose[:3, :3] = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    return Frame(stamp, color, np.full((72, 96), 2.0, np.float32), camera, pose)


class ShortRecording:
    """Six frames past the wall, said to come from the file ``source``."""

    skipped: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, source: Path, frames: int = 6) -> None:
        source.touch()
        self.source = str(source)
        self._frames = [red_patch_frame(1 + n * 100_000_000, 0.1 * n) for n in range(frames)]

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)


class ColorTeacher:
    """Answers "red" with the red pixels and anything else with an abstention; counts what it is asked.

    Features are the red and green of every fourth pixel; views that it abstains from have none.
    """

    token_dim = 2

    def __init__(self, weights: str = "one") -> None:
        self.fingerprint = Fingerprint("color", weights)
        self.asked: list[str] = []

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        self.asked += [instruction] * len(frames)
        return [self._look(frame, instruction) for frame in frames]

    def _look(self, frame: Frame, instruction: str) -> ViewAnswer:
        mask = np.abs(frame.color.astype(int) - RED).sum(2) < 60
        if "red" not in instruction or not mask.any():
            return abstention(mask.shape, "nothing red was asked for")
        features = frame.color[::4, ::4, :2].transpose(2, 0, 1).astype(np.float32) / 255
        return ViewAnswer(mask.astype(np.float32), np.array([1, 0], np.float32), 0.9, features)
