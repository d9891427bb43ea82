"""Rendered single views of many rooms with 2D class masks: the teacher's training images.

A shard is one .npz file for a range of seeds, so an interrupted rendering goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.rooms.path import random_views
from mllm_for3d_ros.rooms.recording import rooms_camera
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import Room, make_room

ROOMS_PER_SHARD = 25
NO_CLASS = 255


def class_image(room: Room, instance: np.ndarray) -> np.ndarray:
    """[H, W] uint8 class index of every pixel, ``NO_CLASS`` for background and clutter."""
    table = np.full(max((thing.instance_id for thing in room.objects), default=0) + 1, NO_CLASS, np.uint8)
    for thing in room.labelled:
        table[thing.instance_id] = thing.class_index
    return table[instance]


def render_views(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """``count`` views of a room: colours [V, 240, 320, 3] uint8 and class images [V, 240, 320] uint8."""
    room = make_room(seed)
    renderer, camera = Renderer(room), rooms_camera()
    rng = np.random.default_rng([7, seed])
    views = [renderer.render(pose, camera, rng) for pose in random_views(room, count, rng, renderer)]
    return np.stack([v.color for v in views]), np.stack([class_image(room, v.instance) for v in views])


def render_shard(first_seed: int, views: int, folder: Path) -> Path:
    """Render ``ROOMS_PER_SHARD`` rooms from ``first_seed`` into ``folder`` unless that shard is there."""
    path = folder / f"views_{first_seed:05d}.npz"
    if not path.exists():
        rooms = [render_views(seed, views) for seed in range(first_seed, first_seed + ROOMS_PER_SHARD)]
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, color=np.concatenate([r[0] for r in rooms]), classes=np.concatenate([r[1] for r in rooms]))
        partial.rename(path)
    return path


def load_shards(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """All shards of ``folder`` in order of their seeds: colours and class images as in ``render_views``."""
    shards = [np.load(path) for path in sorted(folder.glob("views_?????.npz"))]
    if not shards:
        raise RecordingError(f"no rendered views in {folder}; run: mllm-for3d train views")
    return np.concatenate([s["color"] for s in shards]), np.concatenate([s["classes"] for s in shards])
