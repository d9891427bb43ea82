"""Votes of views on 3D points."""

import numpy as np
import pytest

from mllm_for3d_ros.lifting.label_scene import lift_features
from mllm_for3d_ros.lifting.lift import Visibility, lift, see, strongest
from mllm_for3d_ros.types import Frame, Intrinsics, ViewAnswer

CAMERA = Intrinsics(40, 30, 40.0, 40.0, 19.5, 14.5)


def wall_frame(distance: float = 2.0) -> Frame:
    """A camera at the origin that looks along z at a wall."""
    depth = np.full((30, 40), distance, np.float32)
    return Frame(0, np.zeros((30, 40, 3), np.uint8), depth, CAMERA, np.eye(4))


def wall_points(distance: float = 2.0) -> np.ndarray:
    """One point a pixel on the wall."""
    v, u = np.mgrid[:30, :40]
    return (
        np.stack([(u - 19.5) / 40 * distance, (v - 14.5) / 40 * distance, np.full(u.shape, distance)], -1)
        .reshape(-1, 3)
        .astype(np.float32)
    )


def answer(mask: np.ndarray, token=(1.0, 0.0), score: float = 0.9) -> ViewAnswer:
    return ViewAnswer(mask.astype(np.float32), np.array(token, np.float32), score)


def abstention() -> ViewAnswer:
    return ViewAnswer(np.zeros((30, 40), np.float32), None, 0.0, abstained="nothing")


def test_a_mask_lands_on_the_points_behind_it():
    mask = np.zeros((30, 40))
    mask[5:10, 8:20] = 1
    label = lift("x", 1200, see(wall_points(), [wall_frame()]), [answer(mask)])
    np.testing.assert_array_equal(label.probability.reshape(30, 40), mask)


def test_points_behind_and_before_the_wall_stay_unknown():
    points = np.concatenate([wall_points(2.5), wall_points(1.5), -wall_points()])
    label = lift("x", len(points), see(points, [wall_frame()]), [answer(np.ones((30, 40)))])
    assert np.isnan(label.probability).all()
    assert label.presence == 0


def test_two_views_that_saw_nothing_outvote_a_hallucination():
    seen = see(wall_points(), [wall_frame()] * 3)
    label = lift("x", 1200, seen, [answer(np.ones((30, 40))), abstention(), abstention()])
    assert label.probability.max() <= 0.5
    assert label.query is not None and label.view_weights.tolist() == [1, 0, 0]


def test_all_views_abstaining_say_no_with_no_query():
    label = lift("x", 1200, see(wall_points(), [wall_frame()]), [abstention()])
    assert label.query is None and label.probability.max() == 0 and label.view_weights.sum() == 0


def test_a_view_whose_token_disagrees_has_no_vote():
    seen = see(wall_points(), [wall_frame()] * 3)
    wrong = answer(np.ones((30, 40)), token=(-1.0, 0.0))
    right = answer(np.zeros((30, 40)))
    label = lift("x", 1200, seen, [right, right, wrong])
    assert label.probability.max() == 0


def test_answers_must_match_the_views():
    with pytest.raises(ValueError, match="one answer a view"):
        lift("x", 3, [Visibility(np.zeros(0, np.int64), *np.zeros((2, 0), np.int32))], [])


def test_presence_is_the_mean_of_the_strongest_points():
    assert strongest(np.array([1.0] * 30 + [0.0] * 100, np.float32)) == 1
    assert strongest(np.array([1.0] * 15, np.float32)) == 0.5
    assert strongest(np.array([np.nan] * 50, np.float32)) == 0


def test_features_are_averaged_over_the_views_that_see_a_point():
    seen = [
        Visibility(np.array([0, 1]), np.array([0, 39]), np.array([0, 0])),
        Visibility(np.array([0]), np.array([0]), np.array([0])),
    ]
    maps = np.zeros((2, 1, 3, 4), np.float32)
    maps[0, 0, 0] = [1, 0, 0, 5]
    maps[1, 0, 0, 0] = 3
    features, counts = lift_features(3, seen, maps, [wall_frame()] * 2)
    assert features[:, 0].tolist() == [2, 5, 0] and counts.tolist() == [2, 1, 0]
