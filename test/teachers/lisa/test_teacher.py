"""The [SEG] path from a checkpoint in the original layout to answers, against a plain second computation."""

import numpy as np
import pytest
import torch
from tiny_lisa import NONE, ONE, TOKEN_DIM, TWO
from tiny_sam import picture
from torch.nn import functional as F

from mllm_for3d_ros.errors import InstructionError, TeacherError
from mllm_for3d_ros.teachers.lisa import LisaTeacher
from mllm_for3d_ros.teachers.lisa.checkpoint import LisaConfig, open_state
from mllm_for3d_ros.teachers.lisa.clip_pixels import clip_pixels
from mllm_for3d_ros.teachers.lisa.teacher import fingerprint_of
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.types import Frame, Intrinsics


def frame(seed, size=(48, 64)):
    camera = Intrinsics(size[1], size[0], 50.0, 50.0, size[1] / 2, size[0] / 2)
    return Frame(0, picture(*size, seed), np.zeros(size, np.float32), camera, np.eye(4))


FRAMES = [frame(0), frame(1, (64, 48)), frame(2)]


def plain_answer(teacher, image, instruction, size):
    """Teacher forcing over the whole sequence, SAM as LISA's postprocess_masks does it; masks one by one."""
    network, tokenizer = teacher._network, teacher._tokenizer
    prompt = tokenizer.prompt(instruction, True)
    table = network.language.model.embed_tokens
    clip = network.clip(clip_pixels(image, 28)[None], output_hidden_states=True).hidden_states[-2][:, 1:]
    start = torch.cat([table(torch.tensor([prompt.before])), network.projector(clip)], 1)
    start = torch.cat([start, table(torch.tensor([prompt.after]))], 1)
    new: list[int] = []
    while tokenizer.eos not in new:
        sequence = torch.cat([start, table(torch.tensor([new], dtype=torch.long).reshape(1, -1))], 1)
        out = network.language(inputs_embeds=sequence, output_hidden_states=True)
        new.append(int(out.logits[0, -1].argmax()))
    states = out.hidden_states[-1][0, start.shape[1] - 1 :]  # states[t] chose new[t]
    first, last = network.seg_head[0], network.seg_head[2]
    hidden = torch.stack([states[t] for t, token in enumerate(new) if token == tokenizer.seg])
    seg = (hidden @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias

    sam, height, width = network.sam, *size
    side = sam.config.vision_config.image_size
    scale = side / max(size)
    inside = (round(height * scale), round(width * scale))
    features = sam.get_image_embeddings(teacher._sam_input.prepare(image, "cpu"))
    _, dense = sam.prompt_encoder(None, None, None, None)
    masks, ious = [], []
    for one in seg:
        low, iou = sam.mask_decoder(
            features, sam.get_image_wide_positional_embeddings(), one[None, None, None], dense, False
        )[:2]
        large = F.interpolate(low[0], (side, side), mode="bilinear", align_corners=False)
        cut = large[..., : inside[0], : inside[1]]
        masks.append(F.interpolate(cut, size, mode="bilinear", align_corners=False)[0, 0].sigmoid())
        ious.append(float(iou))
    return seg.mean(0).numpy(), torch.stack(masks).amax(0).numpy(), float(np.clip(ious, 0, 1).mean())


@pytest.mark.parametrize("instruction", [ONE, TWO])
def test_seg_embedding_mask_and_score_equal_a_plain_computation(teacher, instruction):
    answers = teacher.answer(FRAMES, instruction)
    for view, answer in zip(FRAMES, answers, strict=True):
        assert answer.abstained is None
        with torch.inference_mode():
            token, mask, score = plain_answer(teacher, view.color, instruction, view.depth.shape)
        np.testing.assert_allclose(answer.token, token, atol=1e-5)
        np.testing.assert_allclose(answer.mask, mask, atol=1e-5)
        assert answer.score == pytest.approx(score, abs=1e-5)
        assert 0.0 < answer.score < 1.0
        assert answer.token.shape == (teacher.token_dim,) == (TOKEN_DIM,)


def test_an_answer_without_seg_is_an_abstention_that_quotes_it(teacher):
    for view, answer in zip(FRAMES, teacher.answer(FRAMES, NONE), strict=True):
        assert answer.abstained == "no [SEG] in the answer: 'There is none.'"
        assert answer.mask.shape == view.depth.shape
        assert not answer.mask.any()
        assert answer.token is None
        assert answer.score == 0.0


def test_a_batch_answers_as_its_views_do_alone(teacher):
    together = teacher.answer(FRAMES, ONE)
    alone = [teacher.answer([view], ONE)[0] for view in FRAMES]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.token, b.token, atol=1e-5)
        np.testing.assert_allclose(a.mask, b.mask, atol=1e-5)
    assert teacher.answer([], ONE) == []


def test_a_view_is_encoded_once_for_all_instructions(checkpoint):
    teacher = LisaTeacher.load(str(checkpoint[0]), TeacherOptions(device="cpu", clip=str(checkpoint[1])))
    looks = []
    for module in (teacher._network.sam.vision_encoder, teacher._network.clip):
        module.register_forward_hook(lambda *_: looks.append(1))
    first = teacher.answer(FRAMES, ONE)
    second = teacher.answer(FRAMES, TWO)
    assert len(looks) == 2 * len(FRAMES)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.features, b.features)
        assert a.features.shape[0] == teacher._network.sam.config.mask_decoder_config.hidden_size


