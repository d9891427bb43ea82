"""Tiny SAM checkpoints with weights drawn from the names of the parameters: the same wherever they are built."""

from __future__ import annotations

import hashlib
import re
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers

FAMILIES = ("sam", "sam_hq", "sam2", "sam3_tracker")
SIDES = {"sam": 256, "sam_hq": 256, "sam2": 256, "sam3_tracker": 224}
CHANNELS = 32
"""Of the image features."""

_DECODER = {
    "hidden_size": CHANNELS,
    "mlp_dim": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "iou_head_hidden_dim": 24,
}
_VIT = {
    "hidden_size": 48,
    "output_channels": CHANNELS,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 256,
    "window_size": 7,
    "global_attn_indexes": [1],
    "num_pos_feats": CHANNELS // 2,
    "mlp_dim": 96,
}
_PROMPTS = {"hidden_size": CHANNELS, "image_size": 256, "patch_size": 16, "mask_input_channels": 8}


def tiny_sam(family: str) -> torch.nn.Module:
    """A model of ``family`` in eval mode."""
    model = {"sam": _sam, "sam_hq": _sam_hq, "sam2": _sam2, "sam3_tracker": _sam3_tracker}[family]()
    fill_by_name(model)
    return model.eval()


def save_tiny_sam(family: str, folder: Path) -> Path:
    """The checkpoint folder of a tiny model of ``family``."""
    tiny_sam(family).save_pretrained(folder)
    return folder


def save_original_sam(file: Path) -> Path:
    """The tiny SAM as the original segment-anything code would have saved it."""
    torch.save(original_state(tiny_sam("sam")), file)
    return file


def original_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights of a SamModel under the names of the original code."""
    return {_original_name(key): value for key, value in model.state_dict().items() if "shared_embedding" not in key}


def fill_by_name(model: torch.nn.Module) -> None:
    """Weights that depend on names and shapes alone, sized so that masks follow image and prompt."""
    with torch.no_grad():
        for name, parameter in model.state_dict().items():
            # The positional matrix lies in image and prompt encoder, with one and the same content.
            seed = zlib.crc32(("positional" if "positional_embedding" in name else name).encode())
            drawn = np.random.default_rng(seed).standard_normal(tuple(parameter.shape))
            if "positional_embedding" in name:
                drawn *= 0.7
            elif parameter.ndim == 1:
                drawn = 0.1 * drawn + (1.0 if name.endswith("weight") else 0.0)
            elif "embed" not in name and "token" not in name:
                drawn *= 1.2 / np.sqrt(np.prod(parameter.shape[1:]))
            parameter.copy_(torch.from_numpy(drawn))


def weights_digest(model: torch.nn.Module) -> str:
    """sha256 of all weights."""
    hasher = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        hasher.update(name.encode() + value.contiguous().numpy().tobytes())
    return hasher.hexdigest()


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """[height, width, 3] uint8: a few flat ellipses on a gradient with some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([255 * x / width, 255 * y / height, np.full((height, width), 128.0)], 2)
    for _ in range(4):
        cy, cx, ry, rx = rng.uniform((0.1, 0.1, 0.1, 0.1), (0.9, 0.9, 0.35, 0.35))
        image[((y / height - cy) / ry) ** 2 + ((x / width - cx) / rx) ** 2 < 1] = rng.integers(0, 255, 3)
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def _sam() -> torch.nn.Module:
    config = transformers.SamConfig(vision_config=_VIT, prompt_encoder_config=_PROMPTS, mask_decoder_config=_DECODER)
    return transformers.SamModel(config)


def _sam_hq() -> torch.nn.Module:
    decoder = {**_DECODER, "vit_dim": _VIT["hidden_size"]}
    config = transformers.SamHQConfig(vision_config=_VIT, prompt_encoder_config=_PROMPTS, mask_decoder_config=decoder)
    return transformers.SamHQModel(config)


