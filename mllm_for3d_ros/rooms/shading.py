"""Compiled shading of ray hits: solid textures, Lambert light, shadows."""

from __future__ import annotations

import math

import numba
import numpy as np

from mllm_for3d_ros.rooms.mesh import TEXTURES

PLAIN, WOOD, CHECKER, STRIPES, SPECKLE, TILES, FABRIC, MARBLE = range(len(TEXTURES))
_SHIFT = 0.3719


@numba.njit(cache=True, inline="always")
def _hash(x: int, y: int, z: int) -> float:
    """Reproducible number in 0..1 of a lattice point."""
    h = (x * 374761393 + y * 668265263 + z * 1442695041) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65535.0


@numba.njit(cache=True)
def _noise(x: float, y: float, z: float) -> float:
    """Value noise in 0..1 with lattice period 1."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    ix, iy, iz = int(fx), int(fy), int(fz)
    u, v, w = x - fx, y - fy, z - fz
    u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
    a = _hash(ix, iy, iz) * (1 - u) + _hash(ix + 1, iy, iz) * u
    b = _hash(ix, iy + 1, iz) * (1 - u) + _hash(ix + 1, iy + 1, iz) * u
    c = _hash(ix, iy, iz + 1) * (1 - u) + _hash(ix + 1, iy, iz + 1) * u
    d = _hash(ix, iy + 1, iz + 1) * (1 - u) + _hash(ix + 1, iy + 1, iz + 1) * u
    return (a * (1 - v) + b * v) * (1 - w) + (c * (1 - v) + d * v) * w


@numba.njit(cache=True)
def _tiles(x: float, y: float, z: float, nx: float, ny: float, nz: float) -> float:
    """0 on a tile (varied a little), 1 on the grout between tiles; x, y, z in tiles, n the normal."""
    grout = 0.04
    fx, fy, fz = x - math.floor(x), y - math.floor(y), z - math.floor(z)
    ax, ay, az = abs(nx), abs(ny), abs(nz)
    across_x = ax < max(ay, az) and fx < grout
    across_y = ay < max(ax, az) and fy < grout
    across_z = az < max(ax, ay) and fz < grout
    if across_x or across_y or across_z:
        return 1.0
    ix = 0 if ax >= max(ay, az) else int(math.floor(x))
    iy = 0 if ay >= max(ax, az) else int(math.floor(y))
    iz = 0 if az >= max(ax, ay) else int(math.floor(z))
    return 0.25 * _hash(ix, iy, iz)


@numba.njit(cache=True)
def blend_of(texture: int, scale: float, p: np.ndarray, n: np.ndarray) -> float:
    """How far (0..1) a texture goes to its second colour at ``p`` [3] m with normal ``n`` [3]."""
    x, y, z = p[0] / scale + _SHIFT, p[1] / scale + _SHIFT, p[2] / scale + _SHIFT
    if texture == WOOD:
        plank = _hash(int(math.floor(x)), 7, int(math.floor(z)))
        grain = _noise(x * 9.0 + 11 * plank, y * 0.7 + 5 * plank, z * 9.0)
        return 0.45 * plank + 0.55 * grain
    if texture == CHECKER:
        return float((int(math.floor(x)) + int(math.floor(y)) + int(math.floor(z))) & 1)
    if texture == STRIPES:
        return float(int(math.floor(x + y)) & 1)
    if texture == SPECKLE:
        return _noise(x * 5.0, y * 5.0, z * 5.0)
    if texture == TILES:
        return _tiles(x, y, z, n[0], n[1], n[2])
    if texture == FABRIC:
        weave = 0.5 + 0.25 * (math.sin(38.0 * (x + z)) + math.sin(38.0 * (y - z)))
        return 0.4 * weave + 0.6 * _noise(x * 3.0, y * 3.0, z * 3.0)
    if texture == MARBLE:
        bend = 4.0 * _noise(x * 1.5, y * 1.5, z * 1.5) + 1.5 * _noise(x * 5.0, y * 5.0, z * 5.0)
        vein = abs(math.sin(1.7 * (x + 0.6 * y + z) + bend))
        return (1.0 - vein) ** 3
    return 0.0


@numba.njit(cache=True)
def shadow_rays(rays: np.ndarray, distance: np.ndarray, light: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out`` [N, 6] with rays from just before each hit to ``light`` [3] (reached at parameter 1)."""
    for i in range(len(rays)):
        back = distance[i] - 0.004
        for k in range(3):
            start = rays[i, k] + back * rays[i, 3 + k]
            out[i, k] = start
            out[i, 3 + k] = light[k] - start


@numba.njit(cache=True)
def shade(
    rays: np.ndarray,
    distance: np.ndarray,
    triangle: np.ndarray,
    normals: np.ndarray,
    triangle_object: np.ndarray,
    triangle_material: np.ndarray,
    poses: np.ndarray,
    materials: np.ndarray,
    lights: np.ndarray,
    blocked: np.ndarray,
    ambient: float,
    out: np.ndarray,
) -> None:
    """Shade N ray hits into ``out`` [N, 5] float32: R, G, B (0..1), cosine to the viewer, emission.

    rays: [N, 6]; distance: [N] ray parameter of the hit; triangle: [N] hit triangle, -1 for none.
    normals: [T, 3] world. triangle_object, triangle_material: [T]. poses: [O, 5] cos, sin of yaw, x, y, z.
    materials: [M, 9] colour, second colour, texture, scale, emission. lights: [L, 4] position, strength.
    blocked: [L, N] whether the light does not reach the hit.
    """
    point, local, normal = np.empty(3), np.empty(3), np.empty(3)
    for i in range(len(rays)):
        t = triangle[i]
        if t < 0:
            out[i, :] = 0.0
            continue
        facing, length = 0.0, 0.0
        for k in range(3):
            point[k] = rays[i, k] + distance[i] * rays[i, 3 + k]
            facing += normals[t, k] * rays[i, 3 + k]
            length += rays[i, 3 + k] ** 2
        flip = -1.0 if facing > 0 else 1.0
        c, s, px, py, pz = poses[triangle_object[t]]
        x, y = point[0] - px, point[1] - py
        local[0], local[1], local[2] = c * x + s * y, -s * x + c * y, point[2] - pz
        normal[0] = c * normals[t, 0] + s * normals[t, 1]
        normal[1] = -s * normals[t, 0] + c * normals[t, 1]
        normal[2] = normals[t, 2]
        material = materials[triangle_material[t]]
        blend = blend_of(int(material[6]), material[7], local, normal)
        light = ambient * (1.0 + 0.15 * flip * normals[t, 2])
        for j in range(len(lights)):
            if blocked[j, i]:
                continue
            lx, ly, lz = lights[j, 0] - point[0], lights[j, 1] - point[1], lights[j, 2] - point[2]
            squared = lx * lx + ly * ly + lz * lz + 1e-6
            cosine = flip * (normals[t, 0] * lx + normals[t, 1] * ly + normals[t, 2] * lz) / math.sqrt(squared)
            if cosine > 0:
                light += lights[j, 3] * cosine / (0.6 + 0.1 * squared)
        emission = material[8]
        for k in range(3):
            albedo = material[k] * (1 - blend) + material[3 + k] * blend
            out[i, k] = albedo * (light * (1 - emission) + 1.1 * emission)
        out[i, 3] = abs(facing) / math.sqrt(length)
        out[i, 4] = emission
