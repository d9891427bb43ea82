"""A grounder and a segmenter as one teacher: the VLM says where, SAM says which pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.grounding import Grounder, Grounding
from mllm_for3d_ros.teachers.proposing import Proposer
from mllm_for3d_ros.types import Frame, ViewAnswer

if TYPE_CHECKING:
    from mllm_for3d_ros.teachers.sam.segmenter import Segmenter


class GroundedSam:
    """A Teacher. Mask: the union (greatest probability) of the masks of all objects that were located.

    Score: the grounder's, times the predicted IoU of the masks, averaged by their area. Token: the
    grounder's. Features: SAM's image features; None where the grounder abstains, as SAM does not run there.
    """

    def __init__(self, grounder: Grounder, segmenter: Segmenter, name: str | None = None) -> None:
        """``name`` of the teacher in its fingerprint, that of the grounder if None."""
        asked, cut = grounder.fingerprint, segmenter.fingerprint
        self.token_dim = grounder.token_dim
        self.fingerprint = Fingerprint(
            name or asked.name,
            f"{asked.weights}+{cut.weights}",
            asked.prompt,
            ",".join(part for part in (asked.settings, f"segmenter={cut.name}", cut.settings) if part),
        )
        self._grounder = grounder
        self._segmenter = segmenter

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``."""
        images = [frame.color for frame in frames]
        groundings = self._grounder.locate(images, clean_instruction(instruction))
        return [self._segmented(image, found) for image, found in zip(images, groundings, strict=True)]

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """See ``Proposer.propose``.

        Raises:
            TeacherError: the grounder cannot propose instructions.
        """
        if not isinstance(self._grounder, Proposer):
            raise TeacherError(f"{self.fingerprint.name} cannot propose instructions; write them to a file")
        return self._grounder.propose(images, count)

    def _segmented(self, image: np.ndarray, found: Grounding) -> ViewAnswer:
        """The answer on ``image`` [H, W, 3], in which the grounder found ``found``."""
        size = image.shape[:2]
        if found.abstained is not None:
            return abstention(size, found.abstained)
        segments = self._segmenter.segment(image, found.objects)
        areas = (segments.masks > 0.5).sum((1, 2))
        if not areas.any():
            reason = f"the segmenter found no pixels of the {len(found.objects)} located objects"
            return abstention(size, reason, segments.features)
        quality = float(np.average(segments.scores, weights=areas))
        score = min(max(found.score * quality, 0.0), 1.0)
        return ViewAnswer(segments.masks.max(0), found.token, score, segments.features)
