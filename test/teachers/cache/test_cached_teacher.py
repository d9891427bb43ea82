"""A teacher behind the cache is asked once for every (view, instruction)."""

import subprocess
import sys
from pathlib import Path

import pytest
from cache_support import FINGERPRINT, CountingTeacher, assert_same, frame

from mllm_for3d_ros.errors import InstructionError, TeacherError
from mllm_for3d_ros.teachers.cache import AnswerCache, CachedTeacher
from mllm_for3d_ros.teachers.cache.cached_teacher import VIEWS_PER_COMMIT


def no_load() -> CountingTeacher:
    raise AssertionError("the teacher was loaded")


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "cache")


def test_the_second_run_asks_nothing_and_says_the_same(cache: AnswerCache) -> None:
    frames = [frame(seed) for seed in range(20)]
    teacher = CountingTeacher()
    first = CachedTeacher(FINGERPRINT, lambda: teacher, cache)
    given = {text: first.answer(frames, text) for text in ("the sofa", "a lamp")}
    assert (first.teacher_calls, first.cache_hits, len(teacher.asked)) == (40, 0, 40)
    second = CachedTeacher(FINGERPRINT, no_load, AnswerCache(cache.folder))
    for text, answers in given.items():
        for one, other in zip(second.answer(frames, f"  {text}\n"), answers, strict=True):
            assert_same(one, other)
    assert (second.teacher_calls, second.cache_hits, second.token_dim) == (0, 40, 5)


def test_only_what_is_missing_is_sent(cache: AnswerCache) -> None:
    teacher = CountingTeacher()
    cached = CachedTeacher(FINGERPRINT, lambda: teacher, cache)
    cached.answer([frame(1)], "x1")
    cached.answer([frame(0), frame(1), frame(2)], "x1")
    assert [total for total, _ in teacher.asked] == [int(frame(seed).color.sum()) for seed in (1, 0, 2)]
    assert (cached.teacher_calls, cached.cache_hits) == (3, 1)


def test_an_image_that_comes_twice_is_asked_once(cache: AnswerCache) -> None:
    cached = CachedTeacher(FINGERPRINT, CountingTeacher, cache)
    answers = cached.answer([frame(1), frame(2), frame(1)], "x1")
    assert_same(answers[0], answers[2])
    assert (cached.teacher_calls, cached.cache_hits) == (2, 1)
    assert cached.answer([], "x1") == []


class FailingTeacher(CountingTeacher):
    """Runs out of memory after two batches."""

    def answer(self, frames, instruction):
        if len(self.asked) >= 2 * VIEWS_PER_COMMIT:
            raise TeacherError("out of memory: take a smaller --batch-size")
        return super().answer(frames, instruction)


def test_a_teacher_that_fails_leaves_what_it_answered_and_no_more(cache: AnswerCache) -> None:
    frames = [frame(seed) for seed in range(3 * VIEWS_PER_COMMIT)]
    with pytest.raises(TeacherError, match="out of memory"):
        CachedTeacher(FINGERPRINT, FailingTeacher, cache).answer(frames, "x1")
    later = CachedTeacher(FINGERPRINT, CountingTeacher, cache)
    later.answer(frames, "x1")
    assert (later.teacher_calls, later.cache_hits) == (VIEWS_PER_COMMIT, 2 * VIEWS_PER_COMMIT)


def test_lots_of_a_given_size(cache: AnswerCache) -> None:
    seen: list[int] = []
    cached = CachedTeacher(FINGERPRINT, CountingTeacher, cache, seen.append, views_per_commit=3)
    cached.answer([frame(seed) for seed in range(7)], "x1")
    assert seen == [0, 3, 3, 1]


def test_an_unknown_token_length_loads_the_teacher(cache: AnswerCache) -> None:
    assert CachedTeacher(FINGERPRINT, CountingTeacher, cache).token_dim == 5
    assert CachedTeacher(FINGERPRINT, no_load, cache).token_dim == 5


def test_progress_counts_every_view_once(cache: AnswerCache) -> None:
    seen: list[int] = []
    cached = CachedTeacher(FINGERPRINT, CountingTeacher, cache, progress=seen.append)
    cached.answer([frame(seed) for seed in range(5)], "x1")
    cached.answer([frame(seed) for seed in range(3, 8)], "x1")
    assert sum(seen) == 10


def test_an_empty_instruction_is_refused(cache: AnswerCache) -> None:
    with pytest.raises(InstructionError):
        CachedTeacher(FINGERPRINT, no_load, cache).answer([frame(1)], " ")


def test_a_cached_run_imports_no_model_library(cache: AnswerCache) -> None:
    CachedTeacher(FINGERPRINT, CountingTeacher, cache).answer([frame(1), frame(2)], "the sofa")
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2] / "support")!r})
from pathlib import Path
from cache_support import FINGERPRINT, frame
from mllm_for3d_ros.teachers.cache import AnswerCache, CachedTeacher
teacher = CachedTeacher(FINGERPRINT, None, AnswerCache(Path({str(cache.folder)!r})))
answers = teacher.answer([frame(1), frame(2)], "the sofa")
print(teacher.teacher_calls, len(answers), [m for m in ("torch", "transformers", "scipy", "numba") if m in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0 2 []"
