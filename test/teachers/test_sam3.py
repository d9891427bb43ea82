"""SAM 3 concept prompts end to end on a tiny taught checkpoint, and against the official processor."""

import numpy as np
import pytest
import sam3_parity
import torch
from named_teacher import ask_twice
from tiny_sam import picture
from tiny_sam3 import ABSENT, PRESENT, WIDTH, save_tiny_sam3

from mllm_for3d_ros.errors import InstructionError, TeacherError
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.sam3 import MIN_SCORE, Sam3Teacher, fingerprint_of
from mllm_for3d_ros.teachers.sam3_network import Found
from mllm_for3d_ros.types import Frame, Intrinsics


def frame(seed, size=(96, 128)):
    camera = Intrinsics(size[1], size[0], 50.0, 50.0, size[1] / 2, size[0] / 2)
    return Frame(0, picture(*size, seed), np.zeros(size, np.float32), camera, np.eye(4))


FRAMES = [frame(0), frame(1, (128, 96)), frame(2)]
CPU = TeacherOptions(device="cpu", batch_size=2)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tiny_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="module")
def teacher(checkpoint):
    return Sam3Teacher.load(str(checkpoint), CPU)


def test_scores_and_masks_are_those_of_the_official_processor(tmp_path):
    for our, official in zip(sam3_parity.ours(tmp_path), sam3_parity.answers(), strict=True):
        np.testing.assert_allclose(our.scores, official.scores, atol=1e-4)
        overlap = (our.masks & official.masks).sum((1, 2)) / (our.masks | official.masks).sum((1, 2))
        assert overlap.min() >= 0.98


def test_a_concept_in_the_view_is_segmented(teacher):
    for view, answer in zip(FRAMES, teacher.answer(FRAMES, f"please find the {PRESENT} near the wall"), strict=True):
        assert answer.abstained is None
        assert answer.mask.shape == view.depth.shape
        assert answer.score > MIN_SCORE
        half = answer.mask.shape[1] // 2
        assert (answer.mask[:, :half] > 0.5).mean() > 0.6
        assert (answer.mask[:, :half] > 0.5).mean() > (answer.mask[:, half:] > 0.5).mean()
        assert answer.token.shape == (teacher.token_dim,) == (WIDTH,)
        assert np.linalg.norm(answer.token) == pytest.approx(1.0, abs=1e-5)


def test_a_concept_that_is_not_there_is_an_abstention_with_its_presence(teacher):
    for view, answer in zip(FRAMES, teacher.answer(FRAMES, f"where is the {ABSENT}?"), strict=True):
        assert answer.abstained.startswith(f"{ABSENT!r} is not in the view (presence 0.")
        assert answer.mask.shape == view.depth.shape
        assert not answer.mask.any()
        assert answer.token is None


def test_several_phrases_give_what_any_of_them_finds(teacher):
    alone = teacher.answer(FRAMES, PRESENT)
    both = teacher.answer(FRAMES, f"the {ABSENT} or the {PRESENT}")
    for a, b in zip(alone, both, strict=True):
        np.testing.assert_array_equal(a.mask, b.mask)
        np.testing.assert_allclose(a.token, b.token, atol=1e-6)


def test_an_instruction_without_a_noun_is_an_abstention(teacher):
    (answer,) = teacher.answer(FRAMES[:1], "what is it?")
    assert answer.abstained == "no noun phrase in the instruction; name a text model with --phrases"


def test_a_batch_answers_as_its_views_do_alone(teacher):
    together = teacher.answer(FRAMES, PRESENT)
    for view, answer in zip(FRAMES, together, strict=True):
        (alone,) = teacher.answer([view], PRESENT)
        np.testing.assert_allclose(answer.mask, alone.mask, atol=2e-4)
        np.testing.assert_allclose(answer.token, alone.token, atol=2e-4)
    assert teacher.answer([], PRESENT) == []


def test_the_backbone_runs_once_a_view_and_features_are_the_same_for_all_instructions(checkpoint):
    teacher = Sam3Teacher.load(str(checkpoint), CPU)
    looks = []
    teacher._network._model.vision_encoder.backbone.register_forward_hook(lambda *_: looks.append(1))
    first, second = teacher.answer(FRAMES, PRESENT), teacher.answer(FRAMES, f"a {PRESENT} and a {ABSENT}")
    assert len(looks) == len(FRAMES)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
        assert a.features.shape == (WIDTH, 8, 8)


