"""What people call the classes, read from ``data/nouns.json``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

_FILE = Path(__file__).with_name("data") / "nouns.json"
_ES = ("s", "x", "ch", "sh")


@cache
def nouns(split: str) -> dict[str, tuple[str, ...]]:
    """The nouns of each class in ``split`` ("train" or "validation").

    Raises:
        VocabularyError: the file is missing or damaged, or a class has no noun in it.
    """
    try:
        stored = json.loads(_FILE.read_text(encoding="utf-8"))
        return {name: tuple(stored[name][split]) for name in CLASS_NAMES}
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise VocabularyError(f"noun file {_FILE} cannot be read ({cause}); restore it from the repository") from cause


@cache
def class_of_noun() -> dict[str, str]:
    """Every known noun, singular and plural, in lower case, with its class; longer nouns come first."""
    table: dict[str, str] = {}
    for name in CLASS_NAMES:
        for noun in (name.replace("_", " "), *nouns("train")[name], *nouns("validation")[name]):
            table.setdefault(noun.casefold(), name)
            table.setdefault(plural(noun).casefold(), name)
    return dict(sorted(table.items(), key=lambda item: -len(item[0])))


def plural(noun: str) -> str:
    """The plural of ``noun``: "bookshelf" gives "bookshelves", "chest of drawers" "chests of drawers"."""
    head, of, rest = noun.partition(" of ")
    if head.endswith("shelf"):
        return head[:-1] + "ves" + of + rest
    return head + ("es" if head.endswith(_ES) else "s") + of + rest
