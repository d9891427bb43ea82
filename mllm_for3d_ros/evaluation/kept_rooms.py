"""Rooms that were measured, kept on disk, so that a long benchmark goes on where it was interrupted.

plan.txt           what was measured; a folder holds results of one plan
room_10003.json    the result of one room
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import CacheError
from mllm_for3d_ros.evaluation.metrics import Overlap, Scored
from mllm_for3d_ros.evaluation.rooms_benchmark import RoomResult
from mllm_for3d_ros.evaluation.scoring import Draw, Row
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.types import Status

PLAN = "plan.txt"


def measure_and_keep(
    folder: Path, plan: str, seeds: Sequence[int], measure: Callable[[Sequence[int]], Iterator[RoomResult]]
) -> Iterator[RoomResult]:
    """Results of the rooms of ``seeds`` in their order; those in ``folder`` are read, the others measured and kept.

    Args:
        folder: made if it is missing.
        plan: all that the results depend on besides the seed, as text.
        seeds: rooms.
        measure: yields the results of the rooms it is given, in order.

    Raises:
        CacheError: the folder holds results of another plan, or a damaged one.
    """
    _check_plan(folder, plan)
    kept = {seed: folder / f"room_{seed:05d}.json" for seed in seeds}
    missing = [seed for seed in seeds if not kept[seed].is_file()]
    measured = measure(missing)
    for seed in seeds:
        if seed not in missing:
            yield _read(kept[seed])
            continue
        result = next(measured)
        write_whole(kept[seed], json.dumps(asdict(result)).encode())
        yield result


def _check_plan(folder: Path, plan: str) -> None:
    path = folder / PLAN
    if path.is_file() and path.read_text(encoding="utf-8") != plan:
        raise CacheError(f"{folder} keeps rooms that were measured in another way ({PLAN}); give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, plan.encode())


def _read(path: Path) -> RoomResult:
    try:
        content = json.loads(path.read_bytes())
        rows = tuple(_row(row) for row in content.pop("rows"))
        return RoomResult(rows=rows, **content)
    except (ValueError, KeyError, TypeError) as cause:
        raise CacheError(f"{path} is damaged ({cause}); remove it, and its room is measured again") from cause


def _row(content: dict[str, Any]) -> Row:
    asked = content["instruction"]
    instruction = RoomInstruction(
        asked["text"], asked["class_name"], Status(asked["status"]), asked["kind"], tuple(asked["instances"])
    )
    draws = tuple(_draw(draw) for draw in content["draws"])
    return Row(content["system"], content["seed"], instruction, draws)


def _draw(content: dict[str, Any]) -> Draw:
    scored = content["scored"]
    result = Scored(scored["present"], scored["answered"], Overlap(**scored["overlap"]))
    return Draw(result, content["presence"], content["calls"], content["seconds"])
