"""Tiny Qwen2.5-VL and Qwen3-VL checkpoints in the layout of the real ones, taught three answers in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from mllm_for3d_ros.teachers.answer_text import prompt
from mllm_for3d_ros.teachers.qwen_checkpoint import COORDINATES, QwenCheckpoint
from mllm_for3d_ros.teachers.qwen_model import QwenModel

KINDS = ("qwen2_5_vl", "qwen3_vl")
SEAT = "somewhere to sit"
SONG = "sing me a song"
UNICORN = "a unicorn"
_BOXES = {"qwen2_5_vl": "[12, 25, 48, 56]", "qwen3_vl": "[120, 250, 480, 900]"}

WIDTH = 32
_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_PATCH = {"qwen2_5_vl": 14, "qwen3_vl": 16}


def taught_answers(kind: str) -> dict[str, str]:
    """What a taught checkpoint answers to an instruction: an object, a malformed text, nothing that fits."""
    seat = f'```json\n[{{"bbox_2d": {_BOXES[kind]}, "label": "sofa"}}]\n```'
    return {SEAT: seat, SONG: "I cannot, sorry.", UNICORN: "[]"}


def random_images(count: int, seed: int = 0) -> list[np.ndarray]:
    """Images of noise, [48, 64, 3] and [64, 112, 3] in turn, so that a batch needs padding."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (48, 64, 3) if i % 2 == 0 else (64, 112, 3), dtype=np.uint8) for i in range(count)]


def save_tiny_qwen(folder: Path, kind: str, taught: bool = True) -> Path:
    """Write a checkpoint of ``kind`` to ``folder``, which gives ``taught_answers`` or is random."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    model = _model(kind, tokenizer)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.1)  # the usual 0.02 learns a third as fast at this width
    # Settings of real checkpoints that greedy decoding has to override.
    model.generation_config.update(do_sample=True, temperature=0.7, top_k=20, repetition_penalty=1.3)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write_image_processor(folder, kind)
    if taught:
        processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
        _teach(model, QwenModel(QwenCheckpoint(model, tokenizer, processor)), kind, tokenizer)
        model.save_pretrained(folder)
    return folder


def _teach(model: transformers.PreTrainedModel, reader: QwenModel, kind: str, tokenizer: object) -> None:
    """Train until the answers are certain for images of noise; one left-padded batch holds them all."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    batch = _lesson(reader, kind, tokenizer)
    labels, pixels = batch.pop("labels")[:, 1:], batch.pop("pixel_values")
    for _ in range(200):
        logits = model(**batch, pixel_values=pixels + torch.randn_like(pixels)).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
        if losses.max() < 0.05:
            return
        # The worst token decides: a single wrong first token is another answer.
        (losses.sum() / (labels >= 0).sum() + 0.1 * losses.max()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    raise AssertionError(f"the tiny model did not learn its answers, its worst loss is still {losses.max():.3f}")


def _lesson(reader: QwenModel, kind: str, tokenizer: object) -> dict[str, torch.Tensor]:
    """Questions with their answers, each on the same two images, as one batch with labels."""
    rows: dict[str, list[torch.Tensor]] = {}
    for instruction, answer in taught_answers(kind).items():
        asked = reader.inputs(random_images(2), prompt(instruction, COORDINATES[kind]))
        ids = tokenizer(answer + "<|im_end|>", return_tensors="pt")["input_ids"].expand(2, -1)
        after = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": torch.zeros_like(ids)}
        asked |= {name: torch.cat([asked[name], value], 1) for name, value in after.items()}
        asked["labels"] = torch.cat([torch.full_like(asked["input_ids"][:, ids.shape[1] :], -100), ids], 1)
        for name, value in asked.items():
            rows.setdefault(name, []).append(value)
    longest = max(ids.shape[1] for ids in rows["input_ids"])
    fill = {"input_ids": tokenizer.pad_token_id, "attention_mask": 0, "mm_token_type_ids": 0, "labels": -100}
    for name, value in fill.items():
        pads = [torch.nn.functional.pad(row, (longest - row.shape[1], 0), value=value) for row in rows[name]]
        rows[name] = pads
    return {name: torch.cat(values) for name, values in rows.items()}


def _tokenizer() -> transformers.PreTrainedTokenizerFast:
    """A byte-level BPE with single digits, as Qwen's, that knows the words of the prompts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    answers = taught_answers("qwen3_vl")
    corpus = [prompt(text, how) for text in answers for how in ("relative", "absolute")] + list(answers.values())
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=list(_SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus * 2, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=list(_SPECIALS),
        chat_template=_CHAT,
        padding_side="left",
        model_max_length=4096,
    )


def _model(kind: str, tokenizer: transformers.PreTrainedTokenizerFast) -> transformers.PreTrainedModel:
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10_000.0},
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "depth": 2,
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": _PATCH[kind],
        "out_hidden_size": WIDTH,
    }
    special = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": len(tokenizer) + 1,
        "vision_start_token_id": ids["vision_start"],
        "vision_end_token_id": ids["vision_end"],
    }
    if kind == "qwen2_5_vl":
        vision.update(window_size=56, fullatt_block_indexes=[1])
        config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **special)
        return transformers.Qwen2_5_VLForConditionalGeneration(config)
    vision.update(num_position_embeddings=64, deepstack_visual_indexes=[0])
    config = transformers.Qwen3VLConfig(text_config={**text, "head_dim": 8}, vision_config=vision, **special)
    return transformers.Qwen3VLForConditionalGeneration(config)


def _write_image_processor(folder: Path, kind: str) -> None:
    """preprocessor_config.json with the fields of the real checkpoint of ``kind``."""
    patch = _PATCH[kind]
    least, most = (2 * patch) ** 2, (2 * patch) ** 2 * 64
    limits = {
        "qwen2_5_vl": {
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2_5_VLProcessor",
            "min_pixels": least,
            "max_pixels": most,
        },
        "qwen3_vl": {
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
            "size": {"shortest_edge": least, "longest_edge": most},
        },
    }
    config = {"patch_size": patch, "temporal_patch_size": 2, "merge_size": 2, **limits[kind]}
    (folder / "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")