def _sam2_parts() -> dict:
    """Sub-configurations of a tiny SAM 2."""
    backbone = {
        "hidden_size": 16,
        "image_size": [256, 256],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 24, 32, 48],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 4, 4],
        "global_attention_blocks": [3],
    }
    return {
        "vision_config": {
            "backbone_config": {"model_type": "sam2_hiera_det_model", **backbone},
            "backbone_channel_list": [48, 32, 24, 16],
            "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
            "fpn_hidden_size": CHANNELS,
        },
        "prompt_encoder_config": _PROMPTS,
        "mask_decoder_config": _DECODER,
    }


def _sam2() -> torch.nn.Module:
    return transformers.Sam2Model(transformers.Sam2Config(**_sam2_parts()))


def _sam3_parts() -> dict:
    """Sub-configurations of a tiny SAM 3 tracker."""
    backbone = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 224,
        "pretrain_image_size": 112,
        "patch_size": 14,
        "window_size": 8,
        "global_attn_indexes": [1],
    }
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": backbone,
        "fpn_hidden_size": CHANNELS,
        "backbone_feature_sizes": [[64, 64], [32, 32], [16, 16]],
    }
    prompts = {**_PROMPTS, "image_size": 224, "patch_size": 14}
    return {"vision_config": vision, "prompt_encoder_config": prompts, "mask_decoder_config": _DECODER}


def _sam3_tracker() -> torch.nn.Module:
    return transformers.Sam3TrackerModel(transformers.Sam3TrackerConfig(**_sam3_parts()))


def tiny_video(family: str) -> torch.nn.Module:
    """The video model of SAM 2 or SAM 3, in which released checkpoints hold the image model."""
    memory = {
        "memory_attention_hidden_size": CHANNELS,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_num_layers": 1,
        "memory_encoder_hidden_size": CHANNELS,
        "memory_encoder_output_channels": 16,
        "memory_fuser_embed_dim": 32,
        "memory_fuser_intermediate_dim": 32,
        "mask_downsampler_embed_dim": 32,
    }
    if family == "sam2":
        return transformers.Sam2VideoModel(transformers.Sam2VideoConfig(**_sam2_parts(), **memory))
    parts = _sam3_parts()
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_layers": 1, "num_attention_heads": 2}
    text = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 32,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    detector = {
        "model_type": "sam3",
        "vision_config": parts["vision_config"],
        "text_config": text,
        "geometry_encoder_config": layers,
        "detr_encoder_config": layers,
        "detr_decoder_config": {**layers, "num_queries": 4},
        "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 2},
    }
    tracker = {"model_type": "sam3_tracker_video", "image_size": 224, **parts, **memory}
    return transformers.Sam3VideoModel(transformers.Sam3VideoConfig(detector_config=detector, tracker_config=tracker))


_ORIGINAL = (
    (r"^shared_image_embedding\.positional_embedding$", "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
    (r"^vision_encoder\.patch_embed\.projection", "image_encoder.patch_embed.proj"),
    (r"^vision_encoder\.neck\.conv1", "image_encoder.neck.0"),
    (r"^vision_encoder\.neck\.layer_norm1", "image_encoder.neck.1"),
    (r"^vision_encoder\.neck\.conv2", "image_encoder.neck.2"),
    (r"^vision_encoder\.neck\.layer_norm2", "image_encoder.neck.3"),
    (r"^vision_encoder\.layers\.", "image_encoder.blocks."),
    (r"^vision_encoder\.", "image_encoder."),
    (r"\.layer_norm_final_attn\.", ".norm_final_attn."),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"\.layer_norm(\d)\.", r".norm\1."),
    (r"\.proj_in\.", ".layers.0."),
    (r"(mlps\.\d|iou_prediction_head)\.layers\.0\.", r"\1.layers.1."),
    (r"\.proj_out\.", ".layers.2."),
)


def _original_name(key: str) -> str:
    """The name of a weight of SamModel in the original code; heads have three layers."""
    hidden = re.search(r"(mlps\.\d|iou_prediction_head)\.layers\.0\.", key)
    for pattern, replacement in _ORIGINAL:
        if "layers\\.0" in pattern and not hidden:
            continue
        key = re.sub(pattern, replacement, key)
    return key
