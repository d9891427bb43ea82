"""The protocol that every 2D teacher follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mllm_for3d_ros.types import Frame, ViewAnswer


class Teacher(Protocol):
    """A frozen 2D model that answers an instruction on views.

    token_dim: length of the tokens. fingerprint: name and weights hash; equal fingerprints give equal
    answers, so answers can be cached under it.
    """

    token_dim: int
    fingerprint: str

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """One ViewAnswer a frame, masks at the size of the frame.

        Raises:
            InstructionError: the instruction is empty or too long.
        """
        ...
