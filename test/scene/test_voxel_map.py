import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_support import make_pose, poses, wall_frame

from mllm_for3d_ros.scene.map_cloud import map_columns
from mllm_for3d_ros.scene.unproject import unproject
from mllm_for3d_ros.scene.voxel_map import FrameError, VoxelMap, voxel_keys
from mllm_for3d_ros.types import Frame, Intrinsics

CAMERA = Intrinsics(40, 30, 35.0, 36.0, 19.0, 14.5)


def random_frame(pose: np.ndarray, seed: int, stamp: int = 5) -> Frame:
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.2, 4.8, (30, 40)).astype(np.float32)
    depth[rng.random((30, 40)) < 0.2] = 0
    return Frame(stamp, rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), depth, CAMERA, pose)


def reference(frames: list[Frame], voxel_size: float) -> dict[tuple[int, ...], np.ndarray]:
    """Weighted means of position and colour in float64, as a dictionary of voxels."""
    sums: dict[tuple[int, ...], np.ndarray] = {}
    for frame in frames:
        valid = frame.depth > 0
        points, z = unproject(frame)[valid].astype(float), frame.depth[valid].astype(float)
        for key, point, color, w in zip(
            voxel_keys(points, voxel_size), points, frame.color[valid], 1 / (z * z + 0.1), strict=True
        ):
            row = sums.setdefault(tuple(key.tolist()), np.zeros(7))
            row += w * np.array([*point, *color, 1.0])
    return {k: np.append(v[:6] / v[6], v[6]) for k, v in sums.items()}


@settings(max_examples=15, deadline=None)
@given(poses(), st.integers(0, 2**32 - 1), st.sampled_from([0.02, 0.025, 0.1]))
def test_map_equals_weighted_means(pose: np.ndarray, seed: int, voxel_size: float) -> None:
    frames = [random_frame(pose, seed), random_frame(pose, seed + 1)]
    voxels = VoxelMap(voxel_size, max_depth=5.0, capacity=1)
    used = [voxels.integrate(f) for f in frames]
    assert used == [int((f.depth > 0).sum()) for f in frames]
    cloud = voxels.snapshot()
    expected = reference(frames, voxel_size)
    keys = [tuple(k) for k in voxel_keys(cloud.points, voxel_size).tolist()]
    common = [i for i, k in enumerate(keys) if k in expected]
    assert len(common) >= 0.97 * max(len(expected), len(keys))  # points on a face may round to either side
    got = np.c_[cloud.points, cloud.colors, cloud.weights][common]
    want = np.array([expected[keys[i]] for i in common])
    same = np.abs(got[:, 6] - want[:, 6]) < 1e-3 * want[:, 6]
    assert same.mean() > 0.97
    np.testing.assert_allclose(got[same, :3], want[same, :3], atol=voxel_size * 2e-2)
    np.testing.assert_allclose(got[same, 3:6], want[same, 3:6], atol=0.6)


@settings(max_examples=20, deadline=None)
@given(poses(reach=3000.0), st.sampled_from([0.01, 0.025, 0.05]), st.integers(0, 1000))
def test_every_point_lies_in_its_own_voxel(pose: np.ndarray, voxel_size: float, seed: int) -> None:
    voxels = VoxelMap(voxel_size)
    voxels.integrate(random_frame(pose, seed))
    points = voxels.snapshot().points
    for keys in (voxel_keys(points, voxel_size), np.floor(points / np.float32(voxel_size)).astype(np.int32)):
        assert len(np.unique(keys, axis=0)) == len(voxels)


@settings(max_examples=15, deadline=None)
@given(st.floats(-1.1, 1.1), st.floats(-0.9, 0.9), poses())
def test_normals_of_a_slanted_plane_face_the_camera(about_y: float, about_x: float, pose: np.ndarray) -> None:
    tilt = make_pose((0, about_y, 0), (0, 0, 0))[:3, :3] @ make_pose((about_x, 0, 0), (0, 0, 0))[:3, :3]
    normal = tilt @ [0, 0, -1.0]  # plane through (0, 0, 1.5)
    camera = CAMERA.resized(160, 120)
    v, u = np.mgrid[0:120, 0:160]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)], -1)
    depth = (normal[2] * 1.5) / (rays @ normal)
    depth[(depth < 0) | (depth > 4)] = 0
    frame = Frame(0, np.zeros((120, 160, 3), np.uint8), depth.astype(np.float32), camera, pose)
    voxels = VoxelMap()
    voxels.integrate(frame)
    normals = voxels.snapshot().normals
    known = np.linalg.norm(normals, axis=1) > 0
    assert known.any()
    np.testing.assert_allclose(np.linalg.norm(normals[known], axis=1), 1, atol=1e-4)
    assert (normals[known] @ (pose[:3, :3] @ normal)).min() > 0.97


