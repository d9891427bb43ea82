"""Quarter turns and mirror images."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mllm_for3d_ros.student.symmetry import turn

coordinates = arrays(np.int32, (7, 3), elements=st.integers(-1000, 1000))


def inputs_of(coords):
    """Inputs whose normal is the place, so that both must move alike."""
    inputs = np.zeros((len(coords), 8), np.float32)
    inputs[:, 3:6] = coords
    return inputs


@given(coordinates, st.integers(0, 7), st.booleans())
def test_normals_move_with_the_voxels_and_distances_stay(coords, quarters, mirrored):
    moved, inputs = turn(coords, inputs_of(coords), quarters, mirrored)
    np.testing.assert_array_equal(inputs[:, 3:6], moved)
    np.testing.assert_array_equal((moved**2).sum(1), (coords**2).sum(1))
    np.testing.assert_array_equal(moved[:, 2], coords[:, 2])


@given(coordinates, st.integers(0, 3))
def test_a_turn_back_undoes_a_turn(coords, quarters):
    there, inputs = turn(coords, inputs_of(coords), quarters, False)
    back, _ = turn(there, inputs, 4 - quarters, False)
    np.testing.assert_array_equal(back, coords)
