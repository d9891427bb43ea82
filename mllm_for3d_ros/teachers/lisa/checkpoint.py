"""Reading a LISA checkpoint folder: its settings, and its tensors as views of the files."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.errors import TeacherError

if TYPE_CHECKING:
    import torch

DEFAULT_CLIP = "openai/clip-vit-large-patch14"
_LLAMA_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
)
_AGAIN = "download the checkpoint again"


@dataclass(frozen=True)
class LisaConfig:
    """What config.json says.

    llama: arguments of LlamaConfig. clip: Hub id of the CLIP tower. clip_width: length of its features.
    clip_layer: index of the hidden states that are read. class_token: whether its class token is kept.
    start_end: whether the image stands between <im_start> and <im_end>. token_dim: length of [SEG] embeddings.
    """

    llama: dict[str, Any]
    clip: str
    clip_width: int
    clip_layer: int
    class_token: bool
    start_end: bool
    token_dim: int

    @classmethod
    def read(cls, folder: Path) -> LisaConfig:
        """Settings of the checkpoint in ``folder``.

        Raises:
            TeacherError: config.json is missing, damaged, or not that of a LISA model.
        """
        file = folder / "config.json"
        try:
            raw = json.loads(file.read_text(encoding="utf-8"))
            # Some published copies carry `"rope_scaling": null`; a set one would need care that no LISA needed.
            if raw.get("rope_scaling") is not None:
                raise TeacherError(f"lisa: {file} sets rope_scaling, which is not supported; give a LISA v1 checkpoint")
            llama = {key: raw[key] for key in _LLAMA_KEYS if key in raw}
            rope = {"rope_type": "default", "rope_theta": float(raw.get("rope_theta", 10000.0))}
            return cls(
                llama={**llama, "rope_parameters": rope, "tie_word_embeddings": False},
                clip=str(raw.get("vision_tower") or raw.get("mm_vision_tower") or DEFAULT_CLIP),
                clip_width=int(raw["mm_hidden_size"]),
                clip_layer=int(raw["mm_vision_select_layer"]),
                class_token=raw.get("mm_vision_select_feature", "patch") != "patch",
                start_end=bool(raw.get("mm_use_im_start_end", True)),
                token_dim=int(raw["out_dim"]),
            )
        except (OSError, ValueError, TypeError, AttributeError) as cause:
            detail = " ".join(str(cause).split())[:120]
            raise TeacherError(f"lisa: {file} cannot be read ({detail}); {_AGAIN}") from cause
        except KeyError as cause:
            raise TeacherError(f"lisa: {file} has no {cause}, so this is no LISA checkpoint; {_AGAIN}") from cause


def open_state(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of the checkpoint in ``folder``, on the CPU, as views of the mapped files.

    Nothing is read before it is used, so a model of any size is held once: where it is copied to. Pickles are
    read with weights_only, which runs no code of theirs.

    Raises:
        TeacherError: there are no weights, or a file is missing or damaged.
    """
    state: dict[str, torch.Tensor] = {}
    for file in _weight_files(folder):
        state.update(_mapped(file))
    return state


def _weight_files(folder: Path) -> list[Path]:
    """Weight files of ``folder``: those of its index, else the single file; safetensors before pickles."""
    for single in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{single}.index.json"
        if index.is_file():
            return _indexed(index)
        if (folder / single).is_file():
            return [folder / single]
    raise TeacherError(f"lisa: {folder} has neither pytorch_model*.bin nor safetensors files; {_AGAIN}")


def _indexed(index: Path) -> list[Path]:
    """The shards that ``index`` names, all of them present beside it."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise TeacherError(f"lisa: {index} is damaged; {_AGAIN}") from cause
    files = [index.parent / str(name) for name in names]
    for name, file in zip(names, files, strict=True):
        if file.name != name or not file.is_file():
            raise TeacherError(f"lisa: {index.parent} has no file {name}, which its index names; {_AGAIN}")
    return files


def _mapped(file: Path) -> dict[str, torch.Tensor]:
    """Tensors of one weight file, mapped."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as cause:
        detail = " ".join(str(cause).split())[:120]
        raise TeacherError(f"lisa: {file} is damaged or holds more than weights ({detail}); {_AGAIN}") from cause
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise TeacherError(f"lisa: {file} holds something other than tensors by name; {_AGAIN}")
    return state
