"""kill -9 at any moment: the next run goes on, asks no answered view again, and ends with the same store."""

import os
import random
import signal
import sys
from pathlib import Path

import pytest
from color_teacher import ColorTeacher
from label_support import TEXTS, files, label, wall_bag

from mllm_for3d_ros.types import Frame, ViewAnswer

SEED = 7
KILLS = 20


class NotedTeacher(ColorTeacher):
    """Notes every answer in a file, after giving it."""

    def __init__(self, notes: Path) -> None:
        super().__init__()
        self._notes = notes

    def answer(self, frames: list[Frame], instruction: str) -> list[ViewAnswer]:
        """See ColorTeacher."""
        answers = super().answer(frames, instruction)
        with self._notes.open("a") as file:
            file.writelines(f"{instruction} {frame.stamp_ns}\n" for frame in frames)
        return answers


def in_child(folder: Path, bag: Path, kill_at: int | None) -> tuple[int, int]:
    """Label in a process of its own, killed at its ``kill_at``th operation on a file; (wait status, operations)."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def hook(event: str, _: object) -> None:
            nonlocal count
            if event in ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect"):
                count += 1
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        status = 1
        try:
            label([bag], folder, teacher=NotedTeacher(folder / "asked.txt"))
            status = 0
        finally:
            os.write(write, str(count).encode())
            os._exit(status)
    _, status = os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        return status, int(pipe.read() or 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The bag, the files of a run that nothing disturbed, and how many operations it took."""
    folder = tmp_path_factory.mktemp("whole")
    bag = wall_bag(folder / "wall")
    label([bag], folder / "warm")  # kernels are compiled before the fork
    (folder / "run").mkdir()
    status, operations = in_child(folder / "run", bag, None)
    assert status == 0
    return bag, files(folder / "run" / "out"), operations


def test_a_run_killed_at_twenty_moments_ends_with_the_same_store(tmp_path, undisturbed):
    bag, whole, operations = undisturbed
    rng, killed = random.Random(SEED), 0
    for _ in range(KILLS):
        status, _ = in_child(tmp_path, bag, rng.randint(1, operations))
        killed += os.WIFSIGNALED(status)
    status, _ = in_child(tmp_path, bag, None)
    assert status == 0 and killed >= 2
    assert files(tmp_path / "out") == whole


@pytest.mark.parametrize("part", range(6))
def test_a_run_killed_once_ends_with_the_same_store(tmp_path, undisturbed, part):
    bag, whole, operations = undisturbed
    moment = random.Random(SEED + part).randint(1 + part * operations // 6, (part + 1) * operations // 6)
    status, _ = in_child(tmp_path, bag, moment)
    assert os.WIFSIGNALED(status)
    asked = (tmp_path / "asked.txt").read_text().splitlines() if (tmp_path / "asked.txt").exists() else []
    assert in_child(tmp_path, bag, None)[0] == 0
    assert files(tmp_path / "out") == whole
    # Only the views of the one call that was cut before its answers were stored are asked a second time.
    again = (tmp_path / "asked.txt").read_text().splitlines()
    twice = [line for line in again if again.count(line) > 1]
    assert len({line.rsplit(" ", 1)[0] for line in twice}) <= 1
    assert set(twice) <= set(asked)


def test_no_answered_view_is_asked_again_and_nothing_partial_is_left(tmp_path, undisturbed):
    bag, whole, _ = undisturbed
    teacher = ColorTeacher()
    label([bag], tmp_path, teacher=teacher)
    count = len(teacher.asked)
    again = label([bag], tmp_path, teacher=teacher)
    assert (again.teacher_calls, len(teacher.asked), again.frames) == (0, count, 0)
    assert set(files(tmp_path / "out")) == set(whole)
    assert len(again.scenes[0].stores) == 1 and again.scenes[0].kept == len(TEXTS)
