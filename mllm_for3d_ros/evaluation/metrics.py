"""Scores of 3D masks.

Conventions: IoU is taken over voxels; Acc@k is the share of queries with IoU above k (strictly);
mIoU is over the queries whose target is there, one wrongly answered "not here" counting 0. A query
whose target is absent scores 1 for an empty answer and 0 otherwise; that is reported apart, as
specificity, and never mixed into mIoU. Only gIoU, the mean over all queries, takes in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ACCURACY_AT = (0.25, 0.5)


@dataclass(frozen=True)
class Overlap:
    """Voxels in both masks, and in either."""

    intersection: int
    union: int

    @property
    def iou(self) -> float:
        """Intersection over union; 1 where both masks are empty."""
        return self.intersection / self.union if self.union else 1.0


def overlap(predicted: np.ndarray, target: np.ndarray, missed: int = 0) -> Overlap:
    """Overlap of two [N] bool masks over the same voxels.

    Args:
        predicted: the answer.
        target: the truth.
        missed: voxels of the target that the N rows do not cover; they count as not found.

    Raises:
        ValueError: the masks differ in length.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"masks must cover the same voxels, got {predicted.shape} and {target.shape}")
    both = int(np.count_nonzero(predicted & target))
    return Overlap(both, int(np.count_nonzero(predicted | target)) + missed)


@dataclass(frozen=True)
class Scored:
    """The score of one query.

    present: whether the target is there. answered: whether the system gave a mask. overlap: with the truth.
    """

    present: bool
    answered: bool
    overlap: Overlap

    @property
    def iou(self) -> float:
        """IoU of a present target; 1 or 0 for an absent one."""
        if not self.present:
            return 0.0 if self.answered else 1.0
        return self.overlap.iou if self.answered else 0.0


@dataclass(frozen=True)
class Summary:
    """Figures over many queries; NaN where there is no query to tell.

    miou, miou_interval (95 %), accuracy by threshold, ciou (sum of intersections over sum of unions)
    and false_no_target are over the ``present`` queries, specificity over the ``absent`` ones, giou
    over all of them.
    """

    present: int
    absent: int
    miou: float
    miou_interval: tuple[float, float]
    accuracy: dict[float, float]
    ciou: float
    giou: float
    false_no_target: float
    specificity: float

    def as_dict(self) -> dict[str, float | int | list[float] | None]:
        """For JSON: NaN becomes null, accuracies are named acc@0.25 and so on."""
        row: dict[str, float | int | list[float] | None] = {"present": self.present, "absent": self.absent}
        row |= {"miou": _number(self.miou), "miou_interval": [round(v, 4) for v in self.miou_interval]}
        if not self.present:
            row["miou_interval"] = None
        row |= {f"acc@{k:g}": _number(v) for k, v in self.accuracy.items()}
        row |= {"ciou": _number(self.ciou), "giou": _number(self.giou)}
        row |= {"false_no_target": _number(self.false_no_target)}
        return row | {"specificity": _number(self.specificity)}


def summarise(queries: Sequence[Scored], seed: int = 0) -> Summary:
    """Figures over queries; ``seed`` is that of the bootstrap."""
    there = [query for query in queries if query.present]
    absent = [query for query in queries if not query.present]
    ious = np.array([query.iou for query in there])
    union = sum(query.overlap.union for query in there)
    return Summary(
        present=len(there),
        absent=len(absent),
        miou=_mean(ious),
        miou_interval=bootstrap_interval(ious, seed=seed),
        accuracy={k: _mean(ious > k) for k in ACCURACY_AT},
        ciou=sum(q.overlap.intersection for q in there if q.answered) / union if union else float("nan"),
        giou=_mean(np.array([query.iou for query in queries])),
        false_no_target=_mean(np.array([not query.answered for query in there])),
        specificity=_mean(np.array([query.iou for query in absent])),
    )


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of ``values`` [N]; NaN if there are none."""
    if not len(values):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = values[rng.integers(len(values), size=(draws, len(values)))].mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def expected_calibration_error(stated: np.ndarray, happened: np.ndarray, bins: int = 10) -> float:
    """How far stated probabilities are, on average, from the share of times that they came true.

    Args:
        stated: [Q] probabilities in 0..1, such as the presence of a target.
        happened: [Q] bool, or shares in 0..1, what was the case.
        bins: number of equal bins of ``stated``.

    Returns:
        Sum over bins of their share of queries times |mean stated - mean happened|: 0 is perfect, NaN if
        there is no query.

    Raises:
        ValueError: the arrays differ in length, or stated probabilities lie outside of 0..1.

    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, Obtaining well calibrated probabilities using
    Bayesian binning, AAAI 2015.
    """
    stated, happened = np.asarray(stated, np.float64), np.asarray(happened, np.float64)
    if stated.shape != happened.shape or stated.ndim != 1:
        raise ValueError(f"need as many outcomes as probabilities, got {happened.shape} and {stated.shape}")
    if not len(stated):
        return float("nan")
    if not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError("stated probabilities must lie in 0..1")
    place = np.minimum((stated * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, stated - happened, bins)
    return float(np.abs(gaps).sum() / len(stated))


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
