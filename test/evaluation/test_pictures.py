"""Pictures show the map from inside, and the mask in a colour of its own."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from student_support import box_cloud

from mllm_for3d_ros.evaluation.pictures import HEIGHT, WIDTH, box_corners, render_grid, render_map
from mllm_for3d_ros.evaluation.splat import fit_view, look_at, subset, tidied, visible
from mllm_for3d_ros.types import Instance, SceneCloud

CLOUD = box_cloud(((-0.9, -0.9, 0.0), "blue"), ((0.4, 0.4, 0.0), "green"))


def room_cloud(size: float = 2.0, voxel: float = 0.1) -> SceneCloud:
    """An empty room seen from inside: floor, ceiling and four walls whose normals point inwards."""
    side = np.arange(-size / 2, size / 2, voxel) + voxel / 2
    a, b = (grid.ravel() for grid in np.meshgrid(side, side))
    points, normals = [], []
    for axis in range(3):
        for sign in (-1, 1):
            face = np.empty((len(a), 3))
            face[:, axis], face[:, (axis + 1) % 3], face[:, (axis + 2) % 3] = sign * size / 2, a, b
            points.append(face)
            normals.append(np.tile(-sign * np.eye(3)[axis], (len(a), 1)))
    n = 6 * len(a)
    return SceneCloud(
        np.concatenate(points).astype(np.float32),
        np.full((n, 3), 150, np.uint8),
        np.concatenate(normals).astype(np.float32),
        np.ones(n, np.float32),
        np.zeros(n, np.int64),
        voxel,
    )


def orange(path: Path) -> int:
    pixels = np.asarray(Image.open(path)).astype(int)
    return int(((pixels[..., 0] > 150) & (pixels[..., 1] < 110) & (pixels[..., 2] < 60)).sum())


def test_the_mask_is_highlighted_and_boxes_are_drawn(tmp_path: Path) -> None:
    mask = (CLOUD.colors == (0, 200, 0)).all(1)
    box = Instance(np.flatnonzero(mask), np.array([0.6, 0.6, 0.2]), 0.0, np.full(3, 0.4), 0.8)
    render_map(CLOUD, tmp_path / "plain.png")
    render_map(CLOUD, tmp_path / "a" / "masked.png", mask, "a green thing", [box], "found")
    render_map(CLOUD, tmp_path / "unboxed.png", mask, "a green thing")
    assert Image.open(tmp_path / "a" / "masked.png").size == (WIDTH, HEIGHT)
    assert orange(tmp_path / "plain.png") == 0 and orange(tmp_path / "unboxed.png") > 2000
    boxed, unboxed = (np.asarray(Image.open(tmp_path / name)) for name in ("a/masked.png", "unboxed.png"))
    assert (boxed[60:, :820] != unboxed[60:, :820]).any()


def test_any_map_and_text_can_be_drawn(tmp_path: Path) -> None:
    render_map(subset(CLOUD, np.zeros(len(CLOUD), bool)), tmp_path / "empty.png", title="nothing yet")
    render_map(subset(CLOUD, np.arange(1)), tmp_path / "one.png", np.ones(1, bool), title="x" * 900)
    with pytest.raises(ValueError, match="mask must have"):
        render_map(CLOUD, tmp_path / "wrong.png", np.zeros(3, bool))


@pytest.mark.parametrize("azimuth", [0.3, 1.9, 4.0])
def test_one_looks_into_the_room(azimuth: float) -> None:
    room = room_cloud()
    shown = visible(room, fit_view(room.points, azimuth, math.radians(45), (300, 300)))
    inward = room.normals
    towards = np.array([math.cos(azimuth), math.sin(azimuth), 1.0])
    assert shown[inward[:, 2] == 1].mean() > 0.95, "the floor is seen"
    assert not shown[inward[:, 2] == -1].any(), "the ceiling is cut away"
    near = inward[:, :2] @ towards[:2] < -0.5
    assert not shown[near].any(), "walls in front are cut away"


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 6.3), st.floats(0.2, math.pi / 2), st.integers(0, 1000))
def test_a_fitted_view_holds_the_cloud(azimuth: float, elevation: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(500, 3)) * [3, 1, 0.5] + [5, -2, 1]
    view = fit_view(points, azimuth, elevation, (400, 300))
    pixels, depth = view.project(points)
    inside = ((pixels >= 0) & (pixels < [400, 300])).all(1)
    assert inside.mean() > 0.95 and (depth > 0).all()
    assert (np.ptp(pixels[inside], axis=0) / [400, 300]).max() > 0.7


def test_axes_of_a_view() -> None:
    view = look_at(np.zeros(3), 0.0, math.pi / 2, 5.0, 100.0, (200, 200))
    pixels, depth = view.project(np.array([[0.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]]))
    assert np.allclose(pixels[:3], [[100, 100], [120, 100], [100, 80]]) and np.allclose(depth[:2], 5) and depth[3] < 5


def test_what_is_in_front_hides_what_is_behind() -> None:
    view = look_at(np.zeros(3), 0.0, math.pi / 2, 6.0, 300.0, (200, 200))
    shown = visible(CLOUD, view)
    red_top = CLOUD.points[:, 2] > 0.35
    below = (CLOUD.points[:, 2] < 0.1) & (CLOUD.points[:, 2] > 0) & (np.abs(CLOUD.points[:, :2] + 0.7) < 0.1).all(1)
    assert shown[red_top].all() and below.any() and not shown[below].any()


def test_noise_in_normals_is_calmed_and_strays_are_dropped() -> None:
    room = room_cloud(voxel=0.05)
    rng = np.random.default_rng(0)
    flipped = rng.random(len(room)) < 0.1
    normals = np.where(flipped[:, None], -room.normals, room.normals)
    stray = np.array([[0.0, 0.0, 0.0]], np.float32)
    noisy = SceneCloud(
        np.concatenate([room.points, stray]),
        np.concatenate([room.colors, room.colors[:1]]),
        np.concatenate([normals, stray]).astype(np.float32),
        np.concatenate([room.weights, np.array([0.01], np.float32)]),
        np.zeros(len(room) + 1, np.int64),
        0.05,
    )
    calm, kept = tidied(noisy)
    right = (calm.normals[:-1] * room.normals).sum(1) > 0.3
    assert right[flipped].mean() > 0.9 and right[~flipped].mean() > 0.98
    assert kept[:-1].all() and not kept[-1]


def test_box_corners_follow_the_yaw() -> None:
    box = Instance(np.zeros(0, np.int64), np.array([1.0, 2.0, 3.0]), math.pi / 2, np.array([4.0, 2.0, 1.0]), 1.0)
    corners = box_corners(box)
    assert np.allclose(corners.min(0), [0, 0, 2.5]) and np.allclose(corners.max(0), [2, 4, 3.5])


def test_a_contact_sheet_holds_every_picture(tmp_path: Path) -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for path, color in zip(paths, colors, strict=True):
        Image.new("RGB", (200, 100), color).save(path)
    render_grid(paths, tmp_path / "sheet.png", columns=3, width=100, title="all of them")
    sheet = Image.open(tmp_path / "sheet.png")
    found = {color for _, color in sheet.getcolors(100_000)}
    assert set(colors) <= found and sheet.size[0] == 3 * 108 + 8
    with pytest.raises(ValueError, match="at least one"):
        render_grid([], tmp_path / "none.png")
