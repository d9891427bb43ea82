"""Reading a Qwen2.5-VL or Qwen3-VL checkpoint folder: complete, safetensors only, no code of its own unless told."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.answer_text import Coordinates
from mllm_for3d_ros.teachers.four_bit import four_bit_arguments
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.weights import choose_dtype, choose_torch_device, require_safetensors

_log = logging.getLogger(__name__)
_SMALLER = "use a smaller model, or 4 bit (--four-bit)"
COORDINATES: dict[str, Coordinates] = {"qwen2_5_vl": "absolute", "qwen3_vl": "relative", "qwen3_vl_moe": "relative"}
"""Model types that run here, and in what they give coordinates."""


@dataclass(frozen=True)
class QwenCheckpoint:
    """model, tokenizer (padding on the left) and image_processor of transformers."""

    model: Any
    tokenizer: Any
    image_processor: Any


def read_checkpoint(folder: Path, options: TeacherOptions) -> QwenCheckpoint:
    """Read ``folder`` onto the device of ``options``.

    Raises:
        TeacherError: it is none of ``COORDINATES``, is incomplete, or an extra is missing for an option.
    """
    from safetensors import SafetensorError

    require_safetensors(folder, "qwen-vl")
    device = choose_torch_device(options)
    quantization = four_bit_arguments(options, device, "qwen-vl")
    dtype = choose_dtype(options, device)
    if options.trust_remote_code:
        _log.warning("qwen-vl: trust_remote_code is set, code that comes with %s will run", folder)
    try:
        tokenizer, processor = _read_inputs(folder, options)
        model = _read_weights(folder, options, {"dtype": dtype, **quantization})
        with memory_errors("qwen-vl", f"moving the model to {device}", _SMALLER):
            model = model if quantization else model.to(device)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, SafetensorError) as cause:
        detail = " ".join(str(cause).split())[:200]
        raise TeacherError(
            f"qwen-vl: {folder} cannot be loaded ({detail}); check the options, or download it again"
        ) from cause
    return QwenCheckpoint(model.eval().requires_grad_(False), tokenizer, processor)


def _limit_pixels(processor: Any, max_pixels: int | None) -> None:
    """Let ``processor`` shrink images to at most ``max_pixels``."""
    if max_pixels is None:
        return
    least = (int(processor.patch_size) * int(processor.merge_size)) ** 2
    if max_pixels < least:
        raise TeacherError(f"qwen-vl: max_pixels {max_pixels} is less than one token; give at least {least}")
    smallest = min(processor.size["shortest_edge"], max_pixels)
    processor.size = {"shortest_edge": smallest, "longest_edge": max_pixels}


def _complete_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Take the chat template from its own file where the tokenizer has none."""
    file = folder / "chat_template.json"
    if tokenizer.chat_template is None and file.is_file():
        tokenizer.chat_template = json.loads(file.read_text(encoding="utf-8"))["chat_template"]
    if tokenizer.chat_template is None or tokenizer.pad_token_id is None:
        raise TeacherError(f"qwen-vl: the tokenizer of {folder} has no chat template or padding; download it again")


def _read_inputs(folder: Path, options: TeacherOptions) -> tuple[Any, Any]:
    """The tokenizer, padding on the left, and the image processor of a checkpoint of a known type."""
    import transformers

    common: dict[str, Any] = {"local_files_only": True, "trust_remote_code": options.trust_remote_code}
    kind = transformers.AutoConfig.from_pretrained(folder, **common).model_type
    if kind not in COORDINATES:
        known = ", ".join(COORDINATES)
        raise TeacherError(f"qwen-vl: {folder} is a model of type {kind}; give a checkpoint of {known}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left", **common)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil", **common)
    _complete_tokenizer(tokenizer, folder)
    _limit_pixels(processor, options.max_pixels)
    return tokenizer, processor


def _read_weights(folder: Path, options: TeacherOptions, precision: dict[str, Any]) -> Any:
    """The model; unlike transformers alone, which fills gaps at random, refuse an incomplete checkpoint."""
    import transformers

    with memory_errors("qwen-vl", f"loading {folder}", _SMALLER):
        model, report = transformers.AutoModelForImageTextToText.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=options.trust_remote_code,
            use_safetensors=True,
            attn_implementation=options.attn_implementation or "sdpa",
            output_loading_info=True,
            **precision,
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise TeacherError(
            f"qwen-vl: {folder} lacks {len(missing)} weights, among them {missing[0]}; download the checkpoint again"
        )
    return model
