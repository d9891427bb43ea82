"""Labels of one scene: for every instruction views are chosen, the teacher asked, and its answers lifted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.lift import lift
from mllm_for3d_ros.lifting.lift_scene import LiftScene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.lifting.view_choice import ViewQuality, evidence
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Frame, PseudoLabel, ViewAnswer

FIRST = 12
"""Views of the first rounds, half by coverage and half by what those found."""
ROUND = 4
"""Further views asked at a time until the answer is settled."""
SURE = 0.03
"""An answer is settled if its presence is so near to 0 or 1."""
ABSENT_COVERAGE = 0.85
"""Nothing is settled to be absent before so much of what all views show has been looked at."""
_UNDECIDED = 0.25  # and if no larger share of the points above this probability is below one minus it


@dataclass(frozen=True)
class SceneLabel:
    """A lifted answer with where it comes from.

    views: frames that the teacher was asked about, in the order of ``label.view_weights``. answers: what it
    said. scouted: how many frames the cheap pass looked at.
    """

    label: PseudoLabel
    views: tuple[int, ...]
    answers: tuple[ViewAnswer, ...]
    scouted: int


class SceneLabeller:
    """Labels instructions over one scene."""

    def __init__(
        self,
        scene: LiftScene,
        frames: Sequence[Frame],
        teacher: Teacher,
        settings: LiftSettings | None = None,
        scout: Teacher | None = None,
        seed: int = 0,
    ) -> None:
        """A labeller.

        Args:
            scene: from ``prepare_scene`` with the same ``frames``.
            frames: all candidate views.
            teacher: who is asked.
            settings: steps of the lifting, and how many views.
            scout: a cheap teacher that looks at many views first, so that the best are asked; None lets the
                teacher itself begin with views that cover the map, and go on with those its answers call for.
            seed: of the views drawn without view choice.

        Raises:
            ValueError: the frames are not those of the scene.
        """
        self._scene, self._frames, self._teacher, self._scout = scene, list(frames), teacher, scout
        self._settings = settings or LiftSettings()
        self._seed = seed
        choosing = self._settings.view_choice and self._settings.views < len(self._frames)
        self._quality = ViewQuality(scene, self._frames) if choosing else None
        self._covering = self._quality.choose(self._settings.candidates) if self._quality else []

    def label(self, instruction: str) -> SceneLabel:
        """Choose views, ask, and lift.

        Raises:
            InstructionError: the instruction is empty or too long.
            TeacherError: a teacher cannot run.
        """
        if self._quality is None:
            return self._lifted(instruction, *self._ask(self._teacher, self._drawn(instruction), instruction))
        if self._scout is None:
            return self._label_in_rounds(instruction, self._quality)
        told = self._evidence(*self._ask(self._scout, self._covering, instruction))
        views = self._quality.choose(self._settings.views, self._quality.importance(told))
        return self._lifted(instruction, *self._ask(self._teacher, views, instruction))

    def _label_in_rounds(self, instruction: str, quality: ViewQuality) -> SceneLabel:
        """Begin with views that cover the map, go on with those that the answers call for."""
        most = self._settings.views
        views, answers = self._ask(self._teacher, self._covering[: (min(most, FIRST) + 1) // 2], instruction)
        while True:
            count = FIRST if len(views) < min(most, FIRST) else len(views) + ROUND
            told = quality.importance(self._evidence(views, answers))
            more = self._ask(self._teacher, quality.choose(min(count, most) - len(views), told, views), instruction)
            views, answers = views + more[0], answers + more[1]
            if len(views) >= most or not more[0]:
                return self._lifted(instruction, views, answers)
            if self._settings.consistency:
                result = self._lifted(instruction, views, answers)
                if settled(result.label, quality.coverage(views)):
                    return result

    def _lifted(self, instruction: str, views: Sequence[int], answers: Sequence[ViewAnswer]) -> SceneLabel:
        label = lift(self._scene, instruction, answers, self._settings, views)
        return SceneLabel(label, tuple(views), tuple(answers), len(self._covering) if self._scout else 0)

    def _drawn(self, instruction: str) -> list[int]:
        """All views if no more than those may be asked, else some drawn at random, the same ones each time."""
        count = min(self._settings.views, len(self._frames))
        rng = np.random.default_rng([self._seed, zlib.crc32(instruction.encode())])
        return sorted(rng.choice(len(self._frames), count, replace=False).tolist())

    def _ask(self, teacher: Teacher, views: Sequence[int], instruction: str) -> tuple[list[int], list[ViewAnswer]]:
        return list(views), teacher.answer([self._frames[i] for i in views], instruction) if len(views) else []

    def _evidence(self, views: Sequence[int], answers: Sequence[ViewAnswer]) -> np.ndarray:
        return evidence(len(self._scene), [self._scene.visibility[i] for i in views], answers)


def label_scene(
    scene: LiftScene,
    frames: Sequence[Frame],
    teacher: Teacher,
    instructions: Iterable[str],
    settings: LiftSettings | None = None,
    scout: Teacher | None = None,
) -> Iterator[SceneLabel]:
    """Labels of ``instructions``, one after the other; see ``SceneLabeller``."""
    labeller = SceneLabeller(scene, frames, teacher, settings, scout)
    for instruction in instructions:
        yield labeller.label(instruction)


def settled(label: PseudoLabel, coverage: float) -> bool:
    """Whether further views are unlikely to change the answer; ``coverage`` of the map by the views so far."""
    if label.presence <= SURE:
        return coverage >= ABSENT_COVERAGE
    possible = np.count_nonzero(label.probability > _UNDECIDED)
    open_ = possible - np.count_nonzero(label.probability >= 1 - _UNDECIDED)
    return label.presence >= 1 - SURE and bool(open_ < _UNDECIDED * possible)


def lift_features(scene: LiftScene, maps: Iterable[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """2D features lifted to the points.

    Args:
        scene: N points.
        maps: rows of ``scene.visibility``, each with features [D, h, w] of the whole view; one pair at a time is kept.

    Returns:
        [N, D] float32 mean over the views that see a point (D is 0 without maps), and [N] int32 how many do.
    """
    total, seen = np.zeros((len(scene), 0), np.float32), np.zeros(len(scene), np.int32)
    for index, feature_map in maps:
        if not total.shape[1]:
            total = np.zeros((len(scene), len(feature_map)), np.float32)
        view, (height, width) = scene.visibility[index], feature_map.shape[1:]
        cells = view.v * height // view.size[0] * width + view.u * width // view.size[1]
        total[view.indices] += feature_map.reshape(len(feature_map), -1).T.copy()[cells]
        seen[view.indices] += 1
    total /= np.maximum(seen, 1)[:, None]
    return total, seen
