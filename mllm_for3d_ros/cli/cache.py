"""``mllm-for3d cache``: what the answer cache holds, and how to make it smaller."""

from __future__ import annotations

import argparse
import json
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mllm_for3d_ros.cli.arguments import table
from mllm_for3d_ros.errors import CacheError

if TYPE_CHECKING:
    from mllm_for3d_ros.teachers.cache import AnswerCache

HELP = """The answers of teachers, kept so that a view is asked an instruction once, ever.

info   shows what is there, by teacher
prune  removes answers by age, by teacher, or until the cache is small enough

The folder is --cache, else $MLLM_FOR3D_CACHE, else mllm_for3d/answers in the user's cache folder."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
_DAY_S = 86400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="info|prune")
    info = actions.add_parser("info", help="show what is there, by teacher")
    prune = actions.add_parser("prune", help="remove answers", epilog="example: cache prune --older-than 90d")
    prune.add_argument("--older-than", type=_days, metavar="AGE", help="remove answers older than e.g. 12h, 30d, 8w")
    prune.add_argument(
        "--max-size", type=_size, metavar="SIZE", help="keep at most e.g. 500MB or 20GB, newest views first"
    )
    prune.add_argument(
        "--fingerprint", metavar="START", help="only of teachers whose fingerprint starts so, e.g. qwen-vl"
    )
    prune.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    for action in (info, prune):
        action.add_argument("--cache", type=Path, metavar="DIR", help="folder of the cache")
        action.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Show or prune."""
    from mllm_for3d_ros.cli.teacher_arguments import open_cache

    if args.action == "prune" and args.older_than is None and args.max_size is None and args.fingerprint is None:
        raise CacheError("cache prune needs to know what to remove: give --older-than, --max-size or --fingerprint")
    with open_cache(args) as cache:
        print(_info(cache, args) if args.action == "info" else _prune(cache, args))
    return 0


def _info(cache: AnswerCache, args: argparse.Namespace) -> str:
    """A table by fingerprint, or all of it as JSON."""
    from mllm_for3d_ros.teachers.cache.upkeep import info

    teachers = info(cache)
    answers, size = sum(row.answers for row in teachers), sum(row.bytes for row in teachers)
    if args.json:
        whole = {"folder": str(cache.folder), "answers": answers, "bytes": size}
        return json.dumps({**whole, "teachers": [asdict(row) for row in teachers]}, indent=1)
    if not teachers:
        return f"no answers in {cache.folder}"
    rows = [
        [row.fingerprint, f"{row.answers:,}", f"{row.abstentions:,}", f"{row.views:,}", f"{row.instructions:,}",
         f"{row.feature_maps:,}", _show_size(row.bytes), f"{(time.time() - row.newest) / _DAY_S:.1f} d"]
        for row in teachers
    ]  # fmt: skip
    header = ["teacher", "answers", "not here", "views", "instructions", "feature maps", "size", "last"]
    return f"{table(header, rows)}\n{answers:,} answers, {_show_size(size)} in {cache.folder}"


def _prune(cache: AnswerCache, args: argparse.Namespace) -> str:
    """One line on what was removed."""
    from mllm_for3d_ros.teachers.cache.upkeep import prune

    age = None if args.older_than is None else args.older_than * _DAY_S
    pruned = prune(cache, age, args.max_size, args.fingerprint, args.dry_run)
    if args.json:
        return json.dumps({**asdict(pruned), "dry_run": args.dry_run})
    verb = "would remove" if args.dry_run else "removed"
    size = _show_size(pruned.bytes)
    return f"{verb} {pruned.answers:,} answers and {pruned.feature_maps:,} feature maps, {size}, from {cache.folder}"


def _size(text: str) -> int:
    """Bytes of e.g. "500MB", "1.5 GB", "0"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([KMGT]?B?)\s*", text.upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: give e.g. 500MB or 20GB")
    number, unit = match.groups()
    return int(float(number) * _UNITS[unit if unit in _UNITS else unit + "B"])


def _days(text: str) -> float:
    """Days of e.g. "12h", "30d", "8w"."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([hdw])\s*", text.lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age: give e.g. 12h, 30d or 8w")
    return float(match[1]) * _DAYS[match[2]]


def _show_size(size: int) -> str:
    """Bytes for a person."""
    for unit in ("TB", "GB", "MB", "kB"):
        if size >= _UNITS[unit.upper()]:
            return f"{size / _UNITS[unit.upper()]:.1f} {unit}"
    return f"{size} B"
