"""The answerer on the true classes of a room: what is left is the loss of the words, the geometry and the colours.

A text is taken for the class that the text head of the shipped student (its text side alone) holds it for; the mask
is that class's true voxels. So an instruction with a relation scores as it would with a perfect student.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint
from mllm_for3d_ros.evaluation.mapped_room import MappedRoom
from mllm_for3d_ros.evaluation.rooms_benchmark import ORACLE
from mllm_for3d_ros.evaluation.systems import Replies, Reply
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.rooms.recording import MIN_SEEN_VOXELS
from mllm_for3d_ros.student.prediction import CHECKPOINT, Response
from mllm_for3d_ros.types import SceneCloud, Status


class TextClasses:
    """Which class of Rooms a text means, by the text side of a student."""

    def __init__(self, head: TextHead, encoder: SentenceEncoder) -> None:
        self._head, self._encoder = head.eval(), encoder

    @classmethod
    def load(cls, checkpoint: Path | None = None) -> TextClasses:
        """From the shipped student or that of ``checkpoint``.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        path = checkpoint or models_dir() / CHECKPOINT
        tensors, card = load_checkpoint(path, "student")
        head = TextHead.shaped_like(tensors, "projector.")
        fill_module(head, tensors, "projector.", path)
        return cls(head, SentenceEncoder.of_checkpoint(path, card))

    def index(self, text: str) -> int | None:
        """Index of the class that ``text`` means, None for a thing outside the vocabulary."""
        with torch.inference_mode():
            attention = self._head.attention(torch.from_numpy(self._encoder.encode([text])))[0]
        best = int(attention.argmax())
        return best if best < self._head.classes else None


@dataclass(frozen=True)
class TrueScene:
    """A map with the true class [N] int32 of each row, -1 where there is none."""

    cloud: SceneCloud
    class_index: np.ndarray


class TrueClasses:
    """Answers like a student, with all voxels of the class that is meant."""

    fingerprint = ORACLE
    presence_threshold = 0.5

    def __init__(self, class_index: np.ndarray, meaning: Callable[[str], int | None]) -> None:
        """``class_index``: [N] int32 of the cloud that is to be encoded. ``meaning``: class that a text means."""
        self._class_index, self._meaning = class_index, meaning

    def encode(self, cloud: SceneCloud, previous: TrueScene | None = None) -> TrueScene:
        """The map with its truth; nothing of ``previous`` is of use.

        Raises:
            ValueError: the truth has another number of rows.
        """
        if len(cloud) != len(self._class_index):
            raise ValueError(f"the truth has {len(self._class_index)} rows and the map {len(cloud)}")
        return TrueScene(cloud, self._class_index)

    def respond(self, scene: TrueScene, instruction: str) -> Response:
        """Certain of every voxel of the class, and that it is there if it was seen well enough to be asked for."""
        meant = self._meaning(instruction)
        mask = np.zeros(len(scene.cloud), bool) if meant is None else scene.class_index == meant
        return Response(mask.astype(np.float32), float(mask.sum() >= MIN_SEEN_VOXELS))

    def mask_level(self, probability: np.ndarray) -> float:
        """One half: probabilities are 0 or 1."""
        return 0.5


class OracleClassesGroup:
    """The answerer on ``TrueClasses``."""

    names = (ORACLE,)
    fingerprint = ORACLE

    def __init__(self, meaning: Callable[[str], int | None]) -> None:
        """``meaning``: index of the class that a text means, as ``TextClasses.index``."""
        self._meaning = meaning

    def open(self, room: MappedRoom, asked: Sequence[RoomInstruction]) -> Callable[[RoomInstruction], Replies]:
        """Take the room's truth."""
        answerer = Answerer(TrueClasses(room.class_index, self._meaning))
        scene = answerer.encode(room.cloud)

        def answer(instruction: RoomInstruction) -> Replies:
            start = time.perf_counter()
            given = answerer.answer(scene, instruction.text)
            spent = time.perf_counter() - start
            return {ORACLE: [Reply(given.status is Status.OK, given.mask, given.presence, seconds=spent)]}

        return answer
