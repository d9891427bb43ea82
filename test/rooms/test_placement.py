"""Footprints: overlap and distance against brute force."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.rooms.placement import Footprint, floor_grid, overlaps, reachable

coordinate = st.floats(-1.5, 1.5)
half = st.floats(0.1, 1.0)
prints = st.builds(
    lambda x, y, a, b, yaw: Footprint((x, y), (a, b), yaw, 0.0, 1.0),
    coordinate,
    coordinate,
    half,
    half,
    st.floats(-4, 4),
)


def inner_points(footprint: Footprint) -> np.ndarray:
    steps = np.linspace(-1, 1, 41)
    return np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * footprint.half @ footprint.axes + footprint.center


@settings(max_examples=100, deadline=None)
@given(prints, prints)
def test_overlap_agrees_with_sampled_points(a, b):
    shared = b.distances(inner_points(a)) == 0
    if shared.any():
        assert overlaps(a.grown(0.001), b) and overlaps(b, a, 0.001)
    if not overlaps(a, b):
        assert not (b.grown(-0.001).distances(inner_points(a)) == 0).any()


def test_boxes_above_each_other_do_not_overlap():
    low = Footprint((0, 0), (1, 1), 0.0, 0.0, 0.5)
    assert not overlaps(low, Footprint((0, 0), (1, 1), 0.3, 0.5, 1.0))
    assert overlaps(low, Footprint((0, 0), (1, 1), 0.3, 0.49, 1.0))


def test_wall_across_the_room_cuts_the_floor():
    wall = Footprint((0.5, 0.0), (0.1, 2.0), 0.0, 0.0, 1.0)
    behind = Footprint((1.8, 0.0), (0.1, 0.1), 0.0, 0.0, 1.0)
    grid = floor_grid(4.0, 4.0, [wall])
    assert grid.centers[grid.main][:, 0].max() < 0.4 - 0.25
    assert not reachable(grid, behind) and reachable(grid, wall)
