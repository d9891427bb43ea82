"""Which views are asked."""

import numpy as np
import pytest
from wall_scene import CAMERA, DISTANCE, Wall, iou, nothing

from mllm_for3d_ros.lifting.label_scene import ABSENT_COVERAGE, FIRST, ROUND, SURE, SceneLabeller, label_scene
from mllm_for3d_ros.lifting.lift_scene import prepare_scene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.lifting.view_choice import ViewQuality, evidence, sharpness
from mllm_for3d_ros.types import Frame

PATCHES = {"target": (2.0, 0.21, (200, 40, 40))}


def quality(wall: Wall, frames: list[Frame]) -> ViewQuality:
    points = wall.points()
    normals = np.tile(np.array([[0, 0, -1]], np.float32), (len(points), 1))
    return ViewQuality(prepare_scene(points, normals, wall.colors(points), frames), frames)


def test_views_are_chosen_that_cover_the_map():
    wall = Wall(PATCHES, (0.0, 0.05, 0.1, 2.0, -0.05, -2.0))
    chosen = quality(wall, wall.frames()).choose(3)
    assert {wall.cameras[i] for i in chosen[:3]} >= {2.0, -2.0} and len({*chosen}) == 3


def test_what_was_asked_counts_as_seen():
    wall = Wall(PATCHES, (0.0, 0.05, 2.0))
    views = quality(wall, wall.frames())
    assert views.choose(1, asked=[2, 0]) == [1] and views.choose(5, asked=[0])[0] == 2
    assert views.choose(2, among=[0, 1]) != [2] and set(views.choose(9, among=[0, 1])) == {0, 1}


def tilted(wall: Wall, angle: float, back: float = 0.0) -> Frame:
    """A view of the middle of the wall from the side, by ray casting, ``back`` m farther away."""
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = np.array([0, 0, DISTANCE]) - (DISTANCE + back) * pose[:3, 2]
    v, u = np.mgrid[:48, :64]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], -1)
    forward = (rays @ pose[:3, :3].T)[..., 2]
    depth = np.where(forward > 0.05, (DISTANCE - pose[2, 3]) / np.maximum(forward, 0.05), 0)
    return Frame(0, np.zeros((48, 64, 3), np.uint8), depth.astype(np.float32), CAMERA, pose)


def test_steep_and_near_views_show_better():
    wall = Wall(PATCHES, ())
    frames = [tilted(wall, 0.0), tilted(wall, 1.1), tilted(wall, 0.0, back=4.0)]
    views = quality(wall, frames)
    middle = np.linalg.norm(wall.points()[views.rows, :2], axis=1) < 0.3
    straight, oblique, far = views.quality[:, middle].mean(axis=1)
    assert straight > 1.5 * oblique > 0 and straight > 1.5 * far > 0


