"""A stand-in teacher whose process can be killed on purpose; Ray's workers import it, too."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from color_teacher import ColorTeacher

from mllm_for3d_ros.types import Frame, ViewAnswer


class MortalTeacher(ColorTeacher):
    """Notes the process of every answer; the first to answer ``deadly``, if there is one, is killed then."""

    def __init__(self, notes: Path, deadly: str = "") -> None:
        super().__init__()
        self._notes, self._deadly = notes, deadly

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ColorTeacher."""
        with self._notes.open("a") as file:
            file.write(f"{os.getpid()}\n")
        died = self._notes.with_suffix(".died")
        if instruction == self._deadly and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(frames, instruction)
