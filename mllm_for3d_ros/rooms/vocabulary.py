"""The classes of Rooms, read from ``data/classes.json``: their names, order and descriptions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mllm_for3d_ros.errors import VocabularyError

CLASSES_FILE = Path(__file__).with_name("data") / "classes.json"


@dataclass(frozen=True)
class ClassEntry:
    """One class: its snake_case name, its plural and what it covers in words."""

    name: str
    plural: str
    description: str


def load_classes(path: Path = CLASSES_FILE) -> tuple[ClassEntry, ...]:
    """The classes listed in ``path``, in index order.

    Raises:
        VocabularyError: the file is missing, is not such a list, or repeats a name.
    """
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["classes"]
        entries = tuple(ClassEntry(row["name"], row["plural"], row["description"]) for row in listed)
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise VocabularyError(f"class file {path} cannot be read ({cause}); restore it from the repository") from cause
    names = [entry.name for entry in entries]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise VocabularyError(f"class file {path} names {', '.join(repeated)} twice; keep one entry per class")
    return entries


CLASSES = load_classes()
CLASS_NAMES: tuple[str, ...] = tuple(entry.name for entry in CLASSES)
_INDEX = {name: index for index, name in enumerate(CLASS_NAMES)}


def class_index(name: str) -> int:
    """Index of the class ``name``.

    Raises:
        VocabularyError: there is no such class; the message lists the valid names.
    """
    if name not in _INDEX:
        raise VocabularyError(f"unknown class {name!r}; choose one of: {', '.join(CLASS_NAMES)}")
    return _INDEX[name]
