"""A map and its labels, packed for the 3D view of a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from mllm_for3d_ros.types import PseudoLabel, SceneCloud

MOST_POINTS = 120_000
UNKNOWN = 255
"""Stands for a probability that is not known; known ones are 0..254."""
_SEED = 0


def packed_scene(cloud: SceneCloud, labels: Sequence[PseudoLabel]) -> dict[str, Any]:
    """What viewer.js reads.

    points: 16 bit each, from ``low`` over ``span`` (m); colors: 8 bit; labels: instruction and probability in
    254ths; all base64. Of more than ``MOST_POINTS`` voxels as many are drawn at random. spacing: m, of the points.
    middle, reach: m, where to look from the start and how far stray points do not count.
    """
    rows = np.arange(len(cloud))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(_SEED).choice(len(rows), MOST_POINTS, replace=False))
    points = cloud.points[rows]
    low = points.min(0) if len(points) else np.zeros(3, np.float32)
    span = np.maximum(points.max(0) - low, 1e-3) if len(points) else np.ones(3, np.float32)
    inner = np.quantile(points, [0.01, 0.99], axis=0) if len(points) else np.zeros((2, 3))
    return {
        "points": _base64(np.rint((points - low) / span * 65535).astype("<u2")),
        "colors": _base64(cloud.colors[rows]),
        "low": [float(v) for v in low],
        "span": [float(v) for v in span],
        "middle": [float(v) for v in inner.mean(0)],
        "reach": max(float(np.linalg.norm(inner[1] - inner[0])), 0.1),
        "spacing": float(cloud.voxel_size * np.sqrt(max(len(cloud), 1) / max(len(rows), 1))),
        "labels": [
            {"instruction": label.instruction, "probability": _base64(_bytes_of(label.probability[rows]))}
            for label in labels
        ],
    }


def _bytes_of(probability: np.ndarray) -> np.ndarray:
    known = np.rint(np.nan_to_num(probability) * (UNKNOWN - 1)).astype(np.uint8)
    return np.where(np.isnan(probability), np.uint8(UNKNOWN), known)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
