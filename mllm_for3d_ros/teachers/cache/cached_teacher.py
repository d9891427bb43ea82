"""A teacher behind the answer cache: asked only what the cache does not know, loaded only if need be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mllm_for3d_ros.errors import CacheError, TeacherError
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.teachers.base import Fingerprint, Teacher
from mllm_for3d_ros.teachers.image_memo import view_key
from mllm_for3d_ros.teachers.proposing import Proposer
from mllm_for3d_ros.types import Frame, ViewAnswer

VIEWS_PER_COMMIT = 16
"""What a killed run loses at most."""


class Answers(Protocol):
    """Stored answers; see ``AnswerCache``, and for those of another process ``labeling.cluster_actors``."""

    folder: Path

    def get(self, fingerprint: Fingerprint, instruction: str, images: Sequence[bytes]) -> dict[bytes, ViewAnswer]:
        """See AnswerCache."""
        ...

    def put(self, fingerprint: Fingerprint, instruction: str, answers: Mapping[bytes, ViewAnswer]) -> None:
        """See AnswerCache."""
        ...

    def token_dim(self, fingerprint: Fingerprint) -> int | None:
        """See AnswerCache."""
        ...

    def keep_token_dim(self, fingerprint: Fingerprint, token_dim: int) -> None:
        """See AnswerCache."""
        ...


class CachedTeacher:
    """Follows ``Teacher``. Answers come back in the form in which they are stored, so that the first run
    and every later one see the same (masks in a few levels, features rounded to float16).

    teacher_calls: views sent to the teacher so far. cache_hits: views answered without it, be it from the
    cache or because the same image came twice in one call. teacher_seconds: spent in the teacher, its loading
    included.
    """

    def __init__(
        self,
        fingerprint: Fingerprint,
        load: Callable[[], Teacher],
        cache: Answers,
        progress: Callable[[int], None] | None = None,
        views_per_commit: int = VIEWS_PER_COMMIT,
    ) -> None:
        """Wrap the teacher that ``load`` makes, at the first view that is not in ``cache``.

        Args:
            fingerprint: under which the answers are stored; known without loading.
            load: makes the teacher.
            cache: where the answers are.
            progress: called with the number of views just answered, for a progress bar.
            views_per_commit: views sent to the teacher before their answers are stored.
        """
        self.fingerprint = fingerprint
        self.teacher_calls = 0
        self.cache_hits = 0
        self.teacher_seconds = 0.0
        self._load, self._cache, self._progress = load, cache, progress or (lambda views: None)
        self._views_per_commit = max(views_per_commit, 1)
        self._teacher: Teacher | None = None

    @property
    def token_dim(self) -> int:
        """Length D of the tokens; the teacher is loaded to know it only if the cache does not."""
        known = self._cache.token_dim(self.fingerprint)
        return self._loaded().token_dim if known is None else known

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``; answers got before an error are kept.

        Raises:
            CacheError: the cache cannot be read or written.
        """
        text = clean_instruction(instruction)
        keys = [view_key(frame, self.fingerprint.geometry) for frame in frames]
        frame_of = dict(zip(keys, frames, strict=True))
        answers = self._cache.get(self.fingerprint, text, list(frame_of))
        missing = [key for key in frame_of if key not in answers]
        self.cache_hits += len(frames) - len(missing)
        self._progress(len(frames) - len(missing))
        for start in range(0, len(missing), self._views_per_commit):
            chunk = missing[start : start + self._views_per_commit]
            answers |= self._ask({key: frame_of[key] for key in chunk}, text)
            self._progress(len(chunk))
        return [answers[key] for key in keys]

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """See ``Proposer.propose``; not cached.

        Raises:
            TeacherError: the teacher cannot propose instructions.
        """
        teacher = self._loaded()
        if not isinstance(teacher, Proposer):
            raise TeacherError(f"{self.fingerprint.name} cannot propose instructions; write them to a file")
        with self._timed():
            proposed = teacher.propose(images, count)
        self.teacher_calls += len(images)
        return proposed

    def _ask(self, views: dict[bytes, Frame], instruction: str) -> dict[bytes, ViewAnswer]:
        """Send ``views`` to the teacher and store what it says; returns the stored form."""
        with self._timed():
            given = self._loaded().answer(list(views.values()), instruction)
        self.teacher_calls += len(views)
        self._cache.put(self.fingerprint, instruction, dict(zip(views, given, strict=True)))
        stored = self._cache.get(self.fingerprint, instruction, list(views))
        if len(stored) < len(views):
            raise CacheError(f"{self._cache.folder} was pruned while answers were being stored; run again")
        return stored

    def _loaded(self) -> Teacher:
        """The teacher, made at the first call."""
        if self._teacher is None:
            self._teacher = self._load()
            self._cache.keep_token_dim(self.fingerprint, self._teacher.token_dim)
        return self._teacher

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Adds to ``teacher_seconds``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.teacher_seconds += time.perf_counter() - start


@dataclass(frozen=True)
class TeacherSource:
    """How to get a teacher; can be sent to other processes.

    fingerprint: of its answers. load: makes it. views_per_commit: see ``CachedTeacher``.
    """

    fingerprint: Fingerprint
    load: Callable[[], Teacher]
    views_per_commit: int = VIEWS_PER_COMMIT

    def cached(self, cache: Answers, progress: Callable[[int], None] | None = None) -> CachedTeacher:
        """The teacher behind ``cache``; see ``CachedTeacher``."""
        return CachedTeacher(self.fingerprint, self.load, cache, progress, self.views_per_commit)
