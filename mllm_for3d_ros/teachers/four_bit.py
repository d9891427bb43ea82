"""Loading a language model in 4 bit: what transformers is to be told, or which extra is missing."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.weights import choose_dtype

if TYPE_CHECKING:
    import torch


def four_bit_arguments(options: TeacherOptions, device: torch.device, teacher: str) -> dict[str, Any]:
    """Arguments of from_pretrained that load in 4 bit if ``options.four_bit``, else none.

    Raises:
        TeacherError: an extra is missing, or ``device`` is no GPU.
    """
    if not options.four_bit:
        return {}
    missing = [name for name in ("bitsandbytes", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise TeacherError(
            f'{teacher}: 4 bit needs {" and ".join(missing)}; run `pip install "mllm_for3d_ros[quantized]"`'
        )
    if device.type != "cuda":
        raise TeacherError(
            f"{teacher}: 4 bit needs a CUDA device; leave the option out, or run on a machine with a GPU"
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=choose_dtype(options, device)
    )
    return {"quantization_config": config, "device_map": {"": device}}