def test_features_cover_the_picture_and_not_the_padding(teacher):
    wide, tall = teacher.answer(FRAMES[:2], ONE)
    assert wide.features.shape[1:] == (12, 16)
    assert tall.features.shape[1:] == (16, 12)


def test_numbers_that_are_not_finite_are_an_abstention(checkpoint):
    teacher = LisaTeacher.load(str(checkpoint[0]), TeacherOptions(device="cpu", clip=str(checkpoint[1])))
    teacher._network.seg_head[2].bias.data[0] = float("nan")
    (answer,) = teacher.answer(FRAMES[:1], ONE)
    assert answer.abstained == "the model gave numbers that are not finite"
    assert answer.token is None


def test_precision_is_chosen_and_named(checkpoint, teacher):
    options = TeacherOptions(device="cpu", dtype="bfloat16", clip=str(checkpoint[1]))
    half = LisaTeacher.load(str(checkpoint[0]), options)
    network = half._network
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    assert network.language.model.rotary_emb.inv_freq.dtype == torch.float32
    (answer,) = half.answer(FRAMES[:1], ONE)
    np.testing.assert_allclose(answer.token, teacher.answer(FRAMES[:1], ONE)[0].token, atol=0.05)
    assert half.fingerprint != teacher.fingerprint
    assert half.fingerprint.weights == teacher.fingerprint.weights


def test_the_fingerprint_is_known_without_loading(checkpoint, teacher):
    options = TeacherOptions(device="cpu", clip=str(checkpoint[1]))
    assert fingerprint_of(str(checkpoint[0]), options) == teacher.fingerprint
    assert str(teacher.fingerprint).startswith("lisa:")


def test_nothing_of_the_network_is_a_view_of_the_checkpoint_or_left_empty(teacher):
    tensors = [*teacher._network.parameters(), *teacher._network.buffers()]
    assert not any(tensor.is_meta for tensor in tensors)
    assert not any(parameter.requires_grad for parameter in teacher._network.parameters())


def save_without(folder, drop, add=None):
    """Write the checkpoint again as one file without the keys that start with ``drop``."""
    state = {name: t.clone() for name, t in open_state(folder).items() if not name.startswith(drop)}
    for file in folder.glob("pytorch_model*"):
        file.unlink()
    torch.save({**state, **(add or {})}, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("drop", "match"),
    [
        ("model.layers.1.mlp.up_proj", r"lacks 1 tensors of its language model \(model\.layers\.1\.mlp\.up_proj"),
        ("model.visual_model.mask_decoder.iou_token", r"lacks 1 tensors of its SAM \(mask_decoder\.iou_token"),
        ("model.visual_model", "SAM"),
        ("model.text_hidden_fcs", r"lacks 4 tensors of its \[SEG\] head"),
    ],
)
def test_an_incomplete_checkpoint_is_refused(editable, checkpoint, drop, match):
    save_without(editable, drop)
    with pytest.raises(TeacherError, match=match):
        LisaTeacher.load(str(editable), TeacherOptions(device="cpu", clip=str(checkpoint[1])))


def test_a_tensor_too_many_and_one_of_another_shape_are_refused(editable, checkpoint):
    options = TeacherOptions(device="cpu", clip=str(checkpoint[1]))
    save_without(editable, "nothing", {"model.layers.0.lora_A.weight": torch.zeros(1)})
    with pytest.raises(TeacherError, match=r"has unknown 1 tensors of its language model \(model\.layers\.0\.lora_A"):
        LisaTeacher.load(str(editable), options)
    save_without(editable, "model.layers.0.lora_A", {"model.norm.weight": torch.zeros(7)})
    with pytest.raises(TeacherError, match=r"model\.norm\.weight of shape \[7\]"):
        LisaTeacher.load(str(editable), options)


def test_a_checkpoint_that_carries_the_clip_tower_loads(editable, checkpoint):
    save_without(editable, "nothing", {"model.vision_tower.vision_tower.vision_model.x": torch.zeros(1)})
    LisaTeacher.load(str(editable), TeacherOptions(device="cpu", clip=str(checkpoint[1])))


def test_a_missing_clip_tower_names_the_command(checkpoint):
    assert LisaConfig.read(checkpoint[0]).clip == "openai/clip-vit-large-patch14"
    with pytest.raises(TeacherError, match="hf download nobody/no-such-tower"):
        LisaTeacher.load(str(checkpoint[0]), TeacherOptions(device="cpu", clip="nobody/no-such-tower"))


def test_another_clip_tower_is_refused(checkpoint, tmp_path):
    from transformers import CLIPVisionConfig, CLIPVisionModel

    small = CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
    CLIPVisionModel(small).save_pretrained(tmp_path)
    with pytest.raises(TeacherError, match="not the CLIP tower of this checkpoint"):
        LisaTeacher.load(str(checkpoint[0]), TeacherOptions(device="cpu", clip=str(tmp_path)))


def test_four_bit_without_its_extra_or_a_gpu_says_so(checkpoint):
    options = TeacherOptions(device="cpu", four_bit=True, clip=str(checkpoint[1]))
    with pytest.raises(TeacherError, match="4 bit needs"):
        LisaTeacher.load(str(checkpoint[0]), options)


def test_an_empty_instruction_is_refused(teacher):
    with pytest.raises(InstructionError):
        teacher.answer(FRAMES[:1], "  ")
