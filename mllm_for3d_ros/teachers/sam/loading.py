"""From a folder of transformers or an original ``.pth`` file to a model that makes masks."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.sam.image_processing import HALF, IMAGENET, ImageProcessing
from mllm_for3d_ros.teachers.sam.mask_model import TransformersSam
from mllm_for3d_ros.teachers.sam.original_keys import rename_original_sam, sam_config_of
from mllm_for3d_ros.teachers.weights import choose_dtype, choose_torch_device, require_safetensors


@dataclass(frozen=True)
class _Family:
    """name: for the fingerprint. model_class: of transformers. keeps_aspect, normalisation: of its images."""

    name: str
    model_class: str
    keeps_aspect: bool
    normalisation: tuple[tuple[float, float, float], tuple[float, float, float]] = IMAGENET


_SAM = _Family("sam", "SamModel", True)
_SAM2 = _Family("sam2", "Sam2Model", False)
_SAM3 = _Family("sam3_tracker", "Sam3TrackerModel", False, HALF)
_FAMILIES = {
    "sam": _SAM,
    "sam_hq": _Family("sam_hq", "SamHQModel", True),
    "sam2": _SAM2,
    # Released checkpoints of SAM 2 and SAM 3 are those of the video models, which hold the image model.
    "sam2_video": _SAM2,
    "sam3_tracker": _SAM3,
    "sam3_video": _SAM3,
}


def load_mask_model(path: Path, options: TeacherOptions) -> TransformersSam:
    """The SAM in ``path``: a folder with ``.safetensors`` weights, or a file of the original segment-anything.

    Raises:
        TeacherError: the checkpoint is of another kind, incomplete, damaged, or holds more than tensors.
        DeviceError: a device was asked for that is not there.
    """
    device = choose_torch_device(options)
    dtype = choose_dtype(options, device)
    attention = options.attn_implementation or "sdpa"
    family, model = _from_file(path, attention) if path.is_file() else _from_folder(path, attention)
    model = model.eval().requires_grad_(False).to(device)
    side = model.config.prompt_encoder_config.image_size
    processing = ImageProcessing(
        side if isinstance(side, int) else max(side), family.keeps_aspect, *family.normalisation
    )
    return TransformersSam(model, family.name, processing, dtype)


def _from_folder(folder: Path, attention: str) -> tuple[_Family, Any]:
    """Family and float32 model of a transformers checkpoint."""
    import transformers
    from safetensors import SafetensorError

    family = _family_of(folder)
    require_safetensors(folder, family.name)
    try:
        model, report = getattr(transformers, family.model_class).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation=attention,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as cause:
        raise TeacherError(f"{folder} cannot be loaded as {family.name} ({_one_line(cause)}); check it") from cause
    _check_complete(folder, sorted(report["missing_keys"]), [])
    return family, model


def _family_of(folder: Path) -> _Family:
    """The family that config.json of ``folder`` names."""
    config = folder / "config.json"
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as cause:
        raise TeacherError(f"{config} cannot be read ({_one_line(cause)}); give a folder with a SAM in it") from cause
    if kind not in _FAMILIES:
        raise TeacherError(f"{folder} holds a {kind!r} model, no SAM; give one of type {', '.join(_FAMILIES)}")
    return _FAMILIES[kind]


def _from_file(file: Path, attention: str) -> tuple[_Family, Any]:
    """SamModel with the weights of an original checkpoint."""
    import transformers

    state = read_original_state(file)
    try:
        config = transformers.SamConfig(**sam_config_of(state))
    except KeyError as cause:
        raise TeacherError(
            f"{file} is no checkpoint of the original segment-anything (no {cause.args[0]}); "
            "give sam_vit_b, _l or _h, or a folder of transformers"
        ) from cause
    # On "meta" nothing is allocated or drawn at random: the weights of the file are taken as they are.
    with torch.device("meta"):
        model = transformers.SamModel._from_config(config, attn_implementation=attention, dtype=torch.float32)
    renamed = {key: value.float() for key, value in rename_original_sam(state).items()}
    wanted = set(model.state_dict())
    _check_complete(file, sorted(wanted - set(renamed)), sorted(set(renamed) - wanted))
    try:
        model.load_state_dict(renamed, assign=True)
    except RuntimeError as cause:
        raise TeacherError(f"{file} does not fit SAM ({_one_line(cause)}); take an unchanged checkpoint") from cause
    return _SAM, model


def read_original_state(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a ``.pth`` file, read without running anything that is in it.

    Raises:
        TeacherError: it is no such file, is damaged, or holds more than a flat dictionary of tensors.
    """
    if not file.is_file() or file.suffix == ".safetensors":
        raise TeacherError(f"{file} is no .pth file of segment-anything; of other checkpoints give the folder alone")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as cause:
        raise TeacherError(
            f"{file} holds more than tensors, and loading it could run code; take the original checkpoint, "
            "or save its state_dict alone"
        ) from cause
    except (OSError, RuntimeError, EOFError, ValueError) as cause:
        raise TeacherError(f"{file} is damaged ({_one_line(cause)}); download it again") from cause
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise TeacherError(f"{file} is no flat state_dict of tensors; take the original checkpoint")
    return state


def _check_complete(path: Path, missing: list[str], unexpected: list[str]) -> None:
    """Every weight of the model is in the file and the other way round.

    Raises:
        TeacherError: names the first that is not.
    """
    for keys, what in ((missing, "lacks"), (unexpected, "has unknown")):
        if keys:
            raise TeacherError(
                f"{path} {what} {len(keys)} weights ({keys[0]}, …); take a complete checkpoint of a supported SAM"
            )


def _one_line(cause: BaseException) -> str:
    return " ".join(str(cause).split())[:160]
