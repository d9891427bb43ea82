"""What a grounder says of an image: boxes and points in pixels, for a segmenter to turn into masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mllm_for3d_ros.teachers.base import Fingerprint


@dataclass(frozen=True)
class Located:
    """One object that fits the instruction.

    box: (x1, y1, x2, y2) pixels of the image with x1 < x2 and y1 < y2, or None. point: (x, y) pixels
    inside the image, or None; at least one of the two is given. label: the model's word for it.
    """

    box: tuple[float, float, float, float] | None
    point: tuple[float, float] | None
    label: str

    def __post_init__(self) -> None:
        if self.box is None and self.point is None:
            raise ValueError("a located object needs a box or a point")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(f"box must have x1 < x2 and y1 < y2, got {self.box}")


@dataclass(frozen=True)
class Grounding:
    """What a grounder found in one image.

    objects: empty exactly if ``abstained`` says why. token: [D] float32 or None. score: 0..1, how sure
    the grounder is (1 where it does not say).
    """

    objects: tuple[Located, ...]
    token: np.ndarray | None = None
    score: float = 1.0
    abstained: str | None = None

    def __post_init__(self) -> None:
        if bool(self.objects) == (self.abstained is not None):
            raise ValueError("a grounding has either objects or a reason why it has none")


class Grounder(Protocol):
    """A vision-language model that answers an instruction with boxes and points."""

    @property
    def token_dim(self) -> int:
        """Length D of the tokens."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What the answers depend on besides the image and the instruction."""

    def locate(self, images: Sequence[np.ndarray], instruction: str) -> list[Grounding]:
        """One Grounding for each image [H, W, 3] uint8 RGB. A malformed answer of the model is an abstention.

        Raises:
            TeacherError: the model cannot run (out of memory, endpoint down).
        """
        ...
