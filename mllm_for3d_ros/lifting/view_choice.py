"""Which views to ask: by what they show of the map and how well, and by the teacher's own evidence.

A view shows a point well from a middling distance, at a steep angle, and sharply. Views are taken one after
the other, each the one that adds most to ``sum_p importance_p (1 - exp(-sum_i quality_ip / ENOUGH))``: what
has been seen well once counts less the second time, but still counts, so that faults can be outvoted. This
is weighted coverage, a submodular sum, of which the greedy choice reaches at least 1 - 1/e of the best
(Nemhauser, Wolsey and Fisher, 1978). Without an instruction all points are of one importance; with one,
points that a cheap pass took for the target count ``EVIDENCE`` times the others together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import laplace

from mllm_for3d_ros.lifting.lift_scene import LiftScene
from mllm_for3d_ros.lifting.visibility import Visibility
from mllm_for3d_ros.types import Frame, ViewAnswer

ENOUGH = 1.0
"""Sum of qualities at which a point has been seen well enough to e^-1."""
EVIDENCE = 9.0
"""Total importance of the points that have evidence, against 1 for all points."""
POINTS = 5000
"""Points of the map looked at; the choice needs no more."""
_BEST_DISTANCE, _DISTANCE_SPREAD = 2.0, 0.7  # m, and natural logarithms of distance
_LEAST_ANGLE = 0.15  # cosine that a grazing view counts as
_SHARPNESS = (0.2, 1.0)  # bounds of the sharpness relative to the median of all views
_CLOSEST = 0.3  # m


def sharpness(frame: Frame) -> float:
    """Variance of the Laplacian of the grey image (Pertuz et al., Pattern Recognition 2013)."""
    red, green, blue = np.moveaxis(frame.color.astype(np.float32), 2, 0)
    return float(laplace((red + green + blue) / 3).var())


class ViewQuality:
    """How well each of the F candidate views shows a sample of the points of a scene.

    rows: [P] sampled points; quality: [F, P] float32 in 0..1, 0 where a view does not see the point.
    """

    def __init__(self, scene: LiftScene, frames: Sequence[Frame]) -> None:
        if len(frames) != len(scene.visibility):
            raise ValueError(f"{len(frames)} frames for {len(scene.visibility)} views; give the frames of the scene")
        step = max(1, len(scene) // POINTS)
        self.rows = np.arange(step // 2, len(scene), step)
        sampled = np.full(len(scene), -1, np.int64)
        sampled[self.rows] = np.arange(len(self.rows))
        sharp = np.array([sharpness(frame) for frame in frames])
        usual = float(np.median(sharp)) if len(sharp) else 0.0
        relative = np.clip(sharp / usual, *_SHARPNESS) if usual > 0 else np.ones(len(sharp))
        self.quality = np.zeros((len(frames), len(self.rows)), np.float32)
        for row, view, frame, factor in zip(self.quality, scene.visibility, frames, relative, strict=True):
            place = sampled[view.indices]
            kept = place >= 0
            row[place[kept]] = factor * _geometry(scene, view.indices[kept], frame)

    def choose(
        self,
        count: int,
        importance: np.ndarray | None = None,
        asked: Sequence[int] = (),
        among: Sequence[int] | None = None,
    ) -> list[int]:
        """Up to ``count`` further views, the most useful first.

        Args:
            count: how many.
            importance: [P] >= 0 of the sampled points; None for all the same.
            asked: views that are chosen already; what they show counts as seen.
            among: views to choose from; None for all.
        """
        weight = np.ones(len(self.rows), np.float32) if importance is None else importance.astype(np.float32)
        left = [i for i in (range(len(self.quality)) if among is None else among) if i not in set(asked)]
        unseen = np.exp(-self.quality[list(asked)].sum(axis=0) / ENOUGH)
        shown = 1.0 - np.exp(-self.quality / ENOUGH)
        chosen: list[int] = []
        while left and len(chosen) < count:
            gains = shown[left] @ (weight * unseen)
            best = left[int(np.argmax(gains))]
            unseen *= 1.0 - shown[best]
            chosen.append(best)
            left.remove(best)
        return chosen

    def coverage(self, views: Sequence[int]) -> float:
        """How much of what all views show these ``views`` show, 0..1."""
        shown, all_shown = (1.0 - np.exp(-q.sum(axis=0) / ENOUGH) for q in (self.quality[list(views)], self.quality))
        return float(shown.sum() / max(all_shown.sum(), 1e-9))

    def importance(self, evidence: np.ndarray) -> np.ndarray:
        """[P] importance of the sampled points, from evidence [N] >= 0 of all points."""
        own = evidence[self.rows].astype(np.float32)
        total = float(own.sum())
        even = np.full(len(self.rows), 1.0 / max(len(self.rows), 1), np.float32)
        return even + own * (EVIDENCE / total) if total > 0 else even


def _geometry(scene: LiftScene, rows: np.ndarray, frame: Frame) -> np.ndarray:
    """[M] quality by distance and angle of points that the frame sees."""
    rays = scene.points[rows].astype(np.float64) - frame.camera_to_world[:3, 3]
    distance = np.maximum(np.linalg.norm(rays, axis=1), _CLOSEST)
    near = np.exp(-0.5 * np.square(np.log(distance / _BEST_DISTANCE) / _DISTANCE_SPREAD))
    normals = scene.normals[rows]
    facing = np.abs(np.einsum("ij,ij->i", rays, normals)) / distance
    facing[~normals.any(axis=1)] = 0.5
    return near * np.maximum(facing, _LEAST_ANGLE)


def evidence(count: int, visibility: Sequence[Visibility], answers: Sequence[ViewAnswer]) -> np.ndarray:
    """[N] float32 evidence of a cheap pass: area times confidence, spread over the points that masks cover.

    A point's evidence is the sum over the views of score times mask, by the square root of how many views
    see it: what many views take counts more, what one view of many takes counts little.
    """
    taken, seen = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for view, answer in zip(visibility, answers, strict=True):
        seen[view.indices] += 1
        if answer.abstained is None:
            mask = view.sample(answer.mask)
            taken[view.indices] += answer.score * np.where(mask >= 0.5, mask, 0)
    return taken / np.sqrt(np.maximum(seen, 1))
