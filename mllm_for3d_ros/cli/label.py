"""``mllm-for3d label``: a recording in, 3D pseudo-labels out, with no 3D annotation."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import positive_float, positive_int, save_json, table
from mllm_for3d_ros.cli.teacher_arguments import add_teacher_arguments, open_cache, teacher_options
from mllm_for3d_ros.errors import MLLMFor3DError, RecordingError

if TYPE_CHECKING:
    from mllm_for3d_ros.lifting.label_recording import LabelSettings, SceneRun
    from mllm_for3d_ros.teachers.cache import CachedTeacher

HELP = """Label recordings: each is mapped, a 2D teacher answers every instruction on chosen views, and the
answers are lifted to one 3D label each.

DIR gets a folder for each recording (docs/label_store.md) and run.json with figures. The teacher is asked
about an image and an instruction once, ever: its answers are cached, and finished labels are kept, so an
interrupted run goes on where it stopped."""
SOME_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("recordings", nargs="+", metavar="PATH", help="bags (MCAP, SQLite, ROS 1), folders, globs")
    parser.add_argument(
        "--instructions", nargs="+", required=True, metavar="TEXT", help="sentences, or .txt or .json files of them"
    )
    parser.add_argument("--out", type=Path, default=Path("out/label"), metavar="DIR", help="folder for the labels")
    parser.add_argument("--views", type=positive_int, default=16, metavar="N", help="views asked for an instruction")
    parser.add_argument("--voxel-size", type=positive_float, default=0.025, metavar="M", help="edge of a voxel in m")
    parser.add_argument("--max-depth", type=positive_float, default=4.0, metavar="M", help="farther pixels are ignored")
    add_teacher_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Label each recording; one that fails is reported and the others go on."""
    from mllm_for3d_ros.language.instruction_file import collect_instructions
    from mllm_for3d_ros.teachers.registry import cached_teacher

    start = time.perf_counter()
    instructions = collect_instructions(args.instructions)
    paths = expand(args.recordings)
    settings = _settings(args)
    with open_cache(args) as cache, _Bar() as bar:
        teacher = cached_teacher(args.teacher, teacher_options(args), cache, bar.answered)
        scenes, failed = [], {}
        for path, name in zip(paths, folder_names(paths), strict=True):
            bar.begin(name, settings.lifting.views)
            try:
                scenes.append(_label(path, args.out / name, instructions, teacher, settings, bar))
            except MLLMFor3DError as error:
                failed[str(path)] = str(error)
                print(f"mllm-for3d: error: {path}: {error}", file=sys.stderr)
    summary = _summary(scenes, failed, teacher, time.perf_counter() - start)
    save_json(args.out / "run.json", summary)
    if scenes:
        print(_table(scenes))
    print(f"{teacher.teacher_calls} teacher calls, {teacher.cache_hits} answers from the cache; labels in {args.out}")
    return SOME_FAILED if failed else 0


def expand(given: list[str]) -> list[Path]:
    """The recordings that paths and globs name, each once, in order.

    Raises:
        RecordingError: a glob matches nothing.
    """
    import glob

    paths: list[Path] = []
    for item in given:
        found = sorted(glob.glob(item)) if glob.has_magic(item) and not Path(item).exists() else [item]
        if not found:
            raise RecordingError(f"{item} matches no file or folder: check the pattern")
        paths += [Path(one) for one in found]
    return list(dict.fromkeys(paths))


def folder_names(paths: list[Path]) -> list[str]:
    """A folder name for each recording: its own name, with a piece of a hash where two have the same."""
    import hashlib

    stems = [path.resolve().name.removesuffix(path.suffix) or "recording" for path in paths]
    return [
        stem if stems.count(stem) == 1 else f"{stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        for stem, path in zip(stems, paths, strict=True)
    ]


def _settings(args: argparse.Namespace) -> LabelSettings:
    from mllm_for3d_ros.lifting.label_recording import LabelSettings
    from mllm_for3d_ros.lifting.settings import LiftSettings

    return LabelSettings(args.voxel_size, args.max_depth, lifting=LiftSettings(views=args.views))


def _label(
    path: Path,
    folder: Path,
    instructions: tuple[str, ...],
    teacher: CachedTeacher,
    settings: LabelSettings,
    bar: _Bar,
) -> SceneRun:
    from mllm_for3d_ros.lifting.label_recording import label_recording
    from mllm_for3d_ros.recording.reader import open_recording

    return label_recording(open_recording(path), instructions, teacher, folder, settings, bar.stage)


class _Bar:
    """One progress bar: frames while mapping, then the teacher's views with their rate and the time left."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm(disable=None, leave=False, unit="view")
        self._name, self._views = "", 0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._tqdm.close()

    def begin(self, name: str, views: int) -> None:
        """The next recording, of which at most so many views will be asked for an instruction."""
        self._name, self._views = name, views

    def stage(self, stage: str, done: int, total: int) -> None:
        """Frames while mapping; while labelling the bar moves with ``answered``."""
        if stage == "mapping":
            if done == 1:
                self._restart(f"{self._name}: mapping", total, "frame")
            self._tqdm.update(1)
        elif done == 0:
            self._restart(f"{self._name}: asking", self._views * total, "view")

    def answered(self, views: int) -> None:
        """``views`` more have been answered."""
        self._tqdm.update(views)

    def _restart(self, text: str, total: int, unit: str) -> None:
        self._tqdm.unit = unit
        self._tqdm.set_description_str(text, refresh=False)
        self._tqdm.reset(total)


def _summary(scenes: list[SceneRun], failed: dict[str, str], teacher: CachedTeacher, seconds: float) -> dict[str, Any]:
    return {
        "teacher": str(teacher.fingerprint),
        "teacher_calls": teacher.teacher_calls,
        "cache_hits": teacher.cache_hits,
        "seconds": round(seconds, 3),
        "scenes": [{**asdict(scene), "store": str(scene.store)} for scene in scenes],
        "failed": failed,
    }


def _table(scenes: list[SceneRun]) -> str:
    rows = [
        [Path(s.source).name, f"{s.frames:,}", f"{s.voxels:,}", str(len(s.written)), str(len(s.kept)),
         f"{sum(s.seconds.values()):.1f}"]
        for s in scenes
    ]  # fmt: skip
    return table(["recording", "frames", "voxels", "labelled", "kept", "seconds"], rows)
