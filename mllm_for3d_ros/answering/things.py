"""The things that a student finds for a few words, each with its shape on the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from mllm_for3d_ros.scene.instances import upright_box
from mllm_for3d_ros.types import Instance, SceneCloud

_CELL = 0.05
_FRAGMENT = 0.1  # share of the voxels of the largest thing: what is smaller is no thing of its own
_STANDING, _TOUCHING = 0.3, 0.15  # m
_SAME_PLACE = 0.5  # share of the plan of a part that lies upon that of another: both are one thing


@dataclass(frozen=True)
class Thing:
    """An instance with its points [M, 3] float64 m and colours [M, 3] uint8."""

    instance: Instance
    points: np.ndarray
    colors: np.ndarray

    @cached_property
    def plan(self) -> np.ndarray:
        """[K, 2] float64 m: centres of the cells of the ground that it stands over."""
        cells = np.unique(np.floor(self.points[:, :2] / _CELL).astype(np.int64), axis=0)
        return (cells + 0.5) * _CELL

    @cached_property
    def tree(self) -> cKDTree:
        """Over ``plan``."""
        return cKDTree(self.plan)

    @property
    def center(self) -> np.ndarray:
        """[2] float64 m of its box on the plan."""
        return self.instance.center[:2]

    @property
    def bottom(self) -> float:
        """Height m."""
        return float(self.points[:, 2].min())

    @property
    def top(self) -> float:
        """Height m."""
        return float(self.points[:, 2].max())

    def distance(self, other: Thing) -> float:
        """Least horizontal distance m between voxels of the two, 0 where they overlap on the plan."""
        small, large = (self, other) if len(self.plan) < len(other.plan) else (other, self)
        nearest = float(large.tree.query(small.plan)[0].min())
        return nearest if nearest > 0.5 * _CELL else 0.0

    def distance_to(self, place: np.ndarray) -> float:
        """Least horizontal distance m to a place [2]."""
        return float(self.tree.query(place)[0])

    def covers(self, plan: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """[K] bool: whether places [K, 2] lie in its upright box on the plan, enlarged by ``margin`` m."""
        cos, sin = np.cos(self.instance.yaw), np.sin(self.instance.yaw)
        offset = plan - self.center
        along = np.abs(offset @ [cos, sin]) <= self.instance.size[0] / 2 + margin
        across = np.abs(offset @ [-sin, cos]) <= self.instance.size[1] / 2 + margin
        return np.asarray(along & across)


def things_of(cloud: SceneCloud, instances: Sequence[Instance], floor: float) -> tuple[Thing, ...]:
    """The things that instances are: parts above one another are joined, small fragments left out.

    A lamp of whose pole no voxel was seen falls into parts, and neither of them is another lamp. ``floor``: its height
    m; of things that hang or lie high up, only parts that nearly touch are joined, as pictures hang above one another.
    """
    if not instances:
        return ()
    largest = max(len(one.indices) for one in instances)
    kept = [one for one in instances if len(one.indices) >= _FRAGMENT * largest]
    things = [_thing(cloud, one) for one in kept]
    joined: list[Thing] = []
    for thing in sorted(things, key=lambda one: -len(one.points)):
        over = next((i for i, other in enumerate(joined) if _same_place(thing, other, floor)), None)
        if over is None:
            joined.append(thing)
        else:
            joined[over] = _thing(cloud, _union(cloud, joined[over].instance, thing.instance))
    return tuple(joined)


def floor_height(cloud: SceneCloud) -> float:
    """Height m of the floor: that of the lowest voxels but for strays."""
    return float(np.percentile(cloud.points[:: max(1, len(cloud) // 20000), 2], 1))


def _thing(cloud: SceneCloud, instance: Instance) -> Thing:
    return Thing(instance, cloud.points[instance.indices].astype(np.float64), cloud.colors[instance.indices])


def _same_place(part: Thing, other: Thing, floor: float) -> bool:
    standing = min(part.bottom, other.bottom) - floor < _STANDING
    apart = max(part.bottom - other.top, other.bottom - part.top)
    return (standing or apart < _TOUCHING) and float(
        (other.tree.query(part.plan)[0] < 0.75 * _CELL).mean()
    ) >= _SAME_PLACE


def _union(cloud: SceneCloud, one: Instance, other: Instance) -> Instance:
    indices = np.sort(np.concatenate([one.indices, other.indices]))
    center, yaw, size = upright_box(cloud.points[indices], cloud.voxel_size)
    weights = len(one.indices), len(other.indices)
    score = float(np.average([one.score, other.score], weights=weights))
    return Instance(indices, center, yaw, size, score, one.label)
