"""A teacher by its name, behind the cache: what every kind of teacher must pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cache_support import assert_same

from mllm_for3d_ros.teachers import registry
from mllm_for3d_ros.teachers.cache import AnswerCache
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.types import Frame, Intrinsics, ViewAnswer


def frames_of(images: Sequence[np.ndarray]) -> list[Frame]:
    """Views with the colours of ``images``."""
    return [
        Frame(k, image, np.ones(image.shape[:2], np.float32), _camera(*image.shape[:2]), np.eye(4))
        for k, image in enumerate(images)
    ]


def ask_twice(
    name: str,
    options: TeacherOptions,
    images: Sequence[np.ndarray],
    instruction: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[ViewAnswer]:
    """Ask the teacher ``name`` about ``images``, then again with nothing to load; returns the answers."""
    frames = frames_of(images)
    with AnswerCache(folder) as cache:
        first = registry.cached_teacher(name, options, cache)
        answers = first.answer(frames, instruction)
        assert (first.teacher_calls, first.cache_hits) == (len(frames), 0)
        for frame, answer in zip(frames, answers, strict=True):
            assert answer.mask.shape == frame.depth.shape
            assert answer.token is None or answer.token.shape == (first.token_dim,)
        monkeypatch.setattr(registry, "load_teacher", lambda *_: pytest.fail("the teacher was loaded again"))
        second = registry.cached_teacher(name, options, cache)
        for one, other in zip(second.answer(frames, instruction), answers, strict=True):
            assert_same(one, other)
        assert (second.teacher_calls, second.cache_hits) == (0, len(frames))
    return answers


def _camera(height: int, width: int) -> Intrinsics:
    return Intrinsics(width, height, float(width), float(width), width / 2, height / 2)
