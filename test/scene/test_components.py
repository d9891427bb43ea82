import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.scene.components import connected_labels


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 60), st.integers(0, 1000), st.floats(0.05, 1.5))
def test_labels_are_the_components_of_the_gap_graph(n: int, seed: int, gap: float) -> None:
    points = np.random.default_rng(seed).uniform(0, 3, (n, 3))
    labels = connected_labels(points, gap)
    near = np.linalg.norm(points[:, None] - points[None], axis=-1) <= gap
    reach = near
    for _ in range(7):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    np.testing.assert_array_equal(labels[:, None] == labels[None], reach)


def test_clusters_are_numbered_by_their_first_point() -> None:
    points = np.array([[5.0, 0, 0], [0, 0, 0], [5.05, 0, 0], [0, 0.05, 0]])
    assert connected_labels(points, 0.06).tolist() == [0, 1, 0, 1]
    assert connected_labels(points, 0.04).tolist() == [0, 1, 2, 3]
    assert connected_labels(np.empty((0, 3)), 0.1).tolist() == []
