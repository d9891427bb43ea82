import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_support import make_pose, wall_frame

from mllm_for3d_ros.scene.voxel_map import VoxelMap, voxel_keys
from mllm_for3d_ros.scene.voxel_rows import VoxelRows, voxels_within
from mllm_for3d_ros.scene.voxel_storage import slot
from mllm_for3d_ros.types import Frame


def keys_of(voxels: VoxelMap) -> set[tuple[int, ...]]:
    return {tuple(key) for key in voxel_keys(voxels.snapshot().points, voxels.voxel_size).tolist()}


def rows_with(keys: np.ndarray) -> VoxelRows:
    sums = np.random.default_rng(0).uniform(1, 2, (len(keys), 10)).astype(np.float32)
    sums[:, 0] = keys % 1000
    return VoxelRows.from_arrays({"keys": keys, "sums": sums, "stamps": np.arange(len(keys))}, 1, 1 << 20)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_what_is_removed_is_gone_and_all_else_is_found(n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rows_with(rng.choice(1 << 20, n, replace=False).astype(np.int64))
    before = rows.arrays()
    doomed = rng.random(n) < share
    assert rows.remove(doomed) == doomed.sum() and rows.count == n - doomed.sum()
    after = rows.arrays()
    assert set(after["keys"].tolist()) == set(before["keys"][~doomed].tolist())
    place = {key: row for row, key in enumerate(before["keys"].tolist())}
    np.testing.assert_array_equal(after["sums"], before["sums"][[place[key] for key in after["keys"].tolist()]])
    assert sorted(rows.table[rows.table >= 0].tolist()) == list(range(rows.count))
    mask = len(rows.table) - 1
    for row, key in enumerate(after["keys"]):
        start = int(slot(key, np.int64(mask)))
        run = rows.table[(start + np.arange(len(rows.table))) & mask]
        assert row in run[: int(np.argmax(run < 0))]
    assert not rows.rows[rows.count : n].any()


def pillar(distance: float, depth: float = 2.0, stamp: int = 1) -> Frame:
    """A wall with a pillar before it, which does not reach the borders of the image."""
    frame = wall_frame(depth, stamp=stamp)
    frame.depth[8:40, 24:40] = distance
    return frame


def test_a_thing_that_moved_away_is_dropped_after_some_looks_and_the_rest_stays() -> None:
    voxels, bare = VoxelMap(), VoxelMap()
    voxels.integrate(pillar(1.0))
    bare.integrate(wall_frame(2.0))
    with_pillar = keys_of(voxels)
    for look in range(3):
        voxels.integrate(wall_frame(2.0, stamp=2 + look))
        dropped = voxels.forget_seen_through(wall_frame(2.0, stamp=2 + look), looks=3)
        assert (dropped > 0) == (look == 2)
    gone = with_pillar - keys_of(voxels)
    assert keys_of(voxels) == keys_of(bare) and len(gone) == voxels.forgotten > 200


def test_what_is_seen_between_two_looks_stays() -> None:
    voxels = VoxelMap()
    voxels.integrate(pillar(1.0))
    for _ in range(5):
        assert voxels.forget_seen_through(wall_frame(2.0), looks=2) == 0
        voxels.integrate(pillar(1.0))


@pytest.mark.parametrize(
    "frame",
    [
        wall_frame(1.0),  # where it was
        wall_frame(1.04),  # within the noise of depth
        wall_frame(0.5),  # hidden behind something
        wall_frame(0.0),  # no depth
        wall_frame(2.0, pose=make_pose((0, 3.1, 0), (0, 0, 0))),  # out of view
    ],
)
def test_what_may_still_be_there_stays(frame: Frame) -> None:
    voxels = VoxelMap()
    voxels.integrate(wall_frame(1.0))
    for _ in range(5):
        assert voxels.forget_seen_through(frame, looks=1) == 0


def walk(voxels: VoxelMap, steps: int) -> None:
    for step in range(steps):
        voxels.integrate(wall_frame(1.0, stamp=step, pose=make_pose((0, 0, 0), (2.0 * step, 0, 0))))


@pytest.mark.parametrize("drop_farthest", [False, True])
def test_a_full_map_drops_what_is_old_or_far_and_never_grows_past_its_limit(drop_farthest: bool) -> None:
    everything = VoxelMap()
    walk(everything, 40)
    voxels = VoxelMap(max_voxels=1 << 14, drop_farthest=drop_farthest, capacity=1)
    walk(voxels, 10)
    assert keys_of(voxels) < keys_of(everything) and voxels.forgotten == 0
    walk(voxels, 40)
    assert len(everything) > 1 << 14 >= len(voxels) > 12_000
    assert voxels.memory_bytes <= (1 << 14) * 96 and voxels.forgotten > 0
    newest = [key for key in keys_of(everything) if key[0] * 0.025 > 60]
    assert set(newest) <= keys_of(voxels)


def test_a_budget_in_memory_is_kept() -> None:
    limit = voxels_within(8)
    rows = VoxelRows(1, limit)
    while rows.grow(len(rows.rows) + 1):
        pass
    assert len(rows.rows) == limit and rows.nbytes <= 8 * 2**20


def test_after_a_drop_the_map_goes_on_as_before() -> None:
    voxels = VoxelMap()
    voxels.integrate(pillar(1.0))
    voxels.integrate(wall_frame(2.0))
    voxels.forget_seen_through(wall_frame(2.0), looks=1)
    voxels.integrate(pillar(1.0))
    fresh = VoxelMap()
    fresh.integrate(pillar(1.0))
    fresh.integrate(wall_frame(2.0))
    assert keys_of(voxels) == keys_of(fresh)
    pillars = voxels.snapshot().points[:, 2] < 1.5
    once = VoxelMap()
    once.integrate(pillar(1.0))
    expected = once.snapshot()
    assert voxels.snapshot().weights[pillars].sum() == pytest.approx(
        expected.weights[expected.points[:, 2] < 1.5].sum(), rel=1e-4
    )