def test_no_normal_across_a_depth_edge() -> None:
    frame = wall_frame()
    depth = frame.depth.copy()
    depth[:, 32:] = 3.0
    voxels = VoxelMap()
    voxels.integrate(Frame(0, frame.color, depth, frame.intrinsics, np.eye(4)))
    normals = voxels.snapshot().normals
    known = np.linalg.norm(normals, axis=1) > 0
    np.testing.assert_allclose(normals[known], np.tile([0, 0, -1.0], (known.sum(), 1)), atol=1e-4)


def test_uint16_millimetres_equal_float_metres() -> None:
    rng = np.random.default_rng(0)
    depth = rng.integers(0, 5000, (30, 40)).astype(np.uint16)
    color = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    maps = [VoxelMap(), VoxelMap()]
    maps[0].integrate_arrays(color, depth, CAMERA, np.eye(4), 1)
    maps[1].integrate_arrays(color, depth.astype(np.float32) * np.float32(1e-3), CAMERA, np.eye(4), 1)
    first, second = (m.snapshot() for m in maps)
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.colors, second.colors)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -1.0, 0.05, 6.0])
def test_bad_depth_is_ignored(bad: float) -> None:
    voxels = VoxelMap()
    assert voxels.integrate(wall_frame(distance=bad)) == 0
    assert len(voxels) == 0 and voxels.version == 0
    frame = wall_frame()
    frame.depth[10:20, 10:20] = bad
    assert voxels.integrate(frame) == 48 * 64 - 100
    cloud = voxels.snapshot()
    assert np.isfinite(cloud.points).all() and np.isfinite(cloud.normals).all()


def test_points_out_of_the_key_range_are_dropped_and_counted() -> None:
    voxels = VoxelMap(0.001)
    assert voxels.integrate(wall_frame(pose=make_pose((0, 0, 0), (5000.0, 0, 0)))) == 0
    assert voxels.dropped_points == 48 * 64
    assert voxels.integrate(wall_frame()) == 48 * 64


def test_version_epoch_stamp_and_row_order() -> None:
    voxels = VoxelMap(capacity=1)
    voxels.integrate(wall_frame(stamp=100))
    first = voxels.snapshot()
    voxels.integrate(wall_frame(stamp=50))
    assert (voxels.snapshot().last_seen_ns == 100).all()
    voxels.integrate(wall_frame(stamp=200, pose=make_pose((0, 0.5, 0), (0, 0, 0))))
    second = voxels.snapshot()
    assert len(second) > len(first) and second.version > first.version and second.epoch == first.epoch
    np.testing.assert_array_equal(voxel_keys(first.points, 0.025), voxel_keys(second.points[: len(first)], 0.025))
    assert second.last_seen_ns.max() == 200
    voxels.reset()
    assert len(voxels) == 0 and voxels.epoch != first.epoch and voxels.version > second.version
    assert len(voxels.snapshot()) == 0


def test_records_are_the_columns_of_a_snapshot() -> None:
    voxels = VoxelMap()
    assert len(voxels.records().records) == voxels.records().newest_stamp == 0
    for seed in range(3):
        voxels.integrate(random_frame(make_pose((0.3, 0.2, 0.1), (1.0, -2.0, 0.5)), seed, stamp=10**18 + seed * 10**8))
    cloud, packed = voxels.snapshot(), voxels.records()
    assert (packed.newest_stamp, packed.version, packed.epoch) == (10**18 + 2 * 10**8, cloud.version, cloud.epoch)
    columns = map_columns(cloud, packed.newest_stamp)
    assert packed.records.dtype.names == (*columns, "epoch")
    for name, column in columns.items():
        np.testing.assert_array_equal(packed.records[name].view(np.uint32), column.view(np.uint32), err_msg=name)
    assert set(packed.records["epoch"]) == {int(cloud.epoch, 16)}


def test_weight_is_bounded_so_that_the_map_follows_changes() -> None:
    voxels = VoxelMap(max_weight=10.0)
    for _ in range(50):
        voxels.integrate(wall_frame(0.5, color=(0, 0, 0)))
    for _ in range(20):
        voxels.integrate(wall_frame(0.5, color=(250, 250, 250)))
    cloud = voxels.snapshot()
    assert cloud.weights.max() < 20
    assert cloud.colors.min() > 200


@pytest.mark.parametrize(
    ("color", "depth", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), np.zeros((30, 40), np.float32), "colour must be 30x40x3"),
        (np.zeros((30, 40, 3), np.float32), np.zeros((30, 40), np.float32), "colour must be"),
        (np.zeros((30, 40, 3), np.uint8), np.zeros((30, 41), np.float32), "depth must be 30x40"),
        (np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), np.float64), "float32 or uint16"),
    ],
)
def test_images_that_do_not_fit_are_refused(color: np.ndarray, depth: np.ndarray, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        VoxelMap().integrate_arrays(color, depth, CAMERA, np.eye(4), 0)


def test_a_pose_that_is_not_finite_is_refused() -> None:
    frame = wall_frame()
    pose = np.full((4, 4), np.nan)
    with pytest.raises(FrameError, match="finite 4x4"):
        VoxelMap().integrate_arrays(frame.color, frame.depth, frame.intrinsics, pose, 0)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        VoxelMap(voxel_size=0)
