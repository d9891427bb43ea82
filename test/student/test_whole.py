"""Networks that compute all of a map again."""

import torch
from changing_map import ChangingMap

from mllm_for3d_ros.student.embedding import embed_voxels
from mllm_for3d_ros.student.encoding import SceneEncoder
from mllm_for3d_ros.student.minkunet import MinkUNet, Shape
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.voxels import voxelise
from mllm_for3d_ros.student.whole import WholeNetwork


def network() -> StudentNetwork:
    torch.manual_seed(0)
    return StudentNetwork(3, MinkUNet(Shape((2, 3, 4, 5, 4, 3, 3, 2), (1,) * 8))).eval().requires_grad_(False)


def start() -> ChangingMap:
    world = ChangingMap()
    world.sheet((0, 0, 0))
    world.sheet((40, -20, 3))
    return world


def test_any_network_encodes_a_map_and_its_next_version():
    world, own = start(), network()
    encoder = SceneEncoder(own, passes=2)
    scene = encoder.encode(world.cloud())
    world.sheet((80, 5, 0))
    world.remove(0.2)
    scene = encoder.encode(world.cloud(), scene)
    voxels = voxelise(world.cloud())
    expected = embed_voxels(own, voxels.coords, voxels.inputs, passes=2)
    rows = torch.from_numpy(scene.rows)
    answered = voxels.rows >= 0
    assert len(scene.voxels) == len(voxels) and ((scene.rows > 0) == answered).all()
    found = scene.scores.joined()[rows][answered]
    torch.testing.assert_close(found, own.scores(expected)[voxels.rows[answered]], atol=1e-4, rtol=0)


def test_a_map_that_stays_is_not_computed_again(monkeypatch):
    world, encoder = start(), SceneEncoder(network())
    scene = encoder.encode(world.cloud())
    computed = []
    compute = WholeNetwork.compute
    monkeypatch.setattr(
        WholeNetwork, "compute", lambda *arguments: computed.append(compute(*arguments)) or computed[-1]
    )
    again = encoder.encode(world.cloud(), scene)
    assert [len(rows) for rows, _ in computed] == [0]
    torch.testing.assert_close(again.scores.joined(), scene.scores.joined(), atol=0, rtol=0)


def test_an_empty_map_has_no_voxels():
    assert len(SceneEncoder(network()).encode(ChangingMap().cloud()).voxels) == 0
