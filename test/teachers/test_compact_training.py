"""Training of the compact teacher on 2D masks."""

import contextlib

import numpy as np
import torch

from mllm_for3d_ros.language.phrase_tokens import PhraseTensors
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.views import LabelledViews
from mllm_for3d_ros.teachers.compact.network import PixelEmbedder
from mllm_for3d_ros.teachers.compact.training import (
    TeacherSettings,
    TeacherTraining,
    augment,
    class_coverage,
    mask_loss,
)


def views_of(color: np.ndarray, classes: np.ndarray) -> LabelledViews:
    """Views whose bright pixels are 1 m away and the others 3 m."""
    depth = np.where(color[..., 0] > 100, 1000, 3000).astype(np.uint16)
    return LabelledViews(color, classes.astype(np.uint8), depth, np.tile(np.eye(4), (len(color), 1, 1)))


def test_coverage_counts_the_pixels_of_every_cell():
    classes = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    classes[0, :4, :2] = 1
    coverage = class_coverage(classes, 3)
    assert coverage.shape == (1, 3, 2, 2)
    assert coverage[0, 1].tolist() == [[0.5, 0.0], [0.0, 0.0]]
    assert coverage[0, 0].sum() == 0


def test_augmentation_mirrors_image_and_mask_alike():
    color = np.zeros((8, 240, 320, 3), np.uint8)
    color[:, :, :160] = 200
    drawn = augment(views_of(color, np.where(color[..., 0] > 0, 1, 255)), np.random.default_rng(0))
    bright = drawn.image.mean(1) > 0.3
    assert torch.equal(bright, drawn.classes == 1)
    assert drawn.image.min() >= 0 and drawn.image.max() <= 1
    near = (drawn.geometry[:, 1] > 0) & (drawn.geometry[:, 1] < 0.4)
    with_depth = drawn.geometry.flatten(1).any(1)
    assert 0 < with_depth.sum() < 8
    assert torch.equal(near[with_depth], bright[with_depth][:, ::4, ::4])


def test_a_right_answer_costs_less_than_a_wrong_one():
    coverage = torch.zeros(1, 2, 8, 8)
    coverage[0, 0, :4] = 1
    right = torch.full((1, 3, 8, 8), -6.0)
    right[0, 0, :4] = 6
    wrong = right.flip(2)
    assert mask_loss(right, coverage) < 0.1 < mask_loss(wrong, coverage)


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 255, (6, 240, 320, 3), dtype=np.uint8)
    views = views_of(colors, np.where(colors[..., 0] > 128, 0, 255))
    phrases = PhraseTensors(torch.randn(6, EMBEDDING_DIM), torch.tensor([0, 0, 1, 1, 2, 2]), 2)
    torch.manual_seed(0)
    head = TextHead(classes=2).eval().requires_grad_(False)
    settings = TeacherSettings(steps=3, batch=2, outside_queries=1)

    def train(folder, stop_after=None):
        folder.mkdir(exist_ok=True)
        torch.manual_seed(0)
        training = TeacherTraining(views, phrases, head, PixelEmbedder(), folder, settings)

        def report(step, loss):
            if step == stop_after:
                raise KeyboardInterrupt

        return training.run(report, save_every=1)

    whole = train(tmp_path / "whole")
    with contextlib.suppress(KeyboardInterrupt):
        train(tmp_path / "parts", stop_after=2)
    resumed = train(tmp_path / "parts")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
