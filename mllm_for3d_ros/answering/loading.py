"""An answerer with the shipped or a given checkpoint, on the device that there is."""

from __future__ import annotations

from pathlib import Path

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.device import choose_device


def load_answerer(checkpoint: Path | None = None, device: str = "auto") -> tuple[Answerer, str | None]:
    """Load the student.

    Args:
        checkpoint: a .safetensors file; None takes the shipped one.
        device: "auto", "cuda" or "cpu".

    Returns:
        The answerer, and a sentence for the user if it does not run on the device asked for.

    Raises:
        CheckpointError: the checkpoint is missing, corrupt or of another architecture.
        DeviceError: unknown device.
    """
    choice = choose_device(device)
    from mllm_for3d_ros.student.prediction import Student

    return Answerer(Student.load(checkpoint, device=choice.device)), choice.note
