"""Objects standing in a room: a piece of furniture with its place, instance id and class."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.furniture import Furniture
from mllm_for3d_ros.rooms.mesh import Part, rotation_z
from mllm_for3d_ros.rooms.placement import Footprint
from mllm_for3d_ros.rooms.supports import TopSurface, top_surface
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


def footprint_at(furniture: Furniture, yaw: float, position: tuple[float, float, float]) -> Footprint:
    """The oriented box that ``furniture`` fills when its origin stands at ``position`` turned by ``yaw``."""
    low, high = furniture.bounds
    center = rotation_z(yaw)[:2, :2] @ ((low + high) / 2)[:2] + np.asarray(position)[:2]
    half = (high - low)[:2] / 2
    return Footprint(
        (float(center[0]), float(center[1])),
        (float(half[0]), float(half[1])),
        yaw,
        float(position[2] + low[2]),
        float(position[2] + high[2]),
    )


@dataclass(frozen=True)
class PlacedObject:
    """One object of a room.

    instance_id: 1, 2, ... unique in the room (0 is background). class_name: one of the vocabulary or
    "clutter:<kind>". position: world place of the object frame's origin, m; yaw rad about z. support:
    instance id of the object that it rests on, 0 for the floor or a wall.
    """

    instance_id: int
    class_name: str
    furniture: Furniture
    yaw: float
    position: tuple[float, float, float]
    support: int = 0

    @property
    def class_index(self) -> int:
        """Index in the vocabulary, -1 for clutter."""
        return CLASS_NAMES.index(self.class_name) if self.class_name in CLASS_NAMES else -1

    @property
    def is_labelled(self) -> bool:
        """Whether the object belongs to a class of the vocabulary."""
        return self.class_index >= 0

    @functools.cached_property
    def footprint(self) -> Footprint:
        """The oriented box that the object fills."""
        return footprint_at(self.furniture, self.yaw, self.position)

    @functools.cached_property
    def top(self) -> TopSurface:
        """Heights of what lies open to the sky, in the object's frame."""
        return top_surface(self.furniture.parts)

    @functools.cached_property
    def world_parts(self) -> tuple[Part, ...]:
        """The parts in world coordinates."""
        turn, shift = rotation_z(self.yaw), np.asarray(self.position)
        return tuple(part.transformed(turn, shift) for part in self.furniture.parts)

    @functools.cached_property
    def box(self) -> np.ndarray:
        """[2, 3] float64 lowest and highest corner m of the axis-aligned world box."""
        vertices = np.concatenate([part.vertices for part in self.world_parts]).astype(np.float64)
        return np.stack([vertices.min(0), vertices.max(0)])
