"""What of the lifting is switched on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LiftSettings:
    """The steps of the lifting, each with a switch, so that an ablation can tell what each is worth.

    view_choice: views are chosen by coverage and by the teacher's evidence, else drawn at random.
    token_attention: views weigh omega_i, outliers are dropped; else all weigh the same. superpoints: votes
    are taken on superpoints, else on points. consistency: agreement of the views on regions decides what
    is there, and what is unseen takes after its surroundings; else the votes stand. views: asked at most
    a scene and instruction; fewer where the answer is settled before. candidates: views that a scout looks at.
    """

    view_choice: bool = True
    token_attention: bool = True
    superpoints: bool = True
    consistency: bool = True
    views: int = 40
    candidates: int = 32

    def __post_init__(self) -> None:
        if self.views < 1 or self.candidates < 1:
            raise ValueError(f"views and candidates must be at least 1, got {self.views} and {self.candidates}")
