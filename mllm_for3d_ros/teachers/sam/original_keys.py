"""Checkpoints of the original segment-anything code (``sam_vit_b_01ec64.pth`` and the like) for transformers' SamModel.

Only names differ; what the configuration would say is read off the shapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_TIED = ("shared_image_embedding.positional_embedding", "prompt_encoder.shared_embedding.positional_embedding")
_NOT_WEIGHTS = frozenset({"pixel_mean", "pixel_std"})
"""Constants of the normalisation that some tools save along with the weights."""

_RENAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^image_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
        (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
        (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
        (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
        (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
        (r"^image_encoder\.blocks\.(\d+)\.norm([12])\.", r"vision_encoder.layers.\1.layer_norm\2."),
        (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
        (r"^image_encoder\.pos_embed$", "vision_encoder.pos_embed"),
        (r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$", _TIED[0]),
        (r"^prompt_encoder\.point_embeddings\.", "prompt_encoder.point_embed."),
        (r"^prompt_encoder\.mask_downscaling\.0\.", "prompt_encoder.mask_embed.conv1."),
        (r"^prompt_encoder\.mask_downscaling\.1\.", "prompt_encoder.mask_embed.layer_norm1."),
        (r"^prompt_encoder\.mask_downscaling\.3\.", "prompt_encoder.mask_embed.conv2."),
        (r"^prompt_encoder\.mask_downscaling\.4\.", "prompt_encoder.mask_embed.layer_norm2."),
        (r"^prompt_encoder\.mask_downscaling\.6\.", "prompt_encoder.mask_embed.conv3."),
        (r"^mask_decoder\.output_upscaling\.0\.", "mask_decoder.upscale_conv1."),
        (r"^mask_decoder\.output_upscaling\.1\.", "mask_decoder.upscale_layer_norm."),
        (r"^mask_decoder\.output_upscaling\.3\.", "mask_decoder.upscale_conv2."),
        (r"^mask_decoder\.transformer\.norm_final_attn\.", "mask_decoder.transformer.layer_norm_final_attn."),
        (r"^(mask_decoder\.transformer\.layers\.\d+)\.norm([1-4])\.", r"\1.layer_norm\2."),
    )
)
_HEAD_LAYER = re.compile(
    r"^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head))\.layers\.(\d+)\.(\w+)$"
)


def rename_original_sam(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``state`` of the original code's Sam under the names of transformers' SamModel.

    The positional matrix appears twice, as SamModel ties it. Names that are not of that layout stay as they
    are, so that whoever loads the result sees them as unexpected.
    """
    renamed = {_rename(key, state): value for key, value in state.items() if key not in _NOT_WEIGHTS}
    if _TIED[0] in renamed:
        renamed[_TIED[1]] = renamed[_TIED[0]]
    return renamed


def sam_config_of(state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Keyword arguments of transformers' SamConfig for ``state`` of the original code.

    Raises:
        KeyError: a tensor that every SAM has is missing.
    """
    return {
        "vision_config": _vision_config(state),
        "prompt_encoder_config": _prompt_encoder_config(state),
        "mask_decoder_config": _mask_decoder_config(state),
    }


def _rename(key: str, state: Mapping[str, torch.Tensor]) -> str:
    """The name of ``key`` in SamModel."""
    head = _HEAD_LAYER.match(key)
    if head:
        name, layer, kind = head[1], int(head[2]), head[3]
        last = _count(state, f"{name}.layers.") - 1
        place = "proj_in" if layer == 0 else "proj_out" if layer == last else f"layers.{layer - 1}"
        return f"{name}.{place}.{kind}"
    for pattern, replacement in _RENAMES:
        renamed, hits = pattern.subn(replacement, key)
        if hits:
            return renamed
    return key


def _count(state: Mapping[str, torch.Tensor], prefix: str) -> int:
    """How many numbered parts there are below ``prefix``."""
    return len({key[len(prefix) :].split(".", 1)[0] for key in state if key.startswith(prefix)})


def _vision_config(state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    grid, hidden = state["image_encoder.pos_embed"].shape[1], state["image_encoder.pos_embed"].shape[3]
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    layers = _count(state, "image_encoder.blocks.")
    # Relative positions of a window of w cells have 2 w - 1 rows; a global layer's window is the grid.
    windows = [(state[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape[0] + 1) // 2 for i in range(layers)]
    return {
        "hidden_size": hidden,
        "output_channels": state["image_encoder.neck.0.weight"].shape[0],
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // state["image_encoder.blocks.0.attn.rel_pos_h"].shape[1],
        "image_size": grid * patch,
        "patch_size": patch,
        "window_size": next((w for w in windows if w != grid), 0),
        "global_attn_indexes": [i for i, w in enumerate(windows) if w == grid],
        "num_pos_feats": state["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"].shape[1],
        "mlp_dim": state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0],
    }


def _prompt_encoder_config(state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    patch = state["image_encoder.patch_embed.proj.weight"].shape[-1]
    return {
        "hidden_size": state["prompt_encoder.no_mask_embed.weight"].shape[1],
        "image_size": state["image_encoder.pos_embed"].shape[1] * patch,
        "patch_size": patch,
        "mask_input_channels": state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
        "num_point_embeddings": _count(state, "prompt_encoder.point_embeddings."),
    }


def _mask_decoder_config(state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """All but the number of attention heads, which no shape tells: 8, as in every released model."""
    tokens, hidden = state["mask_decoder.mask_tokens.weight"].shape
    inner = state["mask_decoder.transformer.final_attn_token_to_image.q_proj.weight"].shape[0]
    return {
        "hidden_size": hidden,
        "mlp_dim": state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
        "num_hidden_layers": _count(state, "mask_decoder.transformer.layers."),
        "attention_downsample_rate": hidden // inner,
        "num_multimask_outputs": tokens - 1,
        "iou_head_depth": _count(state, "mask_decoder.iou_prediction_head.layers."),
        "iou_head_hidden_dim": state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
        # That of the original code; the default of transformers differs and moves masks by up to 2 % IoU.
        "layer_norm_eps": 1e-5,
    }
