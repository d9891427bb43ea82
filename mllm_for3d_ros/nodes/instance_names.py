"""Numbers for objects that outlast the answer in which they are found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.types import Instance

_SAME_OVERLAP = 0.25
_SAME_PLACE_M = 0.25
_REMEMBERED = 1000


class InstanceNames:
    """Gives the same object the same number within an epoch, whatever was asked and however it has grown since.

    The same is the one whose box overlaps best (intersection over union of their axis-aligned hulls of at
    least 0.25), or else the one whose centre is nearest, within 25 cm. Not safe for threads.
    """

    def __init__(self) -> None:
        self._epoch = ""
        self._next = 1
        self._forget()

    def _forget(self) -> None:
        self._numbers, self._boxes = np.zeros(0, np.int64), np.zeros((0, 2, 3))

    def name(self, epoch: str, instances: Sequence[Instance]) -> list[int]:
        """Numbers of the instances of one answer, all different."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._forget()
        names: list[int] = []
        for instance in instances:
            box = hull(instance)
            number = self._known(box, names)
            if number is None:
                number, self._next = self._next, self._next + 1
            self._remember(number, box)
            names.append(number)
        return names

    def _known(self, box: np.ndarray, taken: Sequence[int]) -> int | None:
        free = ~np.isin(self._numbers, taken)
        if not free.any():
            return None
        numbers, boxes = self._numbers[free], self._boxes[free]
        overlap = _overlap(box, boxes)
        if overlap.max() >= _SAME_OVERLAP:
            return int(numbers[overlap.argmax()])
        apart = np.linalg.norm(boxes.mean(axis=1) - box.mean(axis=0), axis=1)
        return int(numbers[apart.argmin()]) if apart.min() <= _SAME_PLACE_M else None

    def _remember(self, number: int, box: np.ndarray) -> None:
        """The last named comes last; of too many the first are forgotten."""
        others = self._numbers != number
        self._numbers = np.append(self._numbers[others], number)[-_REMEMBERED:]
        self._boxes = np.concatenate([self._boxes[others], box[None]])[-_REMEMBERED:]


def hull(instance: Instance) -> np.ndarray:
    """[2, 3] float64 m: lowest and highest corner of the axis-aligned box around an instance's box."""
    cos, sin = abs(np.cos(instance.yaw)), abs(np.sin(instance.yaw))
    length, width, height = instance.size
    half = np.array([cos * length + sin * width, sin * length + cos * width, height]) / 2
    return np.stack([instance.center - half, instance.center + half])


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """[K] intersection over union of a box [2, 3] with boxes [K, 2, 3]."""
    shared = np.clip(np.minimum(boxes[:, 1], box[1]) - np.maximum(boxes[:, 0], box[0]), 0, None).prod(axis=1)
    volumes = (boxes[:, 1] - boxes[:, 0]).prod(axis=1) + (box[1] - box[0]).prod()
    return np.asarray(shared / np.maximum(volumes - shared, 1e-12))
