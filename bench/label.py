"""What does labelling cost beside the teacher, and how much memory does a long recording take?

    python -m bench.label [--quick] [--recording PATH] [--minutes 30]

``ms_per_frame`` is wall time of everything but the teacher (and the report) over the frames of the recording, as an
MCAP bag with 5 instructions and the compact teacher; ``cpu_ms_per_frame`` the same in processor time, which leaves
out the waiting for other processes; ``second_run_s`` and ``second_run_calls`` are of the same run again.
``peak_rss_mb`` is that of a process of its own that labels the recording in a loop of so many minutes, each loop
moved by 10 m, so that the map grows; ``short_peak_rss_mb`` the same over a tenth of the time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.report import report
from mllm_for3d_ros.labeling.label_recording import label_recording
from mllm_for3d_ros.labeling.runner import label_recordings
from mllm_for3d_ros.labeling.settings import Asked, LabelJob
from mllm_for3d_ros.labeling.summary import RunSummary
from mllm_for3d_ros.recording.bag_writer import write_bag
from mllm_for3d_ros.recording.reader import Recording, open_recording
from mllm_for3d_ros.teachers.base import Fingerprint, Teacher
from mllm_for3d_ros.teachers.cache import AnswerCache, CachedTeacher
from mllm_for3d_ros.teachers.registry import load_teacher
from mllm_for3d_ros.types import Frame, ViewAnswer

SHARED = Path(os.environ.get("MLLM_FOR3D_SHARED", Path(__file__).parents[2] / "shared"))
REDKITCHEN = SHARED / "data" / "redkitchen"
INSTRUCTIONS = ("the sink", "somewhere to sit", "a bottle to drink from", "the microwave", "a bed")
STEP_M = 10.0
QUICK_MINUTES = 3.0


class TimedTeacher:
    """The compact teacher, with the processor time that it took."""

    def __init__(self) -> None:
        start = time.process_time()
        self._teacher: Teacher = load_teacher("compact")
        self.cpu_s = time.process_time() - start

    @property
    def token_dim(self) -> int:
        """See Teacher."""
        return self._teacher.token_dim

    @property
    def fingerprint(self) -> Fingerprint:
        """See Teacher."""
        return self._teacher.fingerprint

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See Teacher."""
        start = time.process_time()
        answers = self._teacher.answer(frames, instruction)
        self.cpu_s += time.process_time() - start
        return answers


class Looped:
    """A recording over and over, each time moved by 10 m along x; follows ``Recording``."""

    skipped: Mapping[str, int] = {}

    def __init__(self, recording: Recording, minutes: float) -> None:
        self.source = recording.source
        self._recording = recording
        stamps = [frame.stamp_ns for frame in recording]
        self._length_ns = (stamps[-1] - stamps[0]) * len(stamps) // max(len(stamps) - 1, 1)
        self._loops = max(1, round(minutes * 60e9 / self._length_ns))

    def __len__(self) -> int:
        return self._loops * len(self._recording)

    def __iter__(self) -> Iterator[Frame]:
        for loop in range(self._loops):
            shift = np.eye(4)
            shift[0, 3] = STEP_M * loop
            for frame in self._recording:
                pose = shift @ frame.camera_to_world
                yield replace(frame, stamp_ns=frame.stamp_ns + loop * self._length_ns, camera_to_world=pose)


def measure_speed(path: Path) -> dict[str, float]:
    """Milliseconds a frame of a first run, and what a second one takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_bag(open_recording(path), folder / "bag")
        label(folder, folder / "warm")  # kernels are compiled, files of the system are read
        teacher = TimedTeacher()
        start = time.process_time()
        loaded = teacher.cpu_s
        first = label(folder, folder / "first", teacher)
        own = time.process_time() - start - (teacher.cpu_s - loaded)
        start_s = time.perf_counter()
        second = label(folder, folder / "first", teacher)
        return {
            "ms_per_frame": first.ms_per_frame or 0.0,
            "cpu_ms_per_frame": own * 1e3 / first.frames,
            "mapping_ms_per_frame": first.stages["mapping"] * 1e3 / first.frames,
            "lifting_ms_per_frame": first.stages["lifting"] * 1e3 / first.frames,
            "teacher_s": first.stages["teacher"],
            "teacher_calls": float(first.teacher_calls),
            "second_run_s": time.perf_counter() - start_s,
            "second_run_calls": float(second.teacher_calls),
        }


def label(folder: Path, to: Path, teacher: TimedTeacher | None = None) -> RunSummary:
    """Label the bag in ``folder`` into ``to``."""
    chosen = teacher or TimedTeacher()
    job = LabelJob((folder / "bag",), tuple(Asked(text) for text in INSTRUCTIONS), to / "out", report=False)
    with AnswerCache(to / "cache") as cache:
        return label_recordings(
            job, lambda answered: CachedTeacher(chosen.fingerprint, lambda: chosen, cache, answered)
        )


def peak_rss_mb(path: Path, minutes: float, instructions: int) -> float:
    """Of this process, which labels ``path`` in a loop."""
    recording = open_recording(path)
    teacher = load_teacher("compact")
    asked = [Asked(text) for text in INSTRUCTIONS[:instructions]]
    with tempfile.TemporaryDirectory() as name, AnswerCache(Path(name) / "cache") as cache:
        cached = CachedTeacher(teacher.fingerprint, lambda: teacher, cache)
        label_recording(path, lambda: Looped(recording, minutes), asked, cached, Path(name) / "out")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_memory(path: Path, minutes: float, instructions: int) -> float:
    """``peak_rss_mb`` of a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peak_rss_mb, (path, minutes, instructions))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_MINUTES:g} minutes in place of 30")
    parser.add_argument("--recording", type=Path, default=REDKITCHEN, help="any recording")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the loop")
    parser.add_argument("--instructions", type=int, default=len(INSTRUCTIONS), help="asked of the loop, at most 5")
    parser.add_argument("--only", choices=("speed", "memory"), help="one half of the benchmark")
    args = parser.parse_args()
    minutes = QUICK_MINUTES if args.quick else args.minutes
    results: dict[str, float] = {}
    if args.only != "memory":
        results |= measure_speed(args.recording)
    if args.only != "speed":
        results["minutes"] = minutes
        results["short_peak_rss_mb"] = measure_memory(args.recording, minutes / 10, args.instructions)
        results["peak_rss_mb"] = measure_memory(args.recording, minutes, args.instructions)
    report("label", results)


if __name__ == "__main__":
    main()
