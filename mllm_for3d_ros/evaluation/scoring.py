"""One instruction, one system, one row: what was asked, what came back, and how much of it was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mllm_for3d_ros.evaluation.mapped_room import MappedRoom
from mllm_for3d_ros.evaluation.metrics import Scored, overlap
from mllm_for3d_ros.evaluation.systems import Reply
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.types import Status


@dataclass(frozen=True)
class Draw:
    """One scored reply; presence, calls and seconds as in ``Reply``."""

    scored: Scored
    presence: float
    calls: int
    seconds: float


@dataclass(frozen=True)
class Row:
    """One system's scored replies (one, or one a draw) to one instruction in the room of ``seed``."""

    system: str
    seed: int
    instruction: RoomInstruction
    draws: tuple[Draw, ...]

    @property
    def present(self) -> bool:
        """Whether the room shows the target."""
        return self.instruction.status is Status.OK

    @property
    def iou(self) -> float:
        """Mean over the draws; see ``Scored.iou``."""
        return float(np.mean([draw.scored.iou for draw in self.draws]))

    @property
    def answered(self) -> float:
        """Share of the draws that said that the target is there."""
        return float(np.mean([draw.scored.answered for draw in self.draws]))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "system": self.system,
            "seed": self.seed,
            "text": self.instruction.text,
            "class": self.instruction.class_name,
            "kind": self.instruction.kind,
            "present": self.present,
            "answered": round(self.answered, 4),
            "presence": round(float(np.mean([draw.presence for draw in self.draws])), 4),
            "iou": round(self.iou, 4),
            "teacher_calls": round(float(np.mean([draw.calls for draw in self.draws])), 2),
            "seconds": round(float(np.mean([draw.seconds for draw in self.draws])), 4),
        }


def score(room: MappedRoom, system: str, instruction: RoomInstruction, replies: Sequence[Reply]) -> Row:
    """Score replies over the voxels that the recording saw; those that the map lacks count as not found."""
    target = np.isin(room.instance_id, instruction.instances)
    missed = int(np.isin(room.truth.instance_id, instruction.instances).sum()) - int(target.sum())
    present = instruction.status is Status.OK
    draws = [
        Draw(
            Scored(present, reply.found, overlap(reply.mask & room.known, target, missed)),
            float(reply.presence),
            reply.calls,
            reply.seconds,
        )
        for reply in replies
    ]
    return Row(system, room.seed, instruction, tuple(draws))
