"""Goals of the action label_bag to jobs of labeling/, with every path kept inside one folder."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.labeling.settings import VIEWS, Asked, LabelJob, LabelSettings
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.language.instruction_file import collect_with_kinds
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.recording.find import find_recordings, store_names
from mllm_for3d_ros.teachers.catalogue import require_proposer

LABELS = "labels"
"""Folder below the data root that labels are written to."""
TOPICS = ("color_topic", "depth_topic", "camera_info_topic", "pose_topic", "map_frame", "camera_frame")
MOST_VIEWS, VOXEL_SIZES = 1000, (0.005, 1.0)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class GoalError(MLLMFor3DError):
    """A goal cannot be begun."""


@dataclass(frozen=True)
class Limits:
    """What goals may use: paths below ``data_root`` (absolute), and these teachers, the first by default."""

    data_root: Path
    teachers: tuple[str, ...]


def inside(root: Path, text: str) -> Path:
    """The path ``text`` below ``root``.

    Raises:
        GoalError: it is absolute, or leads out of ``root``, also by a link.
    """
    if not text or "\0" in text or Path(text).is_absolute() or ".." in Path(text).parts:
        raise GoalError(f"path {text!r} is refused: give one relative to the node's data_root, without '..'")
    path = root / text
    _require_inside(root, path, text)
    return path


def _require_inside(root: Path, path: Path, text: str) -> None:
    if not path.resolve().is_relative_to(root.resolve()):
        raise GoalError(f"path {text!r} is refused: a link leads out of the node's data_root")


def teacher_of(goal: Any, limits: Limits) -> str:
    """The teacher that a goal names, or the default one.

    Raises:
        GoalError: it is not among those allowed.
    """
    teacher = str(goal.teacher) or limits.teachers[0]
    if teacher not in limits.teachers:
        raise GoalError(f"teacher {teacher!r} is not allowed here: take one of {', '.join(limits.teachers)}")
    return teacher


def job_of(goal: Any, limits: Limits) -> LabelJob:
    """The job of a LabelBag goal.

    Raises:
        GoalError: a path or a value is refused, labels are there and the goal does not say what to do with them.
        InstructionError, RecordingError, TeacherError: see collect_with_kinds, find_recordings, require_proposer.
    """
    if goal.resume and goal.overwrite:
        raise GoalError("resume and overwrite exclude each other: set one of them")
    if not _NAME.fullmatch(goal.output_name):
        raise GoalError(
            f"output_name {goal.output_name!r} is refused: up to 100 letters, digits, '-', '_' and '.', no folder"
        )
    if goal.propose:
        require_proposer(teacher_of(goal, limits))
    recordings = _recordings(goal.bags, limits.data_root)
    out = inside(limits.data_root, f"{LABELS}/{goal.output_name}")
    if not goal.resume and not goal.overwrite:
        _require_new(out, recordings)
    return LabelJob(recordings, _asked(goal, limits.data_root), out, _settings(goal), goal.propose, goal.overwrite)


def _recordings(bags: Sequence[str], root: Path) -> tuple[Path, ...]:
    if not bags:
        raise GoalError("no bags: name at least one, relative to the node's data_root")
    found = find_recordings([str(inside(root, text)) for text in bags])
    for path in found:  # a glob or a folder may hold links
        _require_inside(root, path, str(path))
    return tuple(found)


def _require_new(out: Path, recordings: Sequence[Path]) -> None:
    there = [name for name in store_names(recordings) if (out / name).exists()]
    if there:
        raise GoalError(f"{out} has labels of {', '.join(there)}: set resume or overwrite, or another output_name")


def _asked(goal: Any, root: Path) -> tuple[Asked, ...]:
    """The sentences of a goal, then those of its file."""
    found: dict[str, str | None] = {clean_instruction(text): None for text in goal.instructions}
    if goal.instructions_file:
        for text, kind in collect_with_kinds([str(_instructions_file(goal, root))]).items():
            found.setdefault(text, kind)
    if not found and not goal.propose:
        raise GoalError("no instructions: give instructions, an instructions_file, or propose with an MLLM")
    return tuple(Asked(text, kind) for text, kind in found.items())


def _instructions_file(goal: Any, root: Path) -> Path:
    path = inside(root, goal.instructions_file)
    if path.suffix.lower() not in (".txt", ".json"):
        raise GoalError(f"instructions_file {goal.instructions_file!r} is refused: give a .txt or .json file")
    return path


def _settings(goal: Any) -> LabelSettings:
    """Zero stands for the default."""
    low, high = VOXEL_SIZES
    # as a float32 of a message, 0.05 is 0.05000000074505806, which would be another setting than the verb's
    size = round(float(goal.voxel_size), 6) or LabelSettings.voxel_size
    if not (math.isfinite(size) and low <= size <= high):
        raise GoalError(f"voxel_size {size:g} is refused: give {low:g} to {high:g} m, or 0")
    if goal.views > MOST_VIEWS:
        raise GoalError(f"views {goal.views} is refused: give up to {MOST_VIEWS}, or 0")
    topics = {name: getattr(goal, name) for name in TOPICS if getattr(goal, name)}
    return LabelSettings(size, lifting=LiftSettings(views=goal.views or VIEWS), topics=topics)
