"""Instructions that the teacher proposes for a scene, kept beside its labels so that it is asked only once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import InstructionError, LabelStoreError
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.labeling.settings import Asked
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.teachers.proposing import Proposer
from mllm_for3d_ros.types import Frame

FILE = "proposals.json"
KIND = "proposed"
VIEWS = 6
"""Views that the teacher is shown, spread over the scene's candidates."""


class Proposals:
    """Up to ``count`` instructions a scene."""

    def __init__(self, proposer: Proposer, count: int) -> None:
        """``proposer`` is asked at scenes that have no proposals yet."""
        self._proposer, self._count = proposer, count

    def known(self, folder: Path) -> list[Asked] | None:
        """What was proposed for the scene in ``folder``; None if it was not asked for, or for another number.

        Raises:
            LabelStoreError: the file is damaged.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            asked_for, texts = int(said["count"]), [str(text) for text in said["instructions"]]
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise LabelStoreError(f"{path} cannot be read ({cause}); delete it and label again") from cause
        return [Asked(text, KIND) for text in texts] if asked_for == self._count else None

    def make(self, folder: Path, views: Sequence[Frame]) -> list[Asked]:
        """What is known, else what the teacher proposes on looking at some of ``views``."""
        known = self.known(folder)
        if known is not None:
            return known
        chosen = np.unique(np.linspace(0, len(views) - 1, min(VIEWS, len(views))).round().astype(int))
        texts: list[str] = []
        for text in self._proposer.propose([views[i].color for i in chosen], self._count):
            try:
                texts.append(clean_instruction(text))
            except InstructionError:  # a model's empty line is no instruction
                continue
        texts = list(dict.fromkeys(texts))[: self._count]
        content = json.dumps({"count": self._count, "instructions": texts}, indent=1, ensure_ascii=False) + "\n"
        write_whole(folder / FILE, content.encode("utf-8"))
        return [Asked(text, KIND) for text in texts]
