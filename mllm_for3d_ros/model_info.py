"""What a model file is: its card, and what its tensors tell."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from mllm_for3d_ros.checkpoint import file_digest, read_card
from mllm_for3d_ros.errors import CheckpointError

STUDENT_INPUTS = "colour (3, -1..1), normal (3), height above the floor (m), one; voxels of 5 cm"
TEACHER_INPUTS = "RGB image, 320x240"
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def model_info(path: Path) -> dict[str, Any]:
    """The card of the model ``path`` with "parameters", "bytes", "dtypes", "inputs" and "sha256_matches" added.

    No weight is loaded; only names and shapes are read.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    card = read_card(path)
    tensors = tensor_header(path)
    weights = {name: entry for name, entry in tensors.items() if not name.endswith(_BUFFERS)}
    parts: dict[str, int] = {}
    for name, entry in weights.items():
        part = name.split(".")[0]
        parts[part] = parts.get(part, 0) + prod(entry["shape"])
    return card | {
        "file": str(path),
        "bytes": path.stat().st_size,
        "parameters": sum(parts.values()),
        "parameters_by_part": parts,
        "dtypes": sorted({entry["dtype"] for entry in tensors.values()}),
        "network": card.get("network", card.get("kind")),
        "inputs": card.get("inputs", STUDENT_INPUTS if card.get("kind") == "student" else TEACHER_INPUTS),
        "sha256_matches": card.get("sha256") == file_digest(path),
    }


def tensor_header(path: Path) -> dict[str, dict[str, Any]]:
    """Type and shape of each tensor of a safetensors file, by name.

    Raises:
        CheckpointError: the file is no safetensors file.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
    except (OSError, ValueError, struct.error) as cause:
        raise CheckpointError(f"{path} is no safetensors file ({cause}); restore the file or train it again") from cause
    return {name: entry for name, entry in header.items() if name != "__metadata__"}
