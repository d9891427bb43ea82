"""What is unseen takes after its surroundings."""

import numpy as np

from mllm_for3d_ros.lifting.spreading import spread
from mllm_for3d_ros.scene.superpoints import Superpoints


def chain(*difference: float) -> Superpoints:
    """Pieces 0 - 1 - 2 ... that differ as said where they touch."""
    count = len(difference) + 1
    pairs = np.array([[i, i + 1] for i in range(count - 1)], np.int32)
    contact = np.full(len(difference), 50, np.float32)
    return Superpoints(
        np.arange(count, dtype=np.int32),
        np.ones(count, np.int64),
        pairs,
        contact,
        np.array(difference, np.float32),
        0.025,
    )


def test_an_unseen_piece_takes_after_the_neighbour_that_it_resembles():
    value, trust = spread(chain(0.02, 1.0), np.array([1.0, 0.0, 0.0]), np.array([0.9, 0.0, 0.9]))
    assert value[1] > 0.9 and 0 < trust[1] < 0.9


def test_confident_pieces_keep_their_own():
    value, trust = spread(chain(0.02), np.array([1.0, 0.0]), np.array([0.9, 0.8]))
    assert value.tolist() == [1, 0] and trust.tolist() == [np.float32(0.9), np.float32(0.8)]


def test_confidence_decays_and_ends():
    _, trust = spread(chain(*[0.02] * 6), np.array([1.0] + [0.0] * 6), np.array([0.9] + [0.0] * 6))
    assert (np.diff(trust[:4]) < 0).all() and trust[-1] == 0


def test_nothing_known_stays_unknown():
    _, trust = spread(chain(0.1, 0.1), np.zeros(3), np.zeros(3))
    assert not trust.any()
