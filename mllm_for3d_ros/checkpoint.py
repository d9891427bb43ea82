"""Model files: safetensors weights beside a JSON card, checked as they are read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.errors import CheckpointError

if TYPE_CHECKING:
    import torch

FORMAT = 1


def save_checkpoint(path: Path, tensors: dict[str, torch.Tensor], card: dict[str, Any]) -> None:
    """Write ``tensors`` (floats as float16) to ``path`` (.safetensors) and ``card`` to the .json beside it."""
    import torch
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {k: (v.half() if v.dtype == torch.float32 else v).contiguous() for k, v in tensors.items()}
    save_file(halves, path)
    card = {"format": FORMAT, **card, "sha256": file_digest(path)}
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def load_checkpoint(path: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights (float16 back to float32) and card of a model of ``kind`` ("teacher" or "student").

    Raises:
        CheckpointError: a file is missing, damaged, of another kind, or of a newer format.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = read_card(path)
    if card.get("kind") != kind:
        raise CheckpointError(f"{path} is a {card.get('kind')!r} checkpoint; give the path of a {kind} checkpoint")
    if card.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {card.get('format')}, this version reads {FORMAT}; update the package"
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as cause:
        raise CheckpointError(f"{path} is damaged ({cause}); restore the file or train it again") from cause
    if card.get("sha256") != file_digest(path):
        raise CheckpointError(f"{path} does not match the sha256 in its card; restore both files from one source")
    return {k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()}, card


def read_card(weights: Path) -> dict[str, Any]:
    """The JSON card beside the checkpoint ``weights``; costs nothing, and checks nothing of the weights.

    Raises:
        CheckpointError: either file is missing, or the card is damaged.
    """
    path = weights.with_suffix(".json")
    if not weights.is_file():
        raise CheckpointError(
            f"checkpoint {weights} not found; give the path of a .safetensors file with its .json card"
        )
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise CheckpointError(f"the card {path} of {weights.name} cannot be read ({cause}); restore it") from cause
    if not isinstance(card, dict):
        raise CheckpointError(f"the card {path} is no JSON object; restore it")
    return card


def fill_module(module: torch.nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors under ``prefix`` into ``module``; all keys must fit.

    Raises:
        CheckpointError: names or shapes differ from the network's.
    """
    own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    try:
        module.load_state_dict(own)
    except RuntimeError as cause:
        detail = " ".join(str(cause).split())[:160]
        raise CheckpointError(
            f"{path} does not fit the network ({detail}); use a checkpoint of this version"
        ) from cause


def save_training_state(path: Path, step: int, parts: dict[str, Any]) -> None:
    """Write ``step`` and the state of ``parts`` (things with ``state_dict``) to ``path``, whole or not at all."""
    import torch

    partial = path.with_suffix(".partial")
    torch.save({"step": step} | {name: part.state_dict() for name, part in parts.items()}, partial)
    partial.rename(path)


def load_training_state(path: Path, parts: dict[str, Any]) -> int:
    """Put the state that ``save_training_state`` wrote back into ``parts``; returns its step, 0 without a file."""
    import torch

    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
