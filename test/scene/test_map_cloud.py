import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.scene.map_cloud import CloudError, CloudIdentity, map_columns, scene_cloud
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.types import SceneCloud

STAMP = 1_700_000_000 * 10**9
IDENTITY = CloudIdentity("map", STAMP, 3, "epoch")


def columns_of(cloud: SceneCloud) -> dict[str, np.ndarray]:
    return map_columns(cloud, STAMP) | {"colors": cloud.colors}


def one_point_a_voxel(n: int, seed: int) -> SceneCloud:
    rng = np.random.default_rng(seed)
    keys = np.unique(rng.integers(-40, 40, (n, 3)), axis=0)
    points = ((keys + rng.uniform(0.05, 0.95, keys.shape)) * 0.025).astype(np.float32)
    normals = rng.normal(size=points.shape)
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    seen = STAMP - rng.integers(0, 60 * 10**9, len(points))
    colors = rng.integers(0, 256, points.shape, dtype=np.uint8)
    return SceneCloud(points, colors, normals, np.ones(len(points), np.float32), seen, 0.025, "map", 3, "epoch")


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.integers(0, 99))
def test_our_map_comes_back_row_by_row(n: int, seed: int) -> None:
    cloud = one_point_a_voxel(n, seed)
    back = scene_cloud(columns_of(cloud), 0.025, IDENTITY)
    for name in ("points", "colors", "normals", "weights"):
        np.testing.assert_array_equal(getattr(back, name), getattr(cloud, name))
    assert np.abs(back.last_seen_ns - cloud.last_seen_ns).max() < 10_000_000
    assert (back.frame_id, back.version, back.epoch) == ("map", 3, "epoch")


def test_a_denser_cloud_is_merged_to_voxels() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 0.2, (5000, 3)).astype(np.float32)
    columns = {axis: points[:, k] for k, axis in enumerate("xyz")} | {"colors": np.full((5000, 3), 77, np.uint8)}
    cloud = scene_cloud(columns, 0.05, IDENTITY)
    assert len(cloud) == 64 == len(np.unique(voxel_keys(cloud.points, 0.05), axis=0))
    assert cloud.weights.sum() == pytest.approx(5000)
    assert (cloud.colors == 77).all() and (cloud.last_seen_ns == STAMP).all()
    np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-5)


def test_points_that_are_no_points_are_left_out() -> None:
    columns = columns_of(one_point_a_voxel(50, 1))
    columns["x"] = columns["x"].copy()
    columns["x"][:4] = np.nan, np.inf, -np.inf, 1e30
    columns["weight"] = np.full(len(columns["x"]), np.nan, np.float32)
    cloud = scene_cloud(columns, 0.025, IDENTITY)
    assert len(cloud) == len(columns["x"]) - 4
    assert np.isfinite(cloud.points).all() and (cloud.weights > 0).all()


def test_an_empty_cloud_is_an_empty_map() -> None:
    empty = {name: column[:0] for name, column in columns_of(one_point_a_voxel(5, 1)).items()}
    assert len(scene_cloud(empty, 0.025, IDENTITY)) == 0


@pytest.mark.parametrize(("missing", "message"), [("y", "no field y"), ("colors", "no colour")])
def test_missing_fields_are_named(missing: str, message: str) -> None:
    columns = columns_of(one_point_a_voxel(5, 1))
    del columns[missing]
    with pytest.raises(CloudError, match=message):
        scene_cloud(columns, 0.025, IDENTITY)
