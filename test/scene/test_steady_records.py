import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_support import make_pose, wall_frame

from mllm_for3d_ros.scene.steady_records import COLOR, FULL_WEIGHT, NORMAL, POINT, WEIGHT, steady
from mllm_for3d_ros.scene.voxel_map import VoxelMap, voxel_keys
from mllm_for3d_ros.scene.voxel_rows import RECORD
from mllm_for3d_ros.types import Frame, Intrinsics

SIZE = 0.025
HELD = ("x", "y", "z", "rgb", "weight", "normal_x", "normal_y", "normal_z")


def record(rgb: tuple[int, int, int] = (100, 150, 200), **values: float) -> np.ndarray:
    one = np.zeros(1, RECORD)
    for axis, value in zip("xyz", (0.0125, 1.0125, -0.4875), strict=True):
        one[axis] = value
    one["rgb"].view(np.uint32)[:] = rgb[0] << 16 | rgb[1] << 8 | rgb[2]
    one["weight"], one["normal_z"], one["age"], one["epoch"] = 40.0, 1.0, 3.0, 7
    for name, value in values.items():
        one[name] = value
    return one


def noisy_frame(rng: np.random.Generator, stamp: int) -> Frame:
    depth = (1.0 + rng.normal(0, 0.003, (60, 80))).astype(np.float32)
    color = np.clip(rng.normal(120, 6, (60, 80, 3)), 0, 255).astype(np.uint8)
    return Frame(stamp, color, depth, Intrinsics(80, 60, 70.0, 70.0, 39.5, 29.5), np.eye(4))


@pytest.mark.parametrize(
    "change",
    [
        {"x": 0.0125 + 0.9 * POINT * SIZE},
        {"z": -0.4875 - 0.9 * POINT * SIZE},
        {"rgb": (100 + COLOR, 150 - COLOR, 200)},
        {"normal_x": 0.9 * NORMAL},
        {"weight": 60.0},
        {},
    ],
)
def test_what_changed_by_a_hair_is_said_again(change: dict[str, float]) -> None:
    before, new = record(), record(**change | {"age": 0.5})
    steady(new, before, SIZE)
    assert new["age"] == 0.5
    for name in HELD:
        assert new[name].view(np.uint32) == before[name].view(np.uint32), name


@pytest.mark.parametrize(
    "change",
    [
        {"x": 0.0125 + 1.1 * POINT * SIZE},
        {"rgb": (100, 150 + COLOR + 1, 200)},
        {"rgb": (100, 150, 200 - COLOR - 1)},
        {"normal_y": 1.1 * NORMAL},
    ],
)
def test_what_changed_noticeably_is_said(change: dict[str, float]) -> None:
    new, wanted = record(**change, weight=41.0), record(**change)  # type: ignore[arg-type]
    steady(new, record(), SIZE)
    assert new == wanted  # a new place is no reason for a new weight


def test_a_weight_is_renewed_for_itself() -> None:
    new = record(weight=21.0, x=0.0126)
    steady(new, record(weight=10.0), SIZE)
    assert new == record(weight=21.0)


def test_a_weight_is_full_at_some_point() -> None:
    new = record(weight=70.0)
    steady(new, record()[:0], SIZE)
    assert new == record(weight=FULL_WEIGHT)


def test_a_point_near_the_face_of_its_voxel_is_not_held_in_the_next_one() -> None:
    before, new = record(x=0.02499), record(x=0.02501)
    steady(new, before, SIZE)
    assert new == record(x=0.02501)


def test_a_row_that_is_another_voxel_now_is_left_alone() -> None:
    new = record(x=0.5125, weight=41.0)
    steady(new, record(), SIZE)
    assert new == record(x=0.5125, weight=41.0)


def test_maps_may_grow_and_shrink() -> None:
    two, one = np.concatenate([record(), record(x=0.0375)]), record(x=0.0126)
    steady(one, two, SIZE)
    assert one == record()
    two["x"] = 0.0126, 0.0376
    steady(two, one, SIZE)
    np.testing.assert_array_equal(two["x"], np.float32([0.0125, 0.0376]))
    steady(two, np.zeros(0, RECORD), SIZE)
    steady(np.zeros(0, RECORD), two, SIZE)


def test_a_standing_scene_stands_still_though_its_images_are_noisy() -> None:
    voxels, rng = VoxelMap(), np.random.default_rng(0)
    said, changed = np.zeros(0, RECORD), []
    for number in range(1, 161):
        voxels.integrate(noisy_frame(rng, number))
        if number % 20 == 0:
            records = voxels.records().records
            n = min(len(said), len(records))
            steady(records, said, SIZE)
            changed.append(np.mean([any(records[k][h] != said[k][h] for h in HELD) for k in range(0, n, 7)] or [1.0]))
            said = records
    assert changed[-1] < 0.02 < changed[1], changed


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_held_points_are_near_and_in_their_own_voxels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    voxels, said = VoxelMap(), np.zeros(0, RECORD)
    for number in range(6):
        voxels.integrate(
            wall_frame(0.4, stamp=number, pose=make_pose(rng.uniform(-0.02, 0.02, 3), rng.normal(0, 0.01, 3)))
        )
        exact = voxels.records().records
        records = exact.copy()
        steady(records, said, SIZE)
        points, wanted = (np.stack([one[axis] for axis in "xyz"], 1) for one in (records, exact))
        np.testing.assert_array_equal(voxel_keys(points, SIZE), voxel_keys(wanted, SIZE))
        assert np.abs(points - wanted).max() <= 1.01 * POINT * SIZE
        weights = np.minimum(exact["weight"], FULL_WEIGHT)
        assert (np.abs(records["weight"] - weights) <= WEIGHT * weights).all()
        said = records
