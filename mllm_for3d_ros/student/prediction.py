"""The trained student at work: encode a map once, then answer instructions with a dot product each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint
from mllm_for3d_ros.device import choose_device
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.student.embedding import embed_voxels
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.voxels import StudentVoxels, voxelise
from mllm_for3d_ros.types import SceneCloud

CHECKPOINT = "student.safetensors"


@dataclass(frozen=True)
class EncodedScene:
    """A map after the 3D network: the cloud, its voxels, and embeddings [M, 64] (None if the map is empty)."""

    cloud: SceneCloud
    voxels: StudentVoxels
    embeddings: torch.Tensor | None


@dataclass(frozen=True)
class Response:
    """probability: [N] float32 per row of the cloud; presence: 0..1 that the target is there at all."""

    probability: np.ndarray
    presence: float


class Student:
    """The student network with its text encoder on a device."""

    def __init__(
        self, network: StudentNetwork, encoder: SentenceEncoder, card: dict[str, Any], device: str = "cpu"
    ) -> None:
        """See ``Student.load``; ``card`` gives sha256 and thresholds."""
        self._network = network.eval().requires_grad_(False).to(device)
        self._encoder = encoder
        self.device = device
        self.device_note: str | None = None
        self.fingerprint = f"student:{card['sha256'][:16]}"
        self.mask_threshold = float(card["thresholds"]["mask"])
        self.presence_threshold = float(card["thresholds"]["presence"])

    @classmethod
    def load(
        cls, checkpoint: Path | None = None, device: str = "auto", encoder: SentenceEncoder | None = None
    ) -> Student:
        """The shipped student, or that of ``checkpoint``, on ``device`` ("auto", "cpu" or "cuda").

        ``device_note`` of the result says in one line if the device asked for was not to be had.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
            DeviceError: there is no device of that name.
        """
        choice = choose_device(device)
        path = checkpoint or models_dir() / CHECKPOINT
        tensors, card = load_checkpoint(path, "student")
        network = StudentNetwork.shaped_like(tensors)
        fill_module(network, tensors, "", path)
        student = cls(network, encoder or SentenceEncoder.load(), card, choice.device)
        student.device_note = choice.note
        return student

    def encode(self, cloud: SceneCloud) -> EncodedScene:
        """Run the 3D network over ``cloud``, once for each version of the map."""
        voxels = voxelise(cloud)
        if len(voxels) == 0:
            return EncodedScene(cloud, voxels, None)
        embeddings = embed_voxels(self._network, voxels.coords, voxels.inputs, self.device)
        return EncodedScene(cloud, voxels, embeddings)

    def respond(self, scene: EncodedScene, instruction: str) -> Response:
        """Probability of every row of the cloud for ``instruction``; one text embedding and a dot product.

        Raises:
            InstructionError: the instruction is empty or too long.
        """
        text = clean_instruction(instruction)
        if scene.embeddings is None:
            return Response(np.zeros(len(scene.cloud), np.float32), 0.0)
        with torch.inference_mode():
            embedding = torch.from_numpy(self._encoder.encode([text])).to(self.device)
            attention = self._network.projector.attention(embedding)
            logits = self._network.mask_logits(scene.embeddings, attention @ self._network.projector.concepts)
            presence = self._network.presence_logits(scene.embeddings, logits, attention).sigmoid()
            probability = logits[0].sigmoid().cpu().numpy()
        return Response(scene.voxels.spread(probability), float(presence))
