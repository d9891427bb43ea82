"""Which rooms may be used for what. Seeds from 20000 on belong to the users: nothing here touches them."""

from __future__ import annotations

from mllm_for3d_ros.errors import MLLMFor3DError

TEACHER = range(5000)
JUDGE = range(2600, 5000)
"""Of the teacher's, for judges: rooms in whose views the teacher was not trained, if it has no more than 2600."""
STUDENT = range(5000, 10000)
VALIDATION = range(10000, 11000)


class SeedError(MLLMFor3DError):
    """A room seed lies outside the range that its use allows."""


def check_seeds(seeds: range, allowed: range, use: str) -> None:
    """Raise SeedError unless all of ``seeds`` lie in ``allowed``."""
    if len(seeds) and (seeds[0] not in allowed or seeds[-1] not in allowed):
        raise SeedError(
            f"{use} uses room seeds {allowed[0]} to {allowed[-1]}, got {seeds[0]} to {seeds[-1]}; choose seeds inside"
        )
