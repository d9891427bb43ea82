"""Which candidate regions are the target, from who took them among those that should have.

A model of views with faults, in the spirit of Dawid and Skene (Applied Statistics 1979). A hypothesis is a set
of regions that are the target. Every view i is right or faulty, faulty with probability phi_i before its answer
is looked at. A right view takes those regions of the hypothesis that it sees, and nothing else: with J_i the
overlap (intersection over union, by size in the image) of what it took and what it should have taken, the
likelihood grows from ``MISTAKE`` at J_i = 0 to ``FOUND`` at J_i = 1, with the power ``STRICT`` of J_i. It may
overlook what it sees badly. A faulty view takes nothing, or something, whatever the hypothesis. All sets of up
to ``MAX_REGIONS`` regions are tried::

    p(set | answers) ~ p(set) prod_i [ (1 - phi_i) p_right(answer_i | set) + phi_i p_faulty(answer_i) ]

So a distractor that two of five views took against three that took the target loses to it, as the same views
cannot be right about both, while two chairs that the views take together stay both. A hallucination in one of
six views that see the place leaves five views without a fault if it is not believed. The empty set is one of the
hypotheses: its probability is that of "not here at all".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

MAX_REGIONS = 11
FOUND, MISTAKE = 0.9, 0.02
STRICT = 3.0
FAULT_NOTHING, FAULT_SOMETHING = 0.35, 0.35
"""A faulty view takes nothing, or just these regions, with these probabilities; the same wrong thing may well be
taken by several views."""
ABSENT_PRIOR = 0.6
PLACE_PRIOR = 0.3
"""For each further place at which there is a target."""
PART_PRIOR = 0.2
"""For each region of such a place that is no part of it."""
TAKEN_TOGETHER = 0.5
_FIRM = (0.15, 0.6)  # taken shares that count as not taken and as taken
_TEMPER = 0.8  # views are not quite independent
_TINY = 1e-12


@dataclass(frozen=True)
class Agreement:
    """regions: [R] probability that the region is target, given that a target is there at all. views: [V]
    probability that the view is right. presence: probability that there is a target.
    """

    regions: np.ndarray
    views: np.ndarray
    presence: float


def agree(share: np.ndarray, clarity: np.ndarray, sizes: np.ndarray, faults: np.ndarray) -> Agreement:
    """Weigh all hypotheses.

    Args:
        share: [V, R] share of the region's seen points that the view took, anything where it sees none.
        clarity: [V, R] how well the view sees the region, 0..1, 0 for not at all.
        sizes: [V, R] >= 0, size of what the view sees of the region.
        faults: [V] phi_i in 0..1, before the answer is looked at.
    """
    regions = share.shape[1]
    if regions == 0:
        return Agreement(np.zeros(0), 1.0 - faults, 0.0)
    taken = np.where(clarity > 0, np.clip((share - _FIRM[0]) / (_FIRM[1] - _FIRM[0]), 0.0, 1.0), 0.0)
    weight = np.sqrt(sizes)
    support = ((1 - faults)[:, None] * clarity * taken).sum(axis=0)
    tried = np.sort(np.argsort(-support, kind="stable")[:MAX_REGIONS])
    sets = ((np.arange(1 << len(tried))[:, None] >> np.arange(len(tried))) & 1).astype(np.float64)
    right = _right(sets, taken, clarity, weight, tried)
    as_right, as_faulty = np.log1p(-faults) + np.log(right), np.log(faults) + np.log(_faulty(taken, clarity))
    log = _TEMPER * np.logaddexp(as_right, as_faulty).sum(axis=1) + _prior(sets, taken[:, tried])
    posterior = np.exp(log - log.max())
    posterior /= posterior.sum()
    presence = float(1.0 - posterior[0])
    views = posterior @ (1.0 / (1.0 + np.exp(np.clip(as_faulty - as_right, -50, 50))))
    chances = (views @ (clarity * taken)) / np.maximum(views @ clarity, _TINY)
    chances[tried] = (posterior @ sets) / max(presence, _TINY)
    return Agreement(np.clip(chances, 0.0, 1.0), views, presence)


def _right(
    sets: np.ndarray, taken: np.ndarray, clarity: np.ndarray, weight: np.ndarray, tried: np.ndarray
) -> np.ndarray:
    """[H, V] likelihood of each right view's answer if the target is the set [H, T] of the regions ``tried``.

    taken, clarity, weight: [V, R] of all regions.
    """
    answer = (weight * taken).sum(axis=1)
    both = sets @ (weight * taken)[:, tried].T
    expected = sets @ (weight * np.maximum(clarity, taken))[:, tried].T
    overlap = both / np.maximum(expected + answer - both, _TINY)
    noticed = FOUND * (sets[:, None] * clarity[:, tried]).max(axis=2)
    something = taken.max(axis=1)
    some = sets.sum(axis=1, keepdims=True) > 0
    silent = np.where(some, 1.0 - noticed, 1.0 - MISTAKE)
    return (1 - something) * silent + something * (MISTAKE + (FOUND - MISTAKE) * overlap**STRICT)


def _faulty(taken: np.ndarray, clarity: np.ndarray) -> np.ndarray:
    """[V] likelihood of each faulty view's answer."""
    most = (taken * np.minimum(1.0, clarity * 4)).max(axis=1)
    return most * FAULT_SOMETHING + (1 - most) * FAULT_NOTHING


def _prior(sets: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Log prior of each set of regions [H]: the more places, and the more of a place is left out, the less likely.

    Regions that some view took together [V, T] are one place, so that it hardly matters into how many pieces an
    object is cut.
    """
    together = (taken.T @ taken) >= TAKEN_TOGETHER
    place = np.asarray(connected_components(together)[1])
    members = np.eye(place.max() + 1)[place]
    chosen = (sets @ members) > 0
    places = chosen.sum(axis=1)
    left_out = chosen @ members.sum(axis=0) - sets.sum(axis=1)
    some = np.log1p(-ABSENT_PRIOR) + (places - 1) * np.log(PLACE_PRIOR) - np.log(members.shape[1])
    return np.where(places == 0, np.log(ABSENT_PRIOR), some + left_out * np.log(PART_PRIOR))
