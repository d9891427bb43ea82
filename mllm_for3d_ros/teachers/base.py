"""The protocol that every 2D teacher follows, and what names the answers that it gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mllm_for3d_ros.types import Frame, ViewAnswer

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Fingerprint:
    """What an answer depends on besides the image and the instruction; equal ones give equal answers.

    name: the teacher. weights: hash of all its weights (for an endpoint: model id and address).
    prompt: version of the prompt, "0" where there is none. settings: whatever else changes answers
    (image size limit, precision, 4 bit), as "key=value" joined by commas, empty for the defaults.
    geometry: whether depth, camera and pose of a view are looked at too; see ``view_key``.
    """

    name: str
    weights: str
    prompt: str = "0"
    settings: str = ""
    geometry: bool = False

    def __str__(self) -> str:
        """One word without white space, e.g. ``compact:1f3a90c2:0``."""
        parts = [self.name, self.weights, self.prompt, *([self.settings] if self.settings else [])]
        return ":".join(_UNSAFE.sub("_", part) if k < 3 else part.replace(" ", "_") for k, part in enumerate(parts))


class Teacher(Protocol):
    """A frozen 2D model that answers an instruction on views.

    token_dim: length D of the tokens of its answers.
    """

    @property
    def token_dim(self) -> int:
        """Length D of the tokens."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What the answers depend on besides the image and the instruction; answers are cached under it."""

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """One ViewAnswer a frame, masks at the size of the frame, abstentions where there is no answer.

        Only the colours of the frames are looked at, unless the fingerprint says ``geometry``. Views are
        batched; what a view costs whatever the instruction (its image features) is computed once and kept
        for the next instruction.

        Raises:
            InstructionError: the instruction is empty or too long.
            TeacherError: the model cannot run (out of memory, endpoint down), which is no property of the view.
        """
        ...


def abstention(size: tuple[int, int], reason: str, features: np.ndarray | None = None) -> ViewAnswer:
    """The answer "not here" to a view of ``size`` (height, width), with its reason and the view's features."""
    return ViewAnswer(np.zeros(size, np.float32), None, 0.0, features, abstained=reason)
