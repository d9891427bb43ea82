"""How recordings are labelled, and what a run is told to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mllm_for3d_ros.lifting.settings import LiftSettings

VIEWS = 16
"""Asked for an instruction at most, unless told otherwise."""


@dataclass(frozen=True)
class LabelSettings:
    """What the labels of a recording depend on, beside the teacher.

    voxel_size, max_depth: of the map, m. key_frames: candidate views kept a scene. part_voxels: a map that has
    grown to so many voxels is labelled as a scene of its own, and the recording goes on with an empty map, so that
    memory is bounded. lifting: see there. topics: arguments of ``open_recording`` that were given.
    """

    voxel_size: float = 0.025
    max_depth: float = 4.0
    key_frames: int = 64
    part_voxels: int = 500_000
    lifting: LiftSettings = field(default_factory=lambda: LiftSettings(views=VIEWS))
    topics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.voxel_size <= 0 or self.max_depth <= 0 or self.key_frames < 1 or self.part_voxels < 1:
            raise ValueError(f"voxel_size, max_depth, key_frames and part_voxels must be positive, got {self}")

    def as_json(self) -> dict[str, Any]:
        """For the provenance of a store."""
        return asdict(self)


@dataclass(frozen=True)
class Asked:
    """An instruction and its kind, where it was given with one."""

    text: str
    kind: str | None = None


@dataclass(frozen=True)
class LabelJob:
    """A run over recordings.

    recordings: paths of bags and folders. asked: instructions for all of them. out: folder of the stores.
    propose: so many more for each scene, from the teacher. overwrite: start anew where there are labels.
    report: write pages. rerun: write Rerun recordings.
    """

    recordings: tuple[Path, ...]
    asked: tuple[Asked, ...]
    out: Path
    settings: LabelSettings = field(default_factory=LabelSettings)
    propose: int = 0
    overwrite: bool = False
    report: bool = True
    rerun: bool = False
