"""Superpoints: pieces by colour and by shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.scene.superpoints import segment, superpoints


def plane(width: int = 40, height: int = 30, spacing: float = 0.025) -> np.ndarray:
    """Points of a plane at z = 0."""
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height), indexing="ij"), -1).reshape(-1, 2) * spacing
    return np.column_stack([grid, np.zeros(len(grid))]).astype(np.float32)


def up(points: np.ndarray) -> np.ndarray:
    return np.tile(np.array([[0, 0, 1]], np.float32), (len(points), 1))


def gray(points: np.ndarray) -> np.ndarray:
    return np.full(points.shape, 100, np.uint8)


def pure(labels: np.ndarray, truth: np.ndarray) -> bool:
    """No piece holds points of two things."""
    return all(len(np.unique(truth[labels == piece])) == 1 for piece in np.unique(labels))


def test_a_plain_plane_is_one_piece():
    points = plane()
    assert superpoints(points, up(points), gray(points)).max() == 0


def test_a_patch_of_another_colour_is_a_piece():
    points = plane()
    patch = (np.abs(points[:, 0] - 0.5) < 0.2) & (np.abs(points[:, 1] - 0.35) < 0.2)
    colors = gray(points)
    colors[patch] = (180, 90, 60)
    labels = superpoints(points, up(points), colors)
    assert labels.max() == 1 and pure(labels, patch)


def test_noise_of_colours_does_not_cut():
    points = plane()
    colors = (gray(points) + np.random.default_rng(0).integers(-4, 5, points.shape)).astype(np.uint8)
    assert superpoints(points, up(points), colors).max() == 0


def corner() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A floor and a wall of one colour that meet in a concave fold: points, normals, whether on the wall."""
    floor = plane()
    wall = floor[:, [0, 2, 1]] + np.array([0, 0, 0.025], np.float32)
    normals = np.concatenate([up(floor), np.tile(np.array([[0, 1, 0]], np.float32), (len(wall), 1))])
    return np.concatenate([floor, wall]), normals, np.arange(2 * len(floor)) >= len(floor)


def test_a_fold_cuts_by_normals():
    points, normals, wall = corner()
    labels = superpoints(points, normals, gray(points))
    assert labels.max() == 1 and pure(labels, wall)


def test_unknown_normals_are_taken_from_the_neighbours():
    points, normals, wall = corner()
    labels = superpoints(points, np.zeros_like(normals), gray(points))
    two_largest = np.argsort(np.bincount(labels))[-2:]
    big = np.isin(labels, two_largest)
    assert big.mean() > 0.9 and pure(labels[big], wall[big])


def test_small_pieces_join_a_neighbour():
    points = plane()
    colors = gray(points)
    colors[:8] = 250
    assert superpoints(points, up(points), colors, min_size=20).max() == 0
    assert superpoints(points, up(points), colors, min_size=2).max() == 1


def test_the_same_input_gives_the_same_pieces_numbered_by_first_point():
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 1, (3000, 3)).astype(np.float32)
    colors = (points * 255).astype(np.uint8)
    first, again = (superpoints(points, np.zeros_like(points), colors) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    _, places = np.unique(first, return_index=True)
    assert (np.diff(places) > 0).all() and first.dtype == np.int32


def test_touching_pieces_are_told_with_how_much_they_differ():
    points = plane(60)
    colors = gray(points)
    colors[points[:, 0] > 0.5] = 140
    colors[points[:, 0] > 1.0] = 255
    pieces = segment(points, up(points), colors)
    assert pieces.pairs.tolist() == [[0, 1], [1, 2]] and pieces.sizes.sum() == len(points)
    assert pieces.difference[0] < pieces.difference[1] and (pieces.contact > 0).all()
    assert pieces.spacing == pytest.approx(0.025, rel=0.01)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.integers(0, 1000))
def test_every_point_has_a_piece_however_few_there_are(count, seed):
    points = np.random.default_rng(seed).uniform(0, 0.3, (count, 3)).astype(np.float32)
    pieces = segment(points, np.zeros_like(points), (points * 800).astype(np.uint8))
    assert len(pieces.labels) == count and pieces.sizes.sum() == count
    assert len(pieces.pairs) == len(pieces.contact) == len(pieces.difference)
    assert (pieces.pairs < max(len(pieces), 1)).all() and (np.bincount(pieces.labels, minlength=len(pieces)) > 0).all()


def test_rows_must_match():
    points = plane(3, 3)
    with pytest.raises(ValueError, match="expected 9 normals"):
        superpoints(points, up(points)[:-1], gray(points))
    with pytest.raises(ValueError, match="min_size"):
        superpoints(points, up(points), gray(points), min_size=0)
