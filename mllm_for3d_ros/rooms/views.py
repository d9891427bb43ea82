"""Rendered single views of many rooms with 2D class masks: the teacher's training images.

A shard is one .npz file for a range of seeds, so an interrupted rendering goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.rooms.path import random_views
from mllm_for3d_ros.rooms.recording import rooms_camera
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import Room, make_room
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

ROOMS_PER_SHARD = 25
NO_CLASS = 255
SHOWN = 300
"""Pixels in all views of a room from which on a class is there; with fewer of them nobody can tell."""


def class_image(room: Room, instance: np.ndarray) -> np.ndarray:
    """[H, W] uint8 class index of every pixel, ``NO_CLASS`` for background and clutter."""
    table = np.full(max((thing.instance_id for thing in room.objects), default=0) + 1, NO_CLASS, np.uint8)
    for thing in room.labelled:
        table[thing.instance_id] = thing.class_index
    return table[instance]


def shown_pixels(room: Room, instances: Sequence[np.ndarray]) -> np.ndarray:
    """[C] int64 pixels of each class of ``CLASS_NAMES`` in the instance images [H, W] of some views together.

    What the room has out of sight counts as one pixel more: it is not there for certain, and not absent either.
    """
    counts = [np.bincount(class_image(room, one).ravel(), minlength=NO_CLASS + 1) for one in instances]
    total: np.ndarray = np.sum(counts, axis=0)[: len(CLASS_NAMES)]
    total[[CLASS_NAMES.index(name) for name in room.classes]] += 1
    return total


def told_by(shown: np.ndarray) -> np.ndarray:
    """[C] float32 what ``shown_pixels`` [C] tell of each class: 1 it is there, 0 it is not, NaN nobody can tell."""
    return np.where(shown >= SHOWN, 1, np.where(shown == 0, 0, np.nan)).astype(np.float32)


@dataclass(frozen=True)
class LabelledViews:
    """Views with their 2D masks, all by ``rooms_camera()``.

    color: [V, 240, 320, 3] uint8. classes: [V, 240, 320] uint8, see ``class_image``. depth: [V, 240, 320] uint16
    mm with noise, 0 where invalid. camera_to_world: [V, 4, 4] float64, z up, the floor at 0.
    """

    color: np.ndarray
    classes: np.ndarray
    depth: np.ndarray
    camera_to_world: np.ndarray

    def __len__(self) -> int:
        return len(self.color)

    def of(self, rows: np.ndarray) -> LabelledViews:
        """The views of ``rows``."""
        return LabelledViews(*(getattr(self, f.name)[rows] for f in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Any]) -> LabelledViews:
        """One after the other; ``parts`` have the same attributes or items."""
        rows = [vars(part) if isinstance(part, cls) else part for part in parts]
        return cls(*(np.concatenate([row[f.name] for row in rows]) for f in fields(cls)))


def render_views(seed: int, count: int) -> LabelledViews:
    """``count`` views of a room."""
    room = make_room(seed)
    renderer, camera = Renderer(room), rooms_camera()
    rng = np.random.default_rng([7, seed])
    poses = random_views(room, count, rng, renderer)
    views = [renderer.render(pose, camera, rng) for pose in poses]
    return LabelledViews(
        np.stack([view.color for view in views]),
        np.stack([class_image(room, view.instance) for view in views]),
        np.stack([np.rint(view.depth * 1000).astype(np.uint16) for view in views]),
        poses,
    )


def render_shard(first_seed: int, views: int, folder: Path) -> Path:
    """Render ``ROOMS_PER_SHARD`` rooms from ``first_seed`` into ``folder`` unless that shard is there."""
    path = folder / f"views_{first_seed:05d}.npz"
    if not path.exists():
        rooms = [render_views(seed, views) for seed in range(first_seed, first_seed + ROOMS_PER_SHARD)]
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **vars(LabelledViews.joined(rooms)))
        partial.rename(path)
    return path


def load_shards(folder: Path) -> LabelledViews:
    """All shards of ``folder`` in order of their seeds.

    Raises:
        RecordingError: there is none, or one is of an older version.
    """
    paths = sorted(folder.glob("views_?????.npz"))
    if not paths:
        raise RecordingError(f"no rendered views in {folder}; run: mllm-for3d train views")
    try:
        return LabelledViews.joined([np.load(path) for path in paths])
    except KeyError as cause:
        raise RecordingError(f"views in {folder} lack {cause}: remove them and run: mllm-for3d train views") from cause
