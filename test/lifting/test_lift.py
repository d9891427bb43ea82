"""Lifting: what each step is for, and that it is for it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wall_scene import TOKEN, Wall, iou, nothing

from mllm_for3d_ros.lifting.label_scene import lift_features
from mllm_for3d_ros.lifting.lift import lift, projection_only, strongest
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.types import ViewAnswer

ALL = LiftSettings()
PLAIN = LiftSettings(view_choice=False, token_attention=False, superpoints=False, consistency=False)
OTHER = np.array([0.0, 1.0, 0.0], np.float32)
TARGET, DISTRACTOR = ("target", (0.0, 0.21, (200, 40, 40))), ("distractor", (0.7, 0.21, (40, 40, 200)))
TWO = dict([TARGET, DISTRACTOR])


def truth(wall: Wall, *names: str) -> np.ndarray:
    return np.any([wall.on(name, wall.points()) for name in names], axis=0)


def test_a_mask_lands_on_the_points_behind_it():
    wall = Wall(TWO, (0.0,))
    for settings_, least in ((ALL, 0.95), (PLAIN, 0.85)):
        label = lift(wall.scene(), "x", [wall.takes(0, "target")], settings_)
        assert iou(label.probability, truth(wall, "target")) > least


def test_what_no_view_saw_is_unknown_and_not_background():
    wall = Wall(TWO, (0.0,))
    label = lift(wall.scene(), "x", [wall.takes(0, "target")], PLAIN)
    far = np.abs(wall.points()[:, 0]) > 1.3
    assert np.isnan(label.probability[far]).all() and (label.confidence[far] == 0).all()
    assert (label.probability[~far & ~truth(wall, "target")] < 0.5)[200:].any()


def test_points_behind_the_wall_stay_unknown_in_the_full_lifting():
    wall = Wall(TWO, (0.0,))
    scene = wall.scene()
    behind = replace(
        scene,
        visibility=tuple(
            replace(v, indices=v.indices[:0], u=v.u[:0], v=v.v[:0], pixels=v.pixels[:0]) for v in scene.visibility
        ),
    )
    label = lift(behind, "x", [wall.takes(0, "target")], ALL)
    assert np.isnan(label.probability).all() and label.presence < 0.5 and not label.confidence.any()


def distracted() -> tuple[Wall, list[ViewAnswer]]:
    """Seven views see the target and four take it; five see the distractor and the other three take that."""
    wall = Wall(TWO, (-0.7, -0.7, 0.2, 0.25, 0.3, 0.35, 0.4))
    takes = ["target"] * 4 + ["distractor"] * 3
    return wall, [wall.takes(i, name) for i, name in enumerate(takes)]


def test_consistency_makes_a_correlated_distractor_lose():
    wall, answers = distracted()
    right, wrong = truth(wall, "target"), truth(wall, "distractor")
    full = lift(wall.scene(), "x", answers, ALL)
    assert iou(full.probability, right) > 0.95 and full.presence > 0.5
    without = lift(wall.scene(), "x", answers, replace(ALL, consistency=False))
    assert (without.probability[wrong] >= 0.5).mean() > 0.9


def test_consistency_drops_a_hallucination_that_five_others_did_not_see():
    wall = Wall(TWO, (0.2, 0.25, 0.3, 0.35, 0.4, 0.45))
    label = lift(wall.scene(), "x", [wall.takes(0, "distractor"), *[nothing()] * 5], ALL)
    assert label.presence < 0.2 and np.nanmax(label.probability) < 0.5
    assert label.view_weights.tolist() == [1, 0, 0, 0, 0, 0]


def test_two_instances_that_views_take_together_stay_both():
    wall = Wall(TWO, (0.2, 0.25, 0.3, 0.35, 0.4, 0.45))
    both = [wall.takes(i, "target", "distractor") for i in range(4)]
    label = lift(wall.scene(), "x", [*both, nothing(), nothing()], ALL)
    assert iou(label.probability, truth(wall, "target", "distractor")) > 0.95


def test_consistency_spreads_to_what_no_view_saw():
    wall = Wall({"target": (1.05, 0.3, (200, 40, 40))}, (0.0,))
    unseen = truth(wall, "target") & (wall.points()[:, 0] > 1.1)
    answers = [wall.takes(0, "target")]
    full = lift(wall.scene(), "x", answers, ALL)
    assert (full.probability[unseen] > 0.5).all() and 0 < full.confidence[unseen].max() < full.confidence.max()
    assert np.isnan(lift(wall.scene(), "x", answers, PLAIN).probability[unseen]).all()


def test_consistency_spreads_to_an_unseen_superpoint_that_resembles_its_neighbour():
    front, back = ("target", (0.7, 0.2, (200, 40, 40))), ("back", (1.15, 0.25, (185, 40, 40)))
    wall = Wall(dict([front, back]), (-0.2,))
    label = lift(wall.scene(), "x", [wall.takes(0, "target")], ALL)
    unseen = truth(wall, "back") & (wall.points()[:, 0] > 0.95)
    assert (label.probability[unseen] > 0.5).all() and (label.confidence[unseen] > 0).all()
    assert np.isnan(lift(wall.scene(), "x", [wall.takes(0, "target")], PLAIN).probability[unseen]).all()


def test_token_attention_drops_the_view_that_found_something_else():
    wall = Wall(dict([TARGET, ("distractor", (2.4, 0.21, (40, 40, 200)))]), (0.0, 0.1, -0.1, 2.4))
    answers = [wall.takes(i, "target") for i in range(3)] + [wall.takes(3, "distractor", token=OTHER, score=1.0)]
    wrong = truth(wall, "distractor")
    votes = replace(ALL, consistency=False)
    with_ = lift(wall.scene(), "x", answers, votes)
    assert np.isnan(with_.probability[wrong]).all() and "token disagrees" in with_.dropped[3]
    assert with_.query @ OTHER == pytest.approx(0, abs=1e-6)
    without = lift(wall.scene(), "x", answers, replace(votes, token_attention=False))
    assert (without.probability[wrong] >= 0.5).mean() > 0.9 and without.dropped[3] is None
    assert without.query @ OTHER > 0.2


def test_superpoints_close_the_holes_of_ragged_masks():
    wall = Wall(TWO, (0.0, 0.1))
    rng = np.random.default_rng(0)
    masks = [wall.mask(i, "target") & (rng.random((48, 64)) < 0.7) for i in range(2)]
    answers = [ViewAnswer(mask.astype(np.float32), TOKEN, 0.9) for mask in masks]
    right = truth(wall, "target")
    for base in (ALL, replace(ALL, consistency=False, token_attention=False)):
        assert iou(lift(wall.scene(), "x", answers, base).probability, right) > 0.95
        assert iou(lift(wall.scene(), "x", answers, replace(base, superpoints=False)).probability, right) < 0.93


def test_a_superpoint_that_holds_two_things_is_left_to_its_points():
    wall = Wall({}, (0.0, 0.1, 0.2))
    left = [ViewAnswer((wall._pixels(x)[..., 0] < 0).astype(np.float32), TOKEN, 0.9) for x in wall.cameras]
    label = lift(wall.scene(), "x", left, replace(ALL, consistency=False))
    seen = np.abs(wall.points()[:, 0] - 0.1) < 0.9
    right = wall.points()[:, 0] < -0.02
    assert ((label.probability >= 0.5) == right)[seen].mean() > 0.95


def test_views_that_all_abstain_say_no():
    wall = Wall(TWO, (0.0, 0.1))
    for settings_ in (ALL, PLAIN):
        label = lift(wall.scene(), "x", [nothing(), nothing()], settings_)
        assert label.query is None and np.nanmax(label.probability) == 0 and label.presence == 0
        assert label.view_weights.sum() == 0 and label.dropped == ("nothing here",) * 2


def test_projection_only_is_the_plain_mean():
    wall = Wall(TWO, (0.0, 0.0, 0.0))
    answers = [wall.takes(0, "target", score=0.1), wall.takes(1, "target", token=OTHER), nothing()]
    label = projection_only(wall.scene(), "x", answers)
    assert set(np.unique(label.probability[~np.isnan(label.probability)]).round(4)) == {0, np.float32(0.6667)}
    one = projection_only(wall.scene(), "x", answers[:1], views=[2])
    assert iou(one.probability, truth(wall, "target")) > 0.85


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["", "target", "distractor"]), min_size=1, max_size=7), st.integers(0, 99))
def test_labels_are_probabilities_whatever_the_views_say(said, seed):
    rng = np.random.default_rng(seed)
    wall = Wall(TWO, tuple(rng.uniform(-1, 1.5, len(said))))
    answers = [
        wall.takes(i, name, token=None, score=rng.random()) if name else nothing() for i, name in enumerate(said)
    ]
    label = lift(wall.scene(), "x", answers)
    known = ~np.isnan(label.probability)
    assert ((label.probability[known] >= 0) & (label.probability[known] <= 1)).all()
    assert ((label.confidence >= 0) & (label.confidence <= 1)).all() and (label.confidence[~known] == 0).all()


def test_answers_must_match_the_views():
    wall = Wall(TWO, (0.0, 0.1))
    with pytest.raises(ValueError, match="one answer a view"):
        lift(wall.scene(), "x", [nothing()])
    with pytest.raises(ValueError, match="views' size"):
        lift(wall.scene(), "x", [ViewAnswer(np.zeros((4, 4), np.float32), None, 0.0)], views=[0])


def test_presence_without_consistency_is_the_mean_of_the_strongest_points():
    assert strongest(np.array([1.0] * 30 + [0.0] * 100, np.float32)) == 1
    assert strongest(np.array([1.0] * 15, np.float32)) == 0.5
    assert strongest(np.array([np.nan] * 50, np.float32)) == 0


def test_features_are_averaged_over_the_views_that_see_a_point():
    wall = Wall(TWO, (0.0, 2.0))
    scene = wall.scene()
    maps = [np.full((2, 6, 8), value, np.float32) for value in (1.0, 3.0)]
    features, seen = lift_features(scene, enumerate(maps))
    assert set(np.unique(seen)) == {0, 1, 2}
    for count, value in ((0, 0.0), (2, 2.0)):
        assert (features[seen == count] == value).all()
    left = features[(seen == 1) & (wall.points()[:, 0] < 0)]
    assert (left == 1).all()
