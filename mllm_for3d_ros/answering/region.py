"""The part of a map that an instruction is about: a box, and a student that looks nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mllm_for3d_ros.types import check_array


@dataclass(frozen=True)
class Region:
    """A box. box_to_map: [4, 4] float64 rigid transform from its centre and axes. size: [3] float64 m, full extents."""

    box_to_map: np.ndarray
    size: np.ndarray

    def __post_init__(self) -> None:
        check_array("box_to_map", self.box_to_map, (4, 4), np.float64)
        check_array("size", self.size, (3,), np.float64)
        if not (np.isfinite(self.box_to_map).all() and np.isfinite(self.size).all() and (self.size > 0).all()):
            raise ValueError(f"a region needs a finite pose and positive extents, got a size of {self.size} m")

    def contains(self, points: np.ndarray) -> np.ndarray:
        """[N] bool: which of the points [N, 3] m of the map lie in the box, its faces included."""
        offset = points - self.box_to_map[:3, 3]
        return np.asarray((np.abs(offset @ self.box_to_map[:3, :3]) <= self.size / 2).all(axis=1))


@dataclass(frozen=True)
class ResponseInRegion:
    """probability: [N] float32 per row of the map, 0 outside of the region. presence: that of the whole map."""

    probability: np.ndarray
    presence: float


class StudentInRegion:
    """A student for which there is nothing outside of ``inside`` [N] bool, rows of the map that is asked about."""

    def __init__(self, student: Any, inside: np.ndarray) -> None:
        self._student, self._inside = student, inside
        self.fingerprint: str = student.fingerprint
        self.presence_threshold: float = student.presence_threshold
        self.encode = student.encode
        self.mask_level = student.mask_level

    def respond(self, scene: Any, instruction: str) -> ResponseInRegion:
        """The student's answer, with probability 0 outside."""
        response = self._student.respond(scene, instruction)
        return ResponseInRegion(np.where(self._inside, response.probability, np.float32(0.0)), float(response.presence))
