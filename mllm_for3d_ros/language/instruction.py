"""What counts as an instruction."""

from __future__ import annotations

import unicodedata

from mllm_for3d_ros.errors import InstructionError

MAX_CHARACTERS = 2000


def clean_instruction(text: str) -> str:
    """The instruction with white space collapsed and control characters removed.

    Raises:
        InstructionError: the text is no string, is empty, or has more than ``MAX_CHARACTERS``.
    """
    if not isinstance(text, str):
        raise InstructionError(f"an instruction must be text, got {type(text).__name__}; send a string")
    if len(text) > MAX_CHARACTERS:
        raise InstructionError(f"the instruction has {len(text)} characters; shorten it to at most {MAX_CHARACTERS}")
    visible = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in text)
    cleaned = " ".join(visible.split())
    if not any(c.isalnum() for c in cleaned):
        raise InstructionError("the instruction is empty; say what to look for, for example 'the sofa'")
    return cleaned
