"""Finding and reading the JSON files of a benchmark."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import DatasetError

_NUMBER = re.compile(r"[0-9]{1,10}")
_MOST = 2**31 - 1
_SCENE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def first_of(root: Path, *candidates: str) -> Path:
    """The first of some relative paths that exists under ``root``.

    Raises:
        DatasetError: none exists.
    """
    for candidate in candidates:
        if (root / candidate).exists():
            return root / candidate
    rest = f" (nor {', '.join(candidates[1:])})" if len(candidates) > 1 else ""
    raise DatasetError(f"{root} has no {candidates[0]}{rest}: lay out the data as docs/datasets.md says")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DatasetError: it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise DatasetError(f"{path} is missing: lay out the data as docs/datasets.md says") from cause
    except (OSError, ValueError, RecursionError) as cause:
        raise DatasetError(f"{path} is no readable JSON ({cause}); download it again") from cause


def read_records(path: Path) -> list[dict[str, Any]]:
    """The content of a JSON file that holds a list of objects.

    Raises:
        DatasetError: it holds something else.
    """
    content = read_json(path)
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise DatasetError(f"{path} must hold a list of objects: use the annotation file of the benchmark")
    return content


def text_of(record: dict[str, Any], name: str, where: str) -> str:
    """A field that must be a sentence or a name.

    Raises:
        DatasetError: it is missing, empty or no text.
    """
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DatasetError(f"{where} needs the text {name!r}, got {value!r}: use the benchmark's own annotations")
    return value


def scene_id_of(record: dict[str, Any], name: str, where: str) -> str:
    """A field that names a scene, safe to build a path from.

    Raises:
        DatasetError: it is missing, or not of letters, digits, _ and -.
    """
    value = text_of(record, name, where)
    if not _SCENE_ID.fullmatch(value):
        raise DatasetError(f"{where}: {name} {value!r} is no name of a scene: it has letters, digits, _ and - only")
    return value


def numbers_of(record: dict[str, Any], name: str, where: str) -> tuple[int, ...]:
    """A field that is a number or a list of numbers, as numbers or as decimal text, each in 0..2^31-1; each once.

    Raises:
        DatasetError: it is missing or something else.
    """
    value = record.get(name)
    items = value if isinstance(value, list) else [value]
    numbers = []
    for item in items:
        number = int(item) if isinstance(item, str) and _NUMBER.fullmatch(item) else item
        if type(number) is not int or not 0 <= number <= _MOST:  # a bool is an int to isinstance
            raise DatasetError(f"{where} needs whole numbers from 0 in {name!r}, got {item!r}: download it again")
        numbers.append(number)
    return tuple(dict.fromkeys(numbers))
