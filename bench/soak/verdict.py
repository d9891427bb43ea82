"""What a soak came to, and the bars it is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

MAX_MAP_AGE_S = 2.0
"""An answer on an older map counts as none."""
ANSWERS = ("OK", "NO_TARGET")
"""Statuses that count as answers."""
BARS = {
    "fused_hz": (">=", 29.0),
    "unanswered": ("<=", 0.0),
    "memory_growth": ("<=", 0.05),
    "latency_ms_p50": ("<=", 100.0),
    "latency_ms_p99": ("<=", 500.0),
    "mapping_cpu": ("<=", 0.6),
}


@dataclass(frozen=True)
class Asked:
    """An instruction: status of the answer, None if none came; latency_ms from sending it; map_age_s of its map."""

    status: str | None
    latency_ms: float
    map_age_s: float

    @property
    def answered(self) -> bool:
        """Whether it counts as answered."""
        return self.status in ANSWERS and self.map_age_s <= MAX_MAP_AGE_S


@dataclass(frozen=True)
class Figures:
    """fused_hz: frames fused a second. unanswered of asked instructions. memory_growth: of the node that grew most,
    after it has settled. latency_ms: from sending an instruction to its mask. mapping_cpu: cores of mapping_node.
    """

    fused_hz: float
    asked: int
    unanswered: int
    memory_growth: float
    latency_ms_p50: float
    latency_ms_p99: float
    map_age_s_max: float
    mapping_cpu: float

    def missed(self) -> dict[str, str]:
        """The bars that are missed: by figure, what it is and what it should be. Not a number misses."""
        values = asdict(self)
        missed = {}
        for name, (relation, bar) in BARS.items():
            good = values[name] >= bar if relation == ">=" else values[name] <= bar
            if not good:
                missed[name] = f"{values[name]:.4g}, should be {relation} {bar:g}"
        return missed


def figures(fused_hz: float, asked: Sequence[Asked], growth: Mapping[str, float], mapping_cpu: float) -> Figures:
    """Figures of a run; latencies are not numbers where nothing was answered. ``growth``: of memory, by node."""
    answered = [one for one in asked if one.answered]
    latencies = [one.latency_ms for one in answered] or [float("nan")]
    ages = [one.map_age_s for one in asked if one.status in ANSWERS] or [float("nan")]
    return Figures(
        fused_hz,
        len(asked),
        len(asked) - len(answered),
        max(growth.values()),
        float(np.quantile(latencies, 0.5)),
        float(np.quantile(latencies, 0.99)),
        max(ages),
        mapping_cpu,
    )
