"""The models of the reasoning node, loaded as its parameters say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mllm_for3d_ros.allocation import keep_freed_memory
from mllm_for3d_ros.answering.region import Region
from mllm_for3d_ros.answering.viewpoint import Viewpoint
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Mask3D, SceneCloud

SHIPPED = "student"
"""Name of the model in models/ that is taken unless a path is given."""


class AnswererLike(Protocol):
    """What the node needs of ``answering.answerer.Answerer``."""

    @property
    def fingerprint(self) -> str:
        """Name and hash of the weights."""

    @property
    def student(self) -> Any:
        """The model; ``device`` is where it runs."""

    def encode(self, cloud: SceneCloud, previous: Any = None) -> Any:
        """Encode a map, once per version; ``previous`` is the scene of the version before, to go on from."""

    def answer(
        self,
        scene: Any,
        instruction: str,
        *,
        mask_threshold: float | None = None,
        presence_threshold: float | None = None,
        max_instances: int = 0,
        viewpoint: Viewpoint | np.ndarray | None = None,
        region: Region | None = None,
    ) -> Mask3D:
        """Answer one instruction: quick; ``viewpoint`` of whoever asks and ``region`` are in the map frame."""


@dataclass(frozen=True)
class ModelChoice:
    """checkpoint: path, None for the shipped one. device: auto, cuda or cpu. threads: of the model on the CPU."""

    checkpoint: Path | None
    device: str
    threads: int


AnswererFactory = Callable[[ModelChoice, Callable[[str], object]], AnswererLike]
"""Loads an answerer; says what a person should know (a device that is not there) through its second argument."""


def load_answerer(choice: ModelChoice, say: Callable[[str], object]) -> AnswererLike:
    """The answerer with the student that was asked for.

    Raises:
        CheckpointError: the checkpoint is missing, corrupt, or does not fit.
        DeviceError: the device's name is unknown.
    """
    from mllm_for3d_ros.answering import loading

    pin_threads(choice.threads)
    keep_freed_memory()
    answerer, note = loading.load_answerer(choice.checkpoint, choice.device)
    if note:
        say(note)
    answerer.warm_up()
    return answerer


TeacherFactory = Callable[[str, str], Callable[[], Teacher]]
"""From the name of a teacher and a device to what loads it; see ``teacher_loader``."""


def teacher_loader(name: str, device: str) -> Callable[[], Teacher]:
    """What loads the teacher ``NAME[:model-id-or-folder]``, which may take long.

    Raises:
        TeacherError: unknown name, or its weights are not there.
        CheckpointError: the compact teacher's files are missing.
    """
    from mllm_for3d_ros.teachers.options import TeacherOptions
    from mllm_for3d_ros.teachers.registry import fingerprint_of, load_teacher

    options = TeacherOptions(device=device)
    fingerprint_of(name, options)
    return lambda: load_teacher(name, options)


def pin_threads(threads: int) -> None:
    """Let torch and BLAS use so many threads of the CPU: more of them on a busy machine wait for each other."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)


def gpu_memory_mib() -> float:
    """Memory that torch holds on the GPU, MiB; 0 where it uses none."""
    torch = sys.modules.get("torch")
    return torch.cuda.memory_reserved() / 2**20 if torch is not None and torch.cuda.is_initialized() else 0.0
