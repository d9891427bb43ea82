"""Superpoints of voxels of which is known who touches whom."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.scene import voxel_superpoints as module
from mllm_for3d_ros.scene.voxel_superpoints import voxel_superpoints

SIZE = 0.05


def sheet(rng: np.random.Generator, wide: int, shades: tuple[int, int]) -> dict[str, np.ndarray]:
    """``wide`` x ``wide`` voxels, half of them of another shade, and who touches whom to the right and below."""
    cells = np.indices((wide, wide)).reshape(2, -1).T
    row = np.arange(wide * wide).reshape(wide, wide)
    ahead = np.full((wide, wide, 2), -1, np.int32)
    ahead[:-1, :, 0], ahead[:, :-1, 1] = row[1:], row[:, 1:]
    shade = np.where(cells[:, :1] < wide // 2, *shades) + rng.integers(0, 3, (wide * wide, 1))
    return {
        "points": (np.insert(cells, 2, 0, axis=1) * SIZE).astype(np.float32),
        "normals": np.tile(np.array([0, 0, 1], np.float32), (wide * wide, 1)),
        "colors": np.repeat(shade, 3, axis=1).astype(np.uint8),
        "ahead": ahead.reshape(-1, 2),
    }


def cut(parts: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Numbers of ``parts`` as groups of one scene."""
    bounds = np.cumsum([0, *(len(part["points"]) for part in parts)])
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    shifts = np.repeat(bounds[:-1], np.diff(bounds))[:, None]
    joined["ahead"] = np.where(joined["ahead"] < 0, -1, joined["ahead"] + shifts).astype(np.int32)
    return voxel_superpoints(*joined.values(), bounds, SIZE)


def test_a_step_in_brightness_cuts_and_its_noise_does_not():
    labels = cut([sheet(np.random.default_rng(0), 12, (20, 200))])
    assert labels.tolist() == [0] * 72 + [1] * 72


def test_groups_are_cut_as_if_alone():
    rng = np.random.default_rng(1)
    parts = [
        sheet(rng, wide, shades) for wide, shades in ((12, (20, 200)), (1, (0, 0)), (9, (90, 90)), (16, (250, 10)))
    ]
    alone, numbers = [cut([part]) for part in parts], 0
    expected = []
    for labels in alone:
        expected.append(labels + numbers)
        numbers += labels.max() + 1
    np.testing.assert_array_equal(cut(parts), np.concatenate(expected))


def test_an_unknown_normal_is_that_of_the_voxels_around():
    part = sheet(np.random.default_rng(2), 12, (90, 90))
    part["normals"][30:40] = 0
    assert cut([part]).max() == 0


def test_no_voxels_have_no_superpoints():
    nothing, nobody = np.zeros((0, 3), np.float32), np.zeros((0, 13), np.int32)
    assert len(voxel_superpoints(nothing, nothing, nothing.astype(np.uint8), nobody, np.zeros(1, int), SIZE)) == 0


@given(st.lists(st.integers(0, 65535), max_size=60))
def test_edges_are_ranked_as_a_stable_sort_ranks_them(steps):
    steps = np.array(steps, np.uint16)
    np.testing.assert_array_equal(module._ranked(steps), np.argsort(steps, kind="stable"))
