"""The trained student at work: encode a map once, then answer instructions from the scores of concepts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.device import choose_device
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.student.embedding import PASSES
from mllm_for3d_ros.student.encoding import EncodedScene, SceneEncoder
from mllm_for3d_ros.student.mask_level import mask_level
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.types import SceneCloud

CHECKPOINT = "student.safetensors"
SMOOTH = True
"""Whether answers are averaged over superpoints unless said otherwise; docs/encoding.md has what it gives and costs."""


@dataclass(frozen=True)
class Response:
    """probability: [N] float32 per row of the cloud; presence: 0..1 that the target is there at all."""

    probability: np.ndarray
    presence: float


class Student:
    """The student network with its text encoder on a device."""

    def __init__(
        self,
        network: StudentNetwork,
        encoder: SentenceEncoder,
        card: dict[str, Any],
        device: str = "cpu",
        passes: int = PASSES,
        smooth: bool = SMOOTH,
    ) -> None:
        """See ``Student.load``; ``card`` gives sha256 and thresholds."""
        self._network = network.eval().requires_grad_(False).to(device)
        self._scenes = SceneEncoder(self._network, device, passes, smooth)
        self._encoder = encoder
        self.device = device
        self.device_note: str | None = None
        self.fingerprint = f"student:{card['sha256'][:16]}"
        self._mask_share = float(card["thresholds"]["mask_share"])
        self.presence_threshold = float(card["thresholds"]["presence"])

    @classmethod
    def load(
        cls,
        checkpoint: Path | None = None,
        device: str = "auto",
        encoder: SentenceEncoder | None = None,
        passes: int = PASSES,
        smooth: bool = SMOOTH,
    ) -> Student:
        """The shipped student, or that of ``checkpoint``, on ``device`` ("auto", "cpu" or "cuda").

        ``passes`` turned copies of a scene are averaged, 1 to 8: each costs as much as the first. ``smooth`` takes
        the mean of an answer over each superpoint. ``device_note`` of the result says in one line if the device
        asked for was not to be had.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
            DeviceError: there is no device of that name.
        """
        choice = choose_device(device)
        path = checkpoint or models_dir() / CHECKPOINT
        network, card = StudentNetwork.of_checkpoint(path)
        encoder = encoder or SentenceEncoder.of_checkpoint(path, card)
        student = cls(network, encoder, card, choice.device, passes, smooth)
        student.device_note = choice.note
        return student

    def encode(
        self, cloud: SceneCloud, previous: EncodedScene | None = None, changed: np.ndarray | None = None
    ) -> EncodedScene:
        """Run the 3D network over ``cloud``, or over what changed since ``previous``; see ``SceneEncoder.encode``."""
        return self._scenes.encode(cloud, previous, changed)

    def respond(self, scene: EncodedScene, instruction: str) -> Response:
        """Probability of every row of the cloud for ``instruction``: a text embedding and few concepts' scores.

        Raises:
            InstructionError: the instruction is empty or too long.
        """
        text = clean_instruction(instruction)
        if not len(scene.voxels):
            return Response(np.zeros(len(scene.cloud), np.float32), 0.0)
        network = self._network
        with torch.inference_mode():
            embedding = torch.from_numpy(self._encoder.encode([text])).to(self.device)
            attention = network.projector.attention(embedding)
            asked, weights = network.inquiries(attention)
            logits, claims = scene.told(asked)
            voxels = torch.from_numpy(scene.voxels).to(self.device)
            counted = logits.index_select(1, voxels), claims.index_select(1, voxels)
            found = network.presence(*counted, asked, scene.inventory)
            presence, masks = network.answer(weights, found, logits, claims)
            probability = masks[0].cpu().numpy()
        probability[0] = 0.0
        if scene.smoothing is not None:
            probability = scene.smoothing(probability)
        return Response(probability[scene.rows], float(presence))

    def mask_level(self, probability: np.ndarray) -> float:
        """See ``mask_level``; the share is the calibrated one."""
        return mask_level(probability, self._mask_share)
