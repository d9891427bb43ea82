"""Renders a room as an RGB-D camera would see it, with the exact instance of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.mesh import TEXTURES, Material, Part
from mllm_for3d_ros.rooms.room import Room
from mllm_for3d_ros.rooms.sensor import noisy_depth, photograph
from mllm_for3d_ros.rooms.shading import shade, shadow_rays
from mllm_for3d_ros.types import Intrinsics

_MARGIN = 0.02  # m by which the glow of a lamp reaches into the walls of its room


@dataclass(frozen=True)
class RoomView:
    """One rendered view.

    color: [H, W, 3] uint8 RGB. depth: [H, W] float32 m along z with noise and holes (0).
    clean_depth: [H, W] float32 m, exact. instance: [H, W] int32, 0 where walls, floor or ceiling.
    """

    color: np.ndarray
    depth: np.ndarray
    clean_depth: np.ndarray
    instance: np.ndarray


@dataclass(frozen=True)
class _Soup:
    """All triangles of a room with their normals, objects and materials (see shading.shade)."""

    vertices: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    triangle_object: np.ndarray
    triangle_material: np.ndarray
    poses: np.ndarray
    materials: np.ndarray
    instance_ids: np.ndarray


class Renderer:
    """Renders one scene, without ceilings if ``roof`` is False. Not thread-safe; uses one core."""

    def __init__(self, room: Room, roof: bool = True) -> None:
        import open3d as o3d

        self.room = room
        self._soup = _gather(room, roof)
        self._tensor = o3d.core.Tensor.from_numpy
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(self._tensor(self._soup.vertices), self._tensor(self._soup.triangles))
        self._lights = np.array([[*light.position, light.strength] for light in room.lights], np.float64)
        self._camera: Intrinsics | None = None
        self._directions = np.empty((0, 3), np.float32)
        self._vignette = np.empty((0, 0), np.float32)

    def render(
        self, camera_to_world: np.ndarray, intrinsics: Intrinsics, rng: np.random.Generator | None = None
    ) -> RoomView:
        """The view from ``camera_to_world`` [4, 4]; without ``rng`` the noise depends on the room's seed only."""
        rng = rng if rng is not None else np.random.default_rng([4, self.room.seed])
        rays, distance, triangle = self._cast(camera_to_world, intrinsics)
        soup, shape = self._soup, (intrinsics.height, intrinsics.width)
        shaded = np.empty((len(rays), 5), np.float32)
        blocked = self._blocked(rays, distance)
        shade(
            rays,
            distance,
            triangle,
            soup.normals,
            soup.triangle_object,
            soup.triangle_material,
            soup.poses,
            soup.materials,
            self._lights,
            blocked,
            self.room.look.ambient,
            shaded,
        )
        ideal, cosine, emission = shaded[:, :3].reshape(*shape, 3), shaded[:, 3], shaded[:, 4]
        clean = np.where(triangle >= 0, distance, 0).astype(np.float32).reshape(shape)
        depth = noisy_depth(clean, ideal, cosine.reshape(shape), emission.reshape(shape), rng)
        color = photograph(ideal, self.room.look, self._vignette, rng)
        return RoomView(color, depth, clean, self._instances(triangle).reshape(shape))

    def instances(self, camera_to_world: np.ndarray, intrinsics: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
        """Only the instance image [H, W] int32 and the exact depth [H, W] float32 m of a view (fast)."""
        _, distance, triangle = self._cast(camera_to_world, intrinsics)
        shape = (intrinsics.height, intrinsics.width)
        clean = np.where(triangle >= 0, distance, 0).astype(np.float32)
        return self._instances(triangle).reshape(shape), clean.reshape(shape)

    def _cast(self, camera_to_world: np.ndarray, camera: Intrinsics) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rays [N, 6], hit parameter [N] (= depth, as directions have z 1) and triangle [N] (-1: none)."""
        if camera != self._camera:
            self._prepare(camera)
        rays = np.empty((len(self._directions), 6), np.float32)
        rays[:, :3] = camera_to_world[:3, 3]
        rotation = camera_to_world[:3, :3].astype(np.float32)
        np.einsum("ni,ji->nj", self._directions, rotation, out=rays[:, 3:])  # no BLAS: it would start threads
        hits = self._scene.cast_rays(self._tensor(rays), nthreads=1)
        distance = hits["t_hit"].numpy()
        triangle = hits["primitive_ids"].numpy().astype(np.int32)
        triangle[~np.isfinite(distance)] = -1
        return rays, distance, triangle

    def _prepare(self, camera: Intrinsics) -> None:
        """Ray directions and vignette of ``camera``, kept for the next views."""
        u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
        x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
        self._directions = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3).astype(np.float32)
        right, down = (2 * u + 1) / camera.width - 1, (2 * v + 1) / camera.height - 1
        self._vignette = ((right**2 + down**2) / 2).astype(np.float32)
        self._camera = camera

    def _blocked(self, rays: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """[L, N] bool: which lights do not reach which hits; traced for every second pixel of a row."""
        blocked = np.zeros((len(self._lights), len(rays)), bool)
        half = np.ascontiguousarray(rays[::2])
        towards = np.empty_like(half)
        reached = np.where(np.isfinite(distance[::2]), distance[::2], 0).astype(np.float32)
        for row, light in enumerate(self.room.lights):
            if light.shadows:
                shadow_rays(half, reached, self._lights[row, :3], towards)
                hidden = self._scene.test_occlusions(self._tensor(towards), 0.0, 0.999, nthreads=1).numpy()
                blocked[row] = hidden.repeat(2)[: len(rays)]
            elif np.isfinite(light.within).all():
                hit = half[:, :2] + reached[:, None] * half[:, 3:5]
                low, high = np.array(light.within[:2]) - _MARGIN, np.array(light.within[2:]) + _MARGIN
                blocked[row] = ((hit < low) | (hit > high)).any(1).repeat(2)[: len(rays)]
        return blocked

    def _instances(self, triangle: np.ndarray) -> np.ndarray:
        ids = self._soup.instance_ids[self._soup.triangle_object[triangle]]
        return np.where(triangle >= 0, ids, 0).astype(np.int32)


def _gather(room: Room, roof: bool) -> _Soup:
    """Merge the shell and all objects of ``room``."""
    entries: list[tuple[Part, int]] = [(part, 0) for part in room.shell(roof)]
    poses = [(1.0, 0.0, 0.0, 0.0, 0.0)]
    for row, thing in enumerate(room.objects, start=1):
        poses.append((np.cos(thing.yaw), np.sin(thing.yaw), *thing.position))
        entries += [(part, row) for part in thing.world_parts]
    starts = np.cumsum([0, *(len(part.vertices) for part, _ in entries)])
    counts = [len(part.triangles) for part, _ in entries]
    vertices = np.concatenate([part.vertices for part, _ in entries]).astype(np.float32)
    triangles = np.concatenate([part.triangles + start for (part, _), start in zip(entries, starts, strict=False)])
    return _Soup(
        vertices,
        triangles.astype(np.uint32),
        _normals(vertices, triangles),
        np.repeat([row for _, row in entries], counts).astype(np.int32),
        np.repeat(np.arange(len(entries)), counts).astype(np.int32),
        np.array(poses, np.float64),
        np.array([_material_row(part.material) for part, _ in entries], np.float64),
        np.array([0, *(thing.instance_id for thing in room.objects)], np.int32),
    )


def _material_row(material: Material) -> tuple[float, ...]:
    texture = float(TEXTURES.index(material.texture))
    return (*material.color, *material.color2, texture, material.scale, material.emission)


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """[T, 3] float64 unit normals, zero for triangles without area."""
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return np.divide(normal, length, out=np.zeros_like(normal), where=length > 1e-12)