def test_of_equal_views_the_blurred_one_comes_last():
    wall = Wall(PATCHES, (0.0, 0.0, 0.0))
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    images = [(noise // 8 + 112).astype(np.uint8), noise, noise]
    frames = [
        Frame(f.stamp_ns, image, f.depth, CAMERA, f.camera_to_world)
        for image, f in zip(images, wall.frames(), strict=True)
    ]
    assert sharpness(frames[1]) > 10 * sharpness(frames[0])
    assert quality(wall, frames).choose(3)[-1] == 0


def test_evidence_is_where_masks_lie_and_draws_views_there():
    wall = Wall(PATCHES, (-2.0, 0.0, 1.9, 2.1, 0.1, -1.9))
    scene, frames = wall.scene(), wall.frames()
    told = evidence(len(scene), scene.visibility[1:3], [nothing(), wall.takes(2, "target")])
    assert (told[wall.on("target", wall.points())] > 0).mean() > 0.8 and told[
        ~wall.on("target", wall.points())
    ].mean() < 0.01
    views = ViewQuality(scene, frames)
    assert set(views.choose(2, views.importance(told))) == {2, 3}
    assert (views.importance(np.zeros(len(scene))) > 0).all()


class Honest:
    """A teacher that takes the target where it sees it, and counts what it is asked."""

    token_dim = 3
    fingerprint = "honest"

    def __init__(self, wall: Wall) -> None:
        self.wall, self.asked = wall, []

    def answer(self, frames, instruction):
        self.asked += [frame.stamp_ns for frame in frames]
        return [
            self.wall.takes(f.stamp_ns, "target") if self.wall.mask(f.stamp_ns, "target").sum() > 9 else nothing()
            for f in frames
        ]


CAMERAS = (*np.linspace(-2.0, 0.8, 14), 2.0, 2.2)


def labelled(settings: LiftSettings, scout: bool = False):
    wall = Wall(PATCHES, CAMERAS)
    teacher, cheap = Honest(wall), Honest(wall)
    (result,) = label_scene(wall.scene(), wall.frames(), teacher, ["x"], settings, cheap if scout else None)
    return wall, result, teacher, cheap


def test_view_choice_finds_the_views_that_show_the_target():
    wall, result, teacher, _ = labelled(LiftSettings(views=4))
    assert len(teacher.asked) == 4 and {14, 15} <= set(result.views) and result.scouted == 0
    assert iou(result.label.probability, wall.on("target", wall.points())) > 0.95


def test_without_view_choice_views_are_drawn():
    _, result, teacher, _ = labelled(LiftSettings(views=4, view_choice=False))
    assert len(teacher.asked) == 4 and not {14, 15} <= set(result.views)
    again = labelled(LiftSettings(views=4, view_choice=False))[1]
    assert again.views == result.views


def test_a_scout_looks_first_and_the_teacher_is_asked_about_the_best_views():
    _, result, teacher, cheap = labelled(LiftSettings(views=2, candidates=8), scout=True)
    assert len(cheap.asked) == 8 == result.scouted and sorted(teacher.asked) == [14, 15] == sorted(result.views)
    assert len(result.answers) == 2 and result.label.view_weights.shape == (2,)


def test_few_frames_are_all_asked():
    _, result, teacher, cheap = labelled(LiftSettings(views=40), scout=True)
    assert teacher.asked == list(range(16)) == list(result.views) and not cheap.asked


def test_frames_must_be_those_of_the_scene():
    wall = Wall(PATCHES, CAMERAS)
    with pytest.raises(ValueError, match="frames of the scene"):
        SceneLabeller(wall.scene(), wall.frames()[1:], Honest(wall), LiftSettings(views=2))
    with pytest.raises(ValueError, match="at least 1"):
        LiftSettings(views=0)


def test_rounds_end_when_the_answer_is_settled():
    cameras = (*np.linspace(-2.0, 0.8, 30), *np.linspace(1.4, 2.4, 30))
    wall = Wall(PATCHES, cameras)
    teacher = Honest(wall)
    (result,) = label_scene(wall.scene(), wall.frames(), teacher, ["x"], LiftSettings())
    assert FIRST <= len(teacher.asked) < 40 and len(set(teacher.asked)) == len(teacher.asked)
    assert result.label.presence > 1 - SURE
    absent = Honest(Wall(dict(PATCHES, target=(9.0, 0.1, (9, 9, 9))), cameras))
    (result,) = label_scene(wall.scene(), wall.frames(), absent, ["x"], LiftSettings())
    assert result.label.presence == 0 and len(absent.asked) < 40
    views = ViewQuality(wall.scene(), wall.frames())
    assert views.coverage(absent.asked[:-ROUND]) < ABSENT_COVERAGE <= views.coverage(absent.asked)
    unsettled = Honest(wall)
    (result,) = label_scene(wall.scene(), wall.frames(), unsettled, ["x"], LiftSettings(consistency=False))
    assert len(unsettled.asked) == 40


def test_an_instruction_does_not_change_what_is_asked_for_the_next():
    wall = Wall(PATCHES, CAMERAS)
    for choice in (True, False):
        steps = LiftSettings(views=4, view_choice=choice)
        both = [one.views for one in label_scene(wall.scene(), wall.frames(), Honest(wall), ["x", "y"], steps)]
        (alone,) = label_scene(wall.scene(), wall.frames(), Honest(wall), ["y"], steps)
        assert both[1] == alone.views
