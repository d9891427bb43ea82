"""From the tensors of a LISA checkpoint to its networks on a device, each tensor copied once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionModel, LlamaConfig, LlamaForCausalLM, SamConfig, SamModel

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.four_bit import four_bit_arguments
from mllm_for3d_ros.teachers.lisa.checkpoint import LisaConfig, open_state
from mllm_for3d_ros.teachers.lisa.keys import LANGUAGE, PROJECTOR, SAM, SEG_HEAD, check_coverage, split_state
from mllm_for3d_ros.teachers.lisa.network import LisaNetwork
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.sam.original_keys import rename_original_sam, sam_config_of


@dataclass(frozen=True)
class Target:
    """Where tensors go, and in which precision."""

    device: torch.device
    dtype: torch.dtype


def load_network(folder: Path, clip_folder: Path, options: TeacherOptions, target: Target) -> LisaNetwork:
    """The networks of the checkpoint in ``folder`` with the CLIP tower of ``clip_folder``.

    Raises:
        TeacherError: a file is missing or damaged, the tensors are not those of LISA, or memory ran out.
    """
    config = LisaConfig.read(folder)
    parts = split_state(open_state(folder))
    remedy = "use 4 bit (--four-bit), or a smaller checkpoint"
    try:
        with memory_errors("lisa", f"loading {folder}", remedy):
            modules = empty_modules(config, parts[SAM], options.attn_implementation)
            parts[SAM] = rename_original_sam(parts[SAM])
            language = _load_language(modules.pop(LANGUAGE), parts[LANGUAGE], options, target)
            for name, module in modules.items():
                fill(name, module, parts[name], target)
            clip = _load_clip(clip_folder, config, target)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as cause:
        detail = " ".join(str(cause).split())[:200]
        raise TeacherError(f"lisa: {folder} cannot be loaded ({detail}); check the options") from cause
    network = LisaNetwork(
        language, clip, modules[PROJECTOR], modules[SEG_HEAD], modules[SAM], config.clip_layer, config.class_token
    )
    return network.eval().requires_grad_(False)


def empty_modules(config: LisaConfig, sam: Mapping[str, Any], attention: str | None = None) -> dict[str, nn.Module]:
    """The modules of a checkpoint without memory for their tensors (device "meta"), by the names of ``split_state``.

    sam: SAM's part of the state, under its original names; its size is read from the shapes, as config.json
        does not say it.

    Raises:
        TeacherError: ``sam`` lacks tensors that every SAM has.
    """
    try:
        sam_config = SamConfig(**sam_config_of(sam))
    except KeyError as cause:
        raise TeacherError(
            f"lisa: the checkpoint has no SAM inside (no {cause}); give a merged LISA checkpoint"
        ) from cause
    llama = LlamaConfig(**config.llama, attn_implementation=attention or "sdpa")
    width = llama.hidden_size
    with torch.device("meta"):
        return {
            LANGUAGE: LlamaForCausalLM(llama),
            PROJECTOR: nn.Linear(config.clip_width, width),
            SEG_HEAD: nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.token_dim)),
            SAM: SamModel(sam_config),
        }


def fill(name: str, module: nn.Module, tensors: Mapping[str, torch.Tensor], target: Target) -> None:
    """Give an empty ``module`` its ``tensors``, copied to ``target``.

    Raises:
        TeacherError: a tensor is missing, unexpected, or of another shape.
    """
    check_shapes(name, module, tensors)
    copied = {key: value.to(target.device, target.dtype, copy=True) for key, value in tensors.items()}
    module.load_state_dict(copied, assign=True)


def check_shapes(name: str, module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Nothing missing, nothing unexpected, every tensor of the shape that ``module`` wants.

    Raises:
        TeacherError: something is not.
    """
    wanted = module.state_dict()
    check_coverage(name, wanted, tensors)
    for key, tensor in tensors.items():
        if tensor.shape != wanted[key].shape:
            raise TeacherError(
                f"lisa: {name} has {key} of shape {list(tensor.shape)} where its config wants "
                f"{list(wanted[key].shape)}; config.json and weights are of two checkpoints, download both again"
            )


def _load_language(empty: Any, tensors: Mapping[str, torch.Tensor], options: TeacherOptions, target: Target) -> Any:
    """The language model; transformers itself fills it where it has to be quantized on the way."""
    quantization = four_bit_arguments(options, target.device, "lisa")
    if quantization:
        check_shapes(LANGUAGE, empty, tensors)
        return LlamaForCausalLM.from_pretrained(
            None, config=empty.config, state_dict=dict(tensors), dtype=target.dtype, **quantization
        )
    fill(LANGUAGE, empty, tensors, target)
    # Its frequencies are no part of any checkpoint: computed here, in float32 whatever the precision.
    empty.model.rotary_emb = type(empty.model.rotary_emb)(config=empty.config).to(target.device)
    return empty


def _load_clip(folder: Path, config: LisaConfig, target: Target) -> Any:
    """The CLIP tower, whose features must be as long as the projector expects."""
    clip, report = CLIPVisionModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=target.dtype, output_loading_info=True
    )
    missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
    if missing or clip.config.hidden_size != config.clip_width:
        raise TeacherError(
            f"lisa: {folder} is not the CLIP tower of this checkpoint, which is {config.clip} "
            f"(features of length {config.clip_width}); name it with --clip"
        )
    return clip.to(target.device)