def test_steps_give_what_the_whole_model_gives(teacher):
    network = teacher._network
    with torch.inference_mode():
        pixels = network._input.prepare(FRAMES[0].color, "cpu")
        whole = network._model(pixel_values=pixels, **network.tokens([PRESENT]))
        (found,) = network.find(network.features(network.patches(FRAMES[0].color)[None]), PRESENT)
    scores = whole.pred_logits.sigmoid() * whole.presence_logits.sigmoid()
    torch.testing.assert_close(found.scores, scores[0], atol=2e-4, rtol=0)
    torch.testing.assert_close(found.masks, whole.pred_masks[0].sigmoid(), atol=2e-4, rtol=0)
    assert found.presence == pytest.approx(float(whole.presence_logits.sigmoid()), abs=2e-4)
    own = (found.queries @ found.text) / WIDTH**0.5
    torch.testing.assert_close(own.clamp(-12, 12), whole.pred_logits[0], atol=2e-3, rtol=0)


def test_instances_at_or_below_the_threshold_are_left_out():
    scores = torch.tensor([0.9, MIN_SCORE, 0.1, 0.6])
    found = Found("x", 0.9, scores, torch.rand(4, 2, 2), torch.eye(4), torch.ones(4))
    kept = found.above(MIN_SCORE)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.6])
    torch.testing.assert_close(kept.masks, found.masks[[0, 3]])
    assert kept.token()[0] > kept.token()[3] > kept.token()[1]


def test_presence_without_a_good_instance_is_an_abstention(teacher, monkeypatch):
    weak = Found(PRESENT, 0.9, torch.tensor([0.2, 0.3]), torch.ones(2, 4, 4), torch.ones(2, WIDTH), torch.ones(WIDTH))
    monkeypatch.setattr(teacher._network, "find", lambda features, phrase: [weak] * len(features.coarse))
    (answer,) = teacher.answer(FRAMES[:1], PRESENT)
    assert answer.abstained == f"no instance of {PRESENT!r} scores above 0.5 (best 0.30)"


def test_numbers_that_are_not_finite_are_an_abstention(checkpoint):
    teacher = Sam3Teacher.load(str(checkpoint), CPU)
    teacher._network._model.mask_decoder.mask_embedder.layers[-1].bias.data.fill_(float("nan"))
    (answer,) = teacher.answer(FRAMES[:1], PRESENT)
    assert answer.abstained == "the model gave numbers that are not finite"


def test_the_fingerprint_follows_precision_and_weights(checkpoint, teacher, tmp_path):
    assert teacher.fingerprint == fingerprint_of(str(checkpoint), CPU)
    assert fingerprint_of(str(checkpoint), TeacherOptions(dtype="bfloat16")) != teacher.fingerprint
    assert str(teacher.fingerprint).startswith("sam3:")


def test_bfloat16_answers_too(checkpoint, teacher):
    half = Sam3Teacher.load(str(checkpoint), TeacherOptions(device="cpu", dtype="bfloat16"))
    (answer,) = half.answer(FRAMES[:1], PRESENT)
    reference = teacher.answer(FRAMES[:1], PRESENT)[0].mask
    assert answer.abstained is None
    assert ((answer.mask > 0.5) == (reference > 0.5)).mean() > 0.95


def test_a_folder_of_another_model_is_refused(tmp_path):
    from tiny_sam import save_tiny_sam

    with pytest.raises(TeacherError, match="is a model of type sam; give a checkpoint of facebook/sam3"):
        Sam3Teacher.load(str(save_tiny_sam("sam", tmp_path)), CPU)


def test_missing_weights_name_the_command():
    with pytest.raises(TeacherError, match="hf download nobody/no-such-sam3"):
        Sam3Teacher.load("nobody/no-such-sam3", CPU)


def test_an_incomplete_checkpoint_is_refused(checkpoint, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(checkpoint, tmp_path / "broken")
    state = load_file(broken / "model.safetensors")
    del state["text_projection.weight"]
    save_file(state, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TeacherError, match=r"lacks 1 weights, among them text_projection\.weight"):
        Sam3Teacher.load(str(broken), CPU)


def test_an_empty_instruction_is_refused(teacher):
    with pytest.raises(InstructionError):
        teacher.answer(FRAMES[:1], "")


def test_by_name_behind_the_cache(checkpoint, tmp_path, monkeypatch):
    images = [view.color for view in FRAMES]
    answers = ask_twice(f"sam3:{checkpoint}", CPU, images, f"the {PRESENT}", tmp_path, monkeypatch)
    assert all(answer.abstained is None for answer in answers)
