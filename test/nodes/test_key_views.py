from dataclasses import replace

import numpy as np
import pytest
from color_teacher import red_patch_frame

from mllm_for3d_ros.nodes.key_views import KeyViews
from mllm_for3d_ros.types import Frame, Instance


def box(x: float, size: tuple[float, float, float] = (1.0, 1.0, 1.0), yaw: float = 0.0, y: float = 0.0) -> Instance:
    return Instance(np.zeros(1, np.int64), np.array([x, y, 1.0]), yaw, np.array(size), 0.9)


def test_views_are_kept_as_the_camera_moves_and_no_more_than_asked_for() -> None:
    views = KeyViews(4)
    for _ in range(3):
        views.add(red_patch_frame(1))
    assert len(views.frames) == 1
    for n in range(20):
        views.add(red_patch_frame(n, 0.2 * n))
    assert 2 <= len(views.frames) <= 4
    views.clear()
    assert views.frames == []


def stamps(views: KeyViews) -> list[int]:
    return [frame.stamp_ns for frame in views.frames]


def test_the_newest_view_of_a_place_is_kept_and_the_path_is_too() -> None:
    views = KeyViews(64)
    for n in range(5):
        views.add(red_patch_frame(n))
    assert stamps(views) == [4], "what a camera that stands still sees now"
    for n in range(40):
        views.add(red_patch_frame(100 + n, 0.05 * n))  # it creeps: each step is a small one
    assert 10 <= len(views.frames) <= 14 and stamps(views) == sorted(stamps(views)), "2 m, a view about every 0.15 m"
    views.add(red_patch_frame(999))
    assert stamps(views)[-1] == 999 and min(stamps(views)) > 102, "it came back to where it began"
    turned = red_patch_frame(1000)
    turned.camera_to_world[:3, :3] = turned.camera_to_world[:3, :3] @ np.diag([-1.0, 1.0, -1.0])
    views.add(turned)
    assert stamps(views)[-2:] == [999, 1000], "there, it looks the other way"


def test_however_many_places_there_are_the_newest_views_are_spread_over_them() -> None:
    views, rng = KeyViews(8), np.random.default_rng(0)
    for n in range(300):
        views.add(red_patch_frame(n, float(rng.uniform(0.0, 30.0))))
    x = np.sort([frame.camera_to_world[1, 3] for frame in views.frames])
    assert 4 <= len(x) <= 8 and np.ptp(x) > 15.0 and np.diff(x).max() < 15.0
    assert min(stamps(views)) > 200


def facing(depth: float) -> Frame:
    """A camera at the origin, 1 m up, that looks along x and sees a wall."""
    frame = red_patch_frame(1)
    return replace(frame, depth=np.full_like(frame.depth, depth))


def test_what_of_a_box_is_seen_is_its_share_of_the_surface() -> None:
    views = KeyViews(8)
    assert views.observed_fraction(box(4.0)) == 0.0
    views.add(facing(3.5))  # a wall where the near face of the box is
    assert views.observed_fraction(box(4.0)) == pytest.approx(1 / 6, abs=0.01)
    assert views.observed_fraction(box(4.0, (1.0, 2.0, 0.5))) == pytest.approx(1.0 / 7.0, abs=0.02)
    assert views.observed_fraction(box(-4.0)) == 0.0, "it lies behind the camera"
    assert views.observed_fraction(box(8.0)) == 0.0, "the wall hides it"
    assert views.observed_fraction(box(4.0, y=50.0)) == 0.0, "it lies beside the image"
    assert views.observed_fraction(box(2.0, (0.5, 0.5, 0.5))) == 1.0, "nothing hides it: the camera sees through"


def test_pixels_without_depth_show_nothing() -> None:
    views = KeyViews(8)
    views.add(facing(0.0))
    assert views.observed_fraction(box(2.0)) == 0.0
