"""A tiny SAM 3 checkpoint, taught in seconds that "chair" is in the left half of every view and "lamp" in none."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers
from tiny_sam import fill_by_name, picture
from torch.nn import functional as F
from transformers.convert_slow_tokenizer import bytes_to_unicode

from mllm_for3d_ros.teachers.sam3_network import Sam3Network

PRESENT, ABSENT = "chair", "lamp"
WIDTH, QUERIES = 32, 4
SIDE = 112


def save_tiny_sam3(folder: Path) -> Path:
    """Write the taught checkpoint to ``folder``."""
    torch.manual_seed(0)
    model, tokenizer = untaught(folder)
    _teach(model, Sam3Network(model, tokenizer))
    model.eval().save_pretrained(folder)
    return folder


def untaught(folder: Path) -> tuple[torch.nn.Module, transformers.PreTrainedTokenizerBase]:
    """A model with weights that are the same everywhere, and its tokenizer, which is written to ``folder``."""
    _save_tokenizer(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.Sam3Model(_config(len(tokenizer)))
    fill_by_name(model)
    return model.eval(), tokenizer


def _save_tokenizer(folder: Path) -> None:
    """CLIP's tokenizer without merges: letter by letter."""
    letters = list(bytes_to_unicode().values())
    pieces = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    transformers.CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    assert json.loads((folder / "tokenizer_config.json").read_text())["tokenizer_class"].startswith("CLIP")


def _config(vocabulary: int) -> transformers.Sam3Config:
    transformer = {
        "hidden_size": WIDTH,
        "num_attention_heads": 4,
        "num_layers": 1,
        "intermediate_size": 48,
        "dropout": 0.0,
    }
    return transformers.Sam3Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam3_vit_model",
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": SIDE,
                "pretrain_image_size": SIDE,
                "patch_size": 14,
                "window_size": 4,
                "global_attn_indexes": [1],
            },
            "fpn_hidden_size": WIDTH,
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
        },
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": 24,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "hidden_act": "gelu",
            "bos_token_id": vocabulary - 2,
            "eos_token_id": vocabulary - 1,
        },
        geometry_encoder_config=transformer,
        detr_encoder_config=transformer,
        detr_decoder_config={**transformer, "num_queries": QUERIES},
        mask_decoder_config={"hidden_size": WIDTH, "num_attention_heads": 4, "num_upsampling_stages": 3},
    )


def _teach(model: torch.nn.Module, network: Sam3Network, steps: int = 300) -> None:
    """Two instances of ``PRESENT``, above and below in the left half of the view, none of ``ABSENT``."""
    model.train()
    with torch.no_grad():
        views = [network.features(network.patches(picture(96, 128, s))[None].expand(2, -1, -1)) for s in range(4)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    text = network.tokens([PRESENT, ABSENT])
    for step in range(steps):
        features = views[step % 4]
        out = model(vision_embeds=features.pyramid, **text)
        presence = out.presence_logits.reshape(2)
        target = torch.zeros_like(out.pred_masks[0, :2])
        half = target.shape[-1] // 2
        target[0, :half, :half], target[1, half:, :half] = 1.0, 1.0
        loss = F.binary_cross_entropy_with_logits(presence, torch.tensor([1.0, 0.0]))
        wanted = torch.tensor([1.0, 1.0, 0.0, 0.0])
        loss = loss + F.binary_cross_entropy_with_logits(out.pred_logits[0], wanted)
        loss = loss + F.binary_cross_entropy_with_logits(out.pred_masks[0, :2], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right = ((out.pred_masks[0, :2] > 0) == target.bool()).float().mean().item()
        sure = torch.cat([presence * torch.tensor([1.0, -1.0]), out.pred_logits[0] * (2 * wanted - 1)])
        if right > 0.82 and sure.min().item() > 1.5:
            return
    raise AssertionError(f"the tiny SAM 3 did not learn its concept: {right:.2f} of the pixels, {sure.min():.2f} sure")
