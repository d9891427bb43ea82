"""Training of the student on pseudo-labels, and its answers afterwards."""

import numpy as np
import torch
from student_scene import toy_scene

from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM
from mllm_for3d_ros.language.text_head import fit_text_head
from mllm_for3d_ros.student.calibration import calibrate
from mllm_for3d_ros.student.losses import PRESENT, contrast_loss, presence_loss, semantic_loss, spatial_loss
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.training import StudentSettings, StudentTraining, turned


def stored_scenes(folder, count: int = 4):
    paths = [folder / f"scene_{i:05d}.npz" for i in range(count)]
    for seed, path in enumerate(paths):
        toy_scene(seed).save(path)
    return paths


def phrase_embeddings() -> torch.Tensor:
    return torch.nn.functional.normalize(
        torch.randn(3, EMBEDDING_DIM, generator=torch.Generator().manual_seed(0)), dim=1
    )


def test_the_student_learns_what_is_where_and_what_is_not_there(tmp_path):
    paths = stored_scenes(tmp_path)
    torch.manual_seed(0)
    network = StudentNetwork(classes=2)
    fit_text_head(network.projector, phrase_embeddings(), torch.arange(3), steps=50)
    settings = StudentSettings(steps=40, learning_rate=5e-3, ema=0.9)
    losses = []
    training = StudentTraining(paths, phrase_embeddings(), network, tmp_path, settings)
    trained = training.run(lambda step, parts: losses.append(sum(parts.values())))
    assert losses[-1] < 0.5 * losses[0]
    thresholds, figures = calibrate(trained, paths, phrase_embeddings())
    assert figures["mean_iou_to_pseudo_labels"] > 0.8
    assert figures["balanced_presence_accuracy"] > 0.9
    assert 0 < thresholds["presence"] < 1


def test_turning_keeps_inputs_and_normals_together():
    scene = toy_scene()
    inputs = scene.inputs.astype(np.float32)
    inputs[:, 3:5] = scene.coords[:, :2] - scene.coords[:, :2].mean(0)
    for seed in range(6):
        coords, moved = turned(scene.coords, inputs, np.random.default_rng(seed))
        centred = coords[:, :2] - coords[:, :2].mean(0)
        np.testing.assert_allclose(moved[:, 3:5], centred, atol=1e-2)


def test_unknown_voxels_cost_nothing():
    target, known = torch.zeros(1, 4), torch.tensor([[True, True, False, False]])
    good = torch.tensor([[-9.0, -9.0, 9.0, 9.0]])
    assert semantic_loss(good, target, known, torch.zeros(1)) < 1e-2


def test_another_instruction_on_the_same_voxel_is_a_negative():
    target, known = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.ones(2, 2, dtype=torch.bool)
    alone, contested = torch.tensor([[6.0, 6.0], [-6.0, -6.0]]), torch.tensor([[6.0, 6.0], [6.0, 6.0]])
    assert contrast_loss(alone, target, known) < 0.1 < contrast_loss(contested, target, known)


def test_losses_of_nothing_are_zero():
    assert spatial_loss(torch.ones(3, 2), torch.ones(3, 2), torch.zeros(3, dtype=torch.bool)) == 0


def test_an_undecided_presence_teaches_nothing():
    assert presence_loss(torch.tensor([5.0]), torch.tensor([PRESENT])) == 0
