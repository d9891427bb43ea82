"""What is encoded from a change is what is encoded from scratch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from changing_map import ChangingMap, lively_network
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.student import incremental
from mllm_for3d_ros.student.embedding import embed_voxels
from mllm_for3d_ros.student.encoding import SceneEncoder, differing
from mllm_for3d_ros.student.incremental import IncrementalNetwork
from mllm_for3d_ros.student.sparse import use_backend
from mllm_for3d_ros.student.voxels import voxelise

NETWORK = lively_network()
ENCODERS = {passes: SceneEncoder(NETWORK, passes=passes, smooth=passes == 1) for passes in (1, 3)}
CORNERS = ((-30, -7, 0), (3, 3, -2), (60, -40, 5), (-200, 170, 0), (31, 31, 31))


def start() -> ChangingMap:
    world = ChangingMap()
    for corner in CORNERS[:4]:
        world.sheet(corner)
    return world


def at_rows(scene) -> torch.Tensor:
    """[N, C + 1] scores that answer for each map row, 0 where none do."""
    rows = torch.from_numpy(scene.rows)
    return torch.where(rows[:, None] > 0, scene.scores.joined()[rows], torch.zeros(()))


def presence(scene) -> torch.Tensor:
    """[3, E] what tells of the presence of three concepts."""
    attention = torch.softmax(5 * torch.eye(4)[:3], 1)
    logits, claims = (values[:, scene.voxels] for values in scene.told(attention))
    return NETWORK.evidence(logits, claims, attention, scene.inventory)


def pieces(scene) -> np.ndarray:
    """[N] int piece of each map row, numbered from 0 by their first rows."""
    of = scene.pieces.joined().numpy()[scene.rows]
    _, first, number = np.unique(of, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def assert_alike(scene, full) -> None:
    assert len(scene.voxels) == len(full.voxels)
    assert ((scene.rows > 0) == (full.rows > 0)).all()
    if len(full.voxels):
        torch.testing.assert_close(at_rows(scene), at_rows(full), atol=1e-4, rtol=0)
        torch.testing.assert_close(presence(scene), presence(full), atol=1e-4, rtol=0)
    if len(full.voxels) and len(full.pieces):
        np.testing.assert_array_equal(pieces(scene), pieces(full))


changes = st.one_of(
    st.tuples(st.just("sheet"), st.sampled_from(CORNERS)),
    st.tuples(st.just("voxel"), st.tuples(*[st.integers(-70, 70)] * 3)),
    st.tuples(st.just("remove"), st.sampled_from((0.01, 0.3, 1.0))),
    st.tuples(st.just("nothing"), st.none()),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(changes, min_size=1, max_size=3), min_size=1, max_size=4), st.sampled_from((1, 3)))
def test_a_changed_map_is_encoded_as_if_it_were_new(steps, passes):
    world, encoder = start(), ENCODERS[passes]
    scene = encoder.encode(world.cloud())
    for step in steps:
        for kind, what in step:
            if kind == "sheet":
                world.sheet(what)
            elif kind == "voxel":
                world.add(what)
            elif kind == "remove":
                world.remove(what)
        scene = encoder.encode(world.cloud(), scene)
        assert_alike(scene, encoder.encode(world.cloud()))


@pytest.mark.parametrize("asked", [torch.eye(4)[[2, 0]], torch.softmax(torch.randn(3, 4), 1), torch.zeros(0, 4)])
def test_what_is_asked_for_is_told_as_the_network_tells_it(asked):
    scene = ENCODERS[1].encode(start().cloud())
    scores = scene.scores.joined()[scene.voxels]
    posterior = NETWORK.posterior_of(scores)
    logits, claims = (values[:, scene.voxels] for values in scene.told(asked))
    torch.testing.assert_close(logits, asked @ scores.T, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(claims, NETWORK.claims(posterior, asked), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(scene.inventory, posterior.amax(0), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("passes", [1, 3])
def test_all_passes_are_the_network_on_turned_scenes(passes):
    cloud = start().cloud()
    voxels, scene = voxelise(cloud), ENCODERS[passes].encode(cloud)
    expected = embed_voxels(NETWORK, voxels.coords, voxels.inputs, passes=passes)
    torch.testing.assert_close(scene.scores.joined()[scene.voxels], NETWORK.scores(expected), atol=1e-4, rtol=0)


def test_what_went_unnoticed_does_not_add_up():
    world, encoder, rng = start(), ENCODERS[1], np.random.default_rng(0)
    scene = encoder.encode(world.cloud())
    for _ in range(60):
        world.add(tuple(rng.integers(-5, 5, 3).tolist()))
        scene = encoder.encode(world.cloud(), scene)
    assert_alike(scene, encoder.encode(world.cloud()))


def test_a_new_voxel_is_noticed_though_every_layer_is_silent():
    silent = lively_network()
    for parameter in silent.unet.parameters():
        parameter.zero_()
    silent.unet.mask_head.bias += 1
    world, encoder = start(), SceneEncoder(silent)
    scene = encoder.encode(world.cloud())
    world.add((300, 300, 0), weight=1.0)
    after = encoder.encode(world.cloud(), scene)
    expected = silent.scores(torch.ones(len(after.voxels), 64))
    torch.testing.assert_close(after.scores.joined()[after.voxels], expected)


def test_where_a_change_fades_nothing_is_computed(monkeypatch):
    def computed(unnoticed: float) -> int:
        monkeypatch.setattr(incremental, "UNNOTICED", unnoticed)
        world, encoder = ChangingMap(), SceneEncoder(NETWORK)
        world.sheet((0, 0, 0), size=120)
        scene = encoder.encode(world.cloud())
        world.add((3, 3, 0), weight=1.0)
        after = encoder.encode(world.cloud(), scene)
        return int((at_rows(after)[: len(scene.rows)] != at_rows(scene)).any(1).sum())

    assert 0 < 2 * computed(1e-2) < computed(0.0)


def test_rows_named_as_changed_need_no_comparison():
    world = start()
    first = ENCODERS[1].encode(world.cloud())
    world.add((3, 4, 5), weight=1.0)
    key = next(iter(world.voxels))
    world.add(key, weight=0.9)
    after = world.cloud()
    assert_alike(ENCODERS[1].encode(after, first, np.array([0])), ENCODERS[1].encode(after))


def test_only_what_a_change_reaches_is_computed():
    world, encoder = start(), ENCODERS[1]
    before = world.cloud()
    first = encoder.encode(before)
    world.add((-200, 170, 0), weight=1.0)
    second = encoder.encode(world.cloud(), first)
    far = before.points[:, 0] > -2.0
    old, new = at_rows(first), at_rows(second)[: len(before)]
    torch.testing.assert_close(new[far], old[far], atol=0, rtol=0)
    assert not torch.equal(new[~far], old[~far])


def test_an_older_version_stays_as_it_was_and_can_be_gone_on_from():
    world, encoder = start(), ENCODERS[1]
    first = encoder.encode(world.cloud())
    kept = at_rows(first).clone()
    world.sheet(CORNERS[4])
    encoder.encode(world.cloud(), first)
    torch.testing.assert_close(at_rows(first), kept, atol=0, rtol=0)
    world.sheet(CORNERS[0])
    third = encoder.encode(world.cloud(), first, np.zeros(0, np.int64))
    assert_alike(third, encoder.encode(world.cloud()))


@pytest.mark.parametrize("other", [{"epoch": "two"}, {"voxel_size": 0.05}, {"frame_id": "odom"}])
def test_another_map_begins_anew(other):
    cloud = start().cloud()
    first = ENCODERS[1].encode(cloud)
    second = ENCODERS[1].encode(replace(cloud, **other), first)
    assert second.shared is not first.shared
    assert_alike(second, first)


def test_a_map_that_moves_away_leaves_nothing_behind():
    world, encoder = ChangingMap(), ENCODERS[1]
    world.sheet((0, 0, 0))
    scene = encoder.encode(world.cloud())
    sizes = []
    for step in range(1, 9):
        world.remove(1.0)
        world.sheet((step * 500, 0, 0))
        scene = encoder.encode(world.cloud(), scene)
        sizes.append(len(scene.scores))
    assert max(sizes) < 4 * len(scene.voxels)
    assert_alike(scene, encoder.encode(world.cloud()))


def test_a_rising_floor_changes_every_height():
    world = ChangingMap()
    world.sheet((0, 0, 0))
    scene = ENCODERS[1].encode(world.cloud())
    for x in range(40):
        world.add((x, 50, -40), weight=1.0)
    assert_alike(ENCODERS[1].encode(world.cloud(), scene), ENCODERS[1].encode(world.cloud()))


def test_a_failed_update_is_not_gone_on_from(monkeypatch):
    world, encoder = start(), ENCODERS[1]
    first = encoder.encode(world.cloud())
    world.sheet(CORNERS[4])
    with monkeypatch.context() as patch:
        patch.setattr(IncrementalNetwork, "compute", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            encoder.encode(world.cloud(), first)
    assert_alike(encoder.encode(world.cloud(), first), encoder.encode(world.cloud()))


def test_differing_rows_are_those_with_any_other_value():
    cloud = start().cloud()
    other = replace(
        cloud, colors=cloud.colors.copy(), weights=cloud.weights.copy(), last_seen_ns=cloud.last_seen_ns + 1
    )
    other.colors[5, 2] ^= 1
    other.weights[9] += 1
    assert differing(other, cloud).tolist() == [5, 9]


def test_senseless_arguments_are_refused():
    cloud = start().cloud()
    with pytest.raises(ValueError, match="passes"):
        SceneEncoder(NETWORK, passes=9)
    with pytest.raises(ValueError, match="passes"):
        embed_voxels(NETWORK, np.zeros((1, 3), np.int32), np.zeros((1, 8), np.float32), passes=0)
    with pytest.raises(ValueError, match="changed"):
        ENCODERS[1].encode(cloud, None, np.array([len(cloud)]))


def test_each_map_is_encoded_with_the_backend_of_its_time():
    encoder, cloud = SceneEncoder(NETWORK), ChangingMap()
    cloud.sheet((0, 0, 0), size=20)
    own = encoder.encode(cloud.cloud())
    with use_backend("torch"):
        plain = encoder.encode(cloud.cloud())
    again = encoder.encode(cloud.cloud())
    assert torch.equal(own.scores.joined(), again.scores.joined())
    torch.testing.assert_close(own.scores.joined(), plain.scores.joined(), atol=1e-4, rtol=0)
