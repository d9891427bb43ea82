"""What several verbs share: types of arguments, tables, and JSON files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def positive_int(text: str) -> int:
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def non_negative_int(text: str) -> int:
    """A whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {number}")
    return number


def positive_float(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return number


def non_negative_float(text: str) -> float:
    """A finite number of at least 0."""
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be finite and at least 0, got {text}")
    return number


def seeds(text: str) -> list[int]:
    """Room seeds: "10003", "10000,10003", or "10000:10005" (without the last)."""
    chosen: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            chosen += list(range(int(first), int(last))) if colon else [int(first)]
        except ValueError as cause:
            raise argparse.ArgumentTypeError(f"{text!r} is no seed: give 10003, 10000,10003 or 10000:10005") from cause
    if not chosen or min(chosen) < 0:
        raise argparse.ArgumentTypeError(f"{text!r} holds no seeds: they are 0 or more, as in 10000:10005")
    return chosen


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns aligned for a terminal; the first ``left`` to the left, the others to the right."""
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    lines = [
        "  ".join(cell.ljust(widths[k]) if k < left else cell.rjust(widths[k]) for k, cell in enumerate(row)).rstrip()
        for row in (header, *rows)
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def probabilities(text: str) -> tuple[float, ...]:
    """Probabilities, each once."""
    try:
        chosen = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        chosen = ()
    if not chosen or not all(0 <= threshold <= 1 for threshold in chosen):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers from 0 to 1, such as 0.3,0.5")
    return chosen


def save_json(path: Path, content: Any) -> None:
    """Write ``content`` where people can read it; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
