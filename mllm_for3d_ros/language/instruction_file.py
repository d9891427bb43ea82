"""Instructions from files: a line each, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.language.instruction import clean_instruction

SUFFIXES = (".txt", ".json")


def collect_instructions(given: Sequence[str]) -> tuple[str, ...]:
    """Cleaned instructions, each once, in order of first mention.

    Args:
        given: sentences, and names of files: a .txt with one instruction a line (lines that start with #
            are comments), or a .json list of sentences or of objects with the field ``text``.

    Raises:
        InstructionError: a file cannot be read, is of another form or empty, or there is no instruction at all.
    """
    return tuple(collect_with_kinds(given))


def collect_with_kinds(given: Sequence[str]) -> dict[str, str | None]:
    """As ``collect_instructions``, with the ``kind`` that a JSON object gives, None elsewhere.

    Raises:
        InstructionError: as there, or a kind is no text.
    """
    found: dict[str, str | None] = {}
    for item in given:
        rows = _from_file(Path(item)) if item.lower().endswith(SUFFIXES) else [(_sentence(item), None)]
        for text, kind in rows:
            found.setdefault(text, kind)
    if not found:
        raise InstructionError("no instructions were given; pass sentences, or a .txt or .json file of them")
    return found


def _sentence(given: str) -> str:
    """A cleaned instruction; the name of a file that would not be read as one is refused."""
    text = clean_instruction(given)
    if " " not in text and Path(text).suffix and Path(text).is_file():
        raise InstructionError(f"{given} is a file, not a sentence; instruction files end in {' or '.join(SUFFIXES)}")
    return text


def _from_file(path: Path) -> list[tuple[str, str | None]]:
    try:
        content = path.read_text(encoding="utf-8")
        rows: Iterable[object] = json.loads(content) if path.suffix.lower() == ".json" else _lines(content)
    except (OSError, ValueError) as cause:
        raise InstructionError(f"instruction file {path} cannot be read ({cause}); give UTF-8 text or JSON") from cause
    if not isinstance(rows, list):
        raise InstructionError(f"instruction file {path} must hold a JSON list, got {type(rows).__name__}")
    if not rows:
        raise InstructionError(f"instruction file {path} holds no instructions; write one a line, or a JSON list")
    return [_cleaned(row, f"{path} entry {number}") for number, row in enumerate(rows, start=1)]


def _lines(content: str) -> list[str]:
    return [line for line in content.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _cleaned(row: object, where: str) -> tuple[str, str | None]:
    text = row.get("text") if isinstance(row, dict) else row
    kind = row.get("kind") if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise InstructionError(f"{where} must be a sentence, or an object with the field text")
    if kind is not None and not isinstance(kind, str):
        raise InstructionError(f"{where} has a kind that is no text; write it as a string")
    try:
        return clean_instruction(text), kind
    except InstructionError as cause:
        raise InstructionError(f"{where}: {cause}") from cause
