"""Teachers that think of instructions for a scene: what they are asked, and how their answer is read."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.):])\s+")
_FENCE = re.compile(r"```(?:json)?")


@runtime_checkable
class Proposer(Protocol):
    """A teacher that can think of instructions."""

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """Up to ``count`` instructions for the scene of ``images`` [H, W, 3] uint8 RGB.

        Raises:
            TeacherError: the model cannot run.
        """
        ...


def question(count: int, images: int) -> str:
    """What a model is asked about each of ``images`` views to get ``count`` instructions in all."""
    each = max(2, -(-2 * count // max(images, 1)))
    return (
        f"You see a view of an indoor scene. Write {each} different instructions that a person could give to a robot "
        "here, each of which asks for one thing, or one kind of thing, that is clearly visible: some name it, some "
        "say what it is for, some how it looks or where it is. Answer with a JSON list of strings and nothing else."
    )


def read_proposals(answer: str) -> list[str]:
    """The instructions of a model's answer: a JSON list of strings, or else its lines."""
    text = _FENCE.sub("", answer).strip()
    start, end = text.find("["), text.rfind("]")
    if 0 <= start < end:
        try:
            rows = json.loads(text[start : end + 1])
        except ValueError:  # no JSON after all: read as lines
            rows = None
        if isinstance(rows, list):
            return [row.strip() for row in rows if isinstance(row, str) and row.strip()]
    lines = [_BULLET.sub("", line).strip(" \t\"'") for line in text.splitlines()]
    return [line for line in lines if len(line.split()) >= 2]


def merged(told: Sequence[Sequence[str]], count: int) -> list[str]:
    """Up to ``count`` instructions, from each view in turn, each once whatever its case."""
    chosen: dict[str, str] = {}
    for text in itertools.chain.from_iterable(itertools.zip_longest(*told)):
        if text is not None:
            chosen.setdefault(text.casefold().rstrip("."), text)
    return list(chosen.values())[:count]
