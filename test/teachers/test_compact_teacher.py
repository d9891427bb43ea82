"""The compact teacher behind the protocol."""

import numpy as np
import pytest
import torch

from mllm_for3d_ros.errors import CheckpointError, InstructionError
from mllm_for3d_ros.teachers.compact.network import PixelEmbedder
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.types import Frame, Intrinsics


def frame(width: int = 320, height: int = 240, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    camera = Intrinsics(width, height, 277.0, 277.0, width / 2, height / 2)
    color = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Frame(0, color, np.ones((height, width), np.float32), camera, np.eye(4))


@pytest.fixture
def eager_teacher(encoder, text_head):
    """An untrained teacher that finds everything everywhere."""
    torch.manual_seed(0)
    network = PixelEmbedder()
    network.bias.data.fill_(8.0)
    return CompactTeacher(network, text_head, encoder)


def test_masks_have_the_size_of_their_frames(eager_teacher):
    answers = eager_teacher.answer([frame(), frame(160, 120)], "the sofa")
    assert [a.mask.shape for a in answers] == [(240, 320), (120, 160)]
    assert all(a.abstained is None and a.token.shape == (64,) and a.score > 0.5 for a in answers)


def test_nothing_found_is_an_abstention_with_its_reason(encoder, text_head):
    network = PixelEmbedder()
    network.bias.data.fill_(-50.0)
    (answer,) = CompactTeacher(network, text_head, encoder).answer([frame()], "the sofa")
    assert answer.token is None and answer.score == 0 and not answer.mask.any()
    assert "no pixels above one half" in answer.abstained


def test_views_together_answer_as_each_alone(eager_teacher):
    frames = [frame(seed=1), frame(seed=2)]
    together = eager_teacher.answer(frames, "a lamp")
    forgetful = CompactTeacher(eager_teacher._network, eager_teacher._text_head, eager_teacher._encoder, views_kept=0)
    for one, view in zip(together, frames, strict=True):
        (other,) = forgetful.answer([view], "a lamp")
        np.testing.assert_allclose(one.mask, other.mask, atol=1e-4)
        np.testing.assert_allclose(one.token, other.token, atol=1e-4)
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_the_bytes_of_an_answer_do_not_depend_on_the_other_views(encoder, text_head):
    frames = [frame(seed=seed) for seed in range(5)]
    torch.manual_seed(0)
    network = PixelEmbedder()
    whole = CompactTeacher(network, text_head, encoder).answer(frames, "the sofa")
    for first, last in ((0, 1), (1, 4), (2, 5)):
        some = CompactTeacher(network, text_head, encoder).answer(frames[first:last], "the sofa")
        for one, other in zip(whole[first:last], some, strict=True):
            np.testing.assert_array_equal(one.features, other.features)


def test_an_image_is_looked_at_once_for_all_instructions(eager_teacher):
    seen = []
    eager_teacher._network.register_forward_hook(lambda module, images, result: seen.append(len(images[0])))
    frames = [frame(seed=1), frame(seed=2), frame(seed=1)]
    for instruction in ("the sofa", "a lamp"):
        first, _, third = eager_teacher.answer(frames, instruction)
        assert np.array_equal(first.mask, third.mask)
    eager_teacher.answer([frame(seed=2), frame(seed=3)], "a chair")
    assert seen == [1, 1, 1]
    assert eager_teacher.answer([], "a chair") == []


def test_features_are_the_pixel_embeddings_also_of_abstentions(eager_teacher):
    (answer,) = eager_teacher.answer([frame()], "the sofa")
    assert answer.features.shape == (64, 60, 80)
    eager_teacher._network.bias.data.fill_(-50.0)
    (nothing,) = eager_teacher.answer([frame()], "the sofa")
    assert nothing.abstained and np.array_equal(nothing.features, answer.features)


def test_an_empty_instruction_is_refused(eager_teacher):
    with pytest.raises(InstructionError):
        eager_teacher.answer([frame()], " ")


def test_an_unknown_checkpoint_is_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="not found"):
        CompactTeacher.load(tmp_path / "none.safetensors")


def test_the_shipped_teacher_loads_and_knows_its_fingerprint(encoder):
    teacher = CompactTeacher.load(encoder=encoder)
    assert str(teacher.fingerprint).startswith("compact:")
    assert len(teacher.answer([frame()], "the sofa")) == 1
