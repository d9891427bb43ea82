"""A teacher that remembers its answers to the instruction at hand, so that systems compared share them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mllm_for3d_ros.teachers.base import Fingerprint, Teacher
from mllm_for3d_ros.types import Frame, ViewAnswer


class AskedTeacher:
    """Asks each view once an instruction; answers to earlier instructions are forgotten.

    seconds: spent in the teacher, and views: stamps of the views asked for, since ``count_anew``.
    """

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self._text: str | None = None
        self._answers: dict[int, ViewAnswer] = {}
        self.seconds = 0.0
        self.views: set[int] = set()

    @property
    def token_dim(self) -> int:
        """Length of the tokens."""
        return self._teacher.token_dim

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the teacher."""
        return self._teacher.fingerprint

    def count_anew(self) -> None:
        """Start to count seconds and views again."""
        self.seconds, self.views = 0.0, set()

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``; frames are told apart by their stamps."""
        start = time.perf_counter()
        if instruction != self._text:
            self._text, self._answers = instruction, {}
        new = [frame for frame in frames if frame.stamp_ns not in self._answers]
        if new:
            answers = self._teacher.answer(new, instruction)
            self._answers.update({frame.stamp_ns: given for frame, given in zip(new, answers, strict=True)})
        self.views.update(frame.stamp_ns for frame in frames)
        self.seconds += time.perf_counter() - start
        return [self._answers[frame.stamp_ns] for frame in frames]
