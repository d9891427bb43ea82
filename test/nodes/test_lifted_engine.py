"""Answers of a 2D teacher on key views, without ROS around it."""

import numpy as np
import pytest
from color_teacher import ColorTeacher, red_patch_frame

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.nodes.answers import NotReady
from mllm_for3d_ros.nodes.lifted_engine import LiftedEngine
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.scene.offline import fuse_frames
from mllm_for3d_ros.types import Frame, Status

FRAMES = [red_patch_frame(1 + n, 0.2 * n) for n in range(3)]


class Loading:
    """Loads the teacher, and counts how often."""

    def __init__(self) -> None:
        self.teacher, self.times = ColorTeacher(), 0

    def __call__(self) -> ColorTeacher:
        self.times += 1
        return self.teacher


@pytest.fixture(scope="module")
def wall() -> EncodedMap:
    return EncodedMap(None, fuse_frames(FRAMES), 3, 0.0)


def test_the_teacher_is_asked_about_the_views_and_its_answer_lifted(wall: EncodedMap) -> None:
    loading = Loading()
    engine = LiftedEngine("color", loading, lambda: FRAMES, 4)
    assert engine.fingerprint == "lifted:color" and not loading.times
    answerer, scene = engine.prepare(wall)
    mask = answerer.answer(scene, "the red patch")
    assert mask.status is Status.OK and loading.teacher.asked
    chosen = wall.cloud.points[mask.mask]
    assert np.abs(chosen[:, 1]).max() < 0.35 and np.abs(wall.cloud.points[:, 1]).max() > 0.9
    assert engine.fingerprint.startswith("lifted:") and "one" in engine.fingerprint


def test_scenes_are_prepared_anew_for_new_views_alone(wall: EncodedMap) -> None:
    views: list[Frame] = list(FRAMES[:2])
    loading = Loading()
    engine = LiftedEngine("color", loading, lambda: views, 4)
    first = engine.prepare(wall)
    assert engine.prepare(wall) == first
    views.append(FRAMES[2])
    assert engine.prepare(wall)[1] is not first[1] and loading.times == 1


def test_without_views_or_teacher_it_says_what_is_missing(wall: EncodedMap) -> None:
    with pytest.raises(NotReady, match="remap rgb/image_raw") as blind:
        LiftedEngine("color", Loading(), list, 4).prepare(wall)
    assert blind.value.code == "no_views"

    def fail() -> ColorTeacher:
        raise TeacherError("no weights: run mllm-for3d model fetch")

    with pytest.raises(NotReady, match="run mllm-for3d") as missing:
        LiftedEngine("color", fail, lambda: FRAMES, 4).prepare(wall)
    assert missing.value.code == "no_teacher"
