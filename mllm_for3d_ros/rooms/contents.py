"""What a room of each kind contains: probabilities of the classes, numbers of instances, surfaces."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.mesh import Material
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

ROOM_KINDS = ("living_room", "bedroom", "kitchen", "bathroom", "studio", "office", "hallway")

_PRESENCE: dict[str, tuple[float, float, float, float, float, float, float]] = {
    "sofa": (0.92, 0.15, 0.10, 0.03, 0.55, 0.20, 0.10),
    "chair": (0.50, 0.45, 0.85, 0.20, 0.65, 0.95, 0.35),
    "table": (0.88, 0.35, 0.90, 0.10, 0.75, 0.97, 0.30),
    "bed": (0.05, 0.95, 0.03, 0.02, 0.75, 0.05, 0.02),
    "wardrobe": (0.15, 0.70, 0.06, 0.10, 0.35, 0.20, 0.45),
    "bookshelf": (0.55, 0.30, 0.10, 0.04, 0.40, 0.75, 0.25),
    "television": (0.75, 0.30, 0.12, 0.03, 0.40, 0.15, 0.04),
    "lamp": (0.60, 0.45, 0.12, 0.08, 0.40, 0.50, 0.30),
    "plant": (0.50, 0.30, 0.30, 0.25, 0.40, 0.50, 0.35),
    "toilet": (0.04, 0.06, 0.04, 0.95, 0.35, 0.04, 0.05),
    "bathtub": (0.04, 0.07, 0.04, 0.92, 0.30, 0.03, 0.03),
    "sink": (0.04, 0.10, 0.85, 0.92, 0.45, 0.08, 0.05),
    "refrigerator": (0.05, 0.05, 0.95, 0.04, 0.55, 0.15, 0.05),
    "stove": (0.05, 0.04, 0.92, 0.04, 0.55, 0.05, 0.03),
    "washing_machine": (0.05, 0.05, 0.40, 0.65, 0.30, 0.03, 0.15),
    "rug": (0.65, 0.55, 0.12, 0.45, 0.45, 0.35, 0.60),
    "window": (0.70, 0.70, 0.65, 0.45, 0.65, 0.70, 0.30),
    "door": (0.86, 0.86, 0.86, 0.86, 0.86, 0.86, 0.95),
    "bin": (0.25, 0.20, 0.50, 0.50, 0.35, 0.60, 0.25),
    "picture": (0.65, 0.55, 0.25, 0.20, 0.45, 0.40, 0.55),
    "dresser": (0.55, 0.60, 0.25, 0.20, 0.40, 0.40, 0.60),
    "mirror": (0.15, 0.45, 0.05, 0.70, 0.30, 0.08, 0.65),
    "microwave": (0.08, 0.05, 0.92, 0.04, 0.60, 0.45, 0.06),
    "laptop": (0.35, 0.40, 0.15, 0.05, 0.40, 0.80, 0.12),
    "cup": (0.45, 0.30, 0.70, 0.30, 0.50, 0.70, 0.15),
    "bottle": (0.35, 0.25, 0.65, 0.40, 0.45, 0.45, 0.20),
    "backpack": (0.20, 0.40, 0.12, 0.08, 0.30, 0.45, 0.55),
    "cushion": (0.75, 0.60, 0.12, 0.05, 0.45, 0.25, 0.25),
    "suitcase": (0.08, 0.40, 0.05, 0.05, 0.25, 0.15, 0.50),
    "box": (0.25, 0.35, 0.30, 0.20, 0.35, 0.50, 0.45),
    "bicycle": (0.30, 0.25, 0.06, 0.05, 0.40, 0.35, 0.75),
    "guitar": (0.45, 0.45, 0.05, 0.04, 0.40, 0.25, 0.20),
    "fan": (0.30, 0.40, 0.20, 0.15, 0.35, 0.45, 0.12),
    "coat_rack": (0.15, 0.25, 0.06, 0.10, 0.25, 0.40, 0.75),
}
_MORE: dict[str, tuple[float, ...]] = {
    "sofa": (0.75, 0.25),
    "chair": (0.2, 0.3, 0.2, 0.3),
    "table": (0.75, 0.25),
    "bed": (0.85, 0.15),
    "wardrobe": (0.85, 0.15),
    "bookshelf": (0.7, 0.3),
    "lamp": (0.7, 0.3),
    "plant": (0.5, 0.35, 0.15),
    "rug": (0.8, 0.2),
    "window": (0.6, 0.4),
    "door": (0.8, 0.2),
    "bin": (0.8, 0.2),
    "picture": (0.4, 0.4, 0.2),
    "dresser": (0.75, 0.25),
    "mirror": (0.85, 0.15),
    "laptop": (0.8, 0.2),
    "cup": (0.2, 0.4, 0.3, 0.1),
    "bottle": (0.25, 0.4, 0.25, 0.1),
    "backpack": (0.7, 0.3),
    "cushion": (0.25, 0.4, 0.25, 0.1),
    "suitcase": (0.6, 0.4),
    "box": (0.35, 0.4, 0.25),
    "guitar": (0.85, 0.15),
    "fan": (0.85, 0.15),
}
_UNUSUAL = 0.5
_FEWEST, _MOST = 8, 16
_SIZES = {
    "living_room": (4.2, 6.8),
    "bedroom": (3.6, 5.5),
    "kitchen": (3.4, 5.6),
    "bathroom": (3.0, 4.6),
    "studio": (4.8, 7.0),
    "office": (3.6, 6.0),
    "hallway": (3.0, 5.2),
}


def draw_size(kind: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Width, depth and height m of a room of ``kind``."""
    low, high = _SIZES[kind]
    width, depth = rng.uniform(low, high, 2)
    return round(float(width), 3), round(float(depth), 3), round(float(rng.uniform(2.4, 3.0)), 3)


def draw_contents(kind: str, rng: np.random.Generator) -> dict[str, int]:
    """How many objects of each class a room of ``kind`` should get (classes with none are left out).

    Half of the rooms also get one class that is unusual for their kind, so that the kind of a room
    does not give its contents away.
    """
    chosen = _draw_classes(kind, rng)
    while not _FEWEST <= len(chosen) <= _MOST:
        chosen = _draw_classes(kind, rng)
    counts = {}
    for name in CLASS_NAMES:
        if name in chosen:
            odds = _MORE.get(name, (1.0,))
            counts[name] = 1 + int(rng.choice(len(odds), p=odds))
    return counts


def _draw_classes(kind: str, rng: np.random.Generator) -> set[str]:
    column = ROOM_KINDS.index(kind)
    chosen = {name for name in CLASS_NAMES if rng.random() < _PRESENCE[name][column]}
    if rng.random() < _UNUSUAL:
        rare = sorted(CLASS_NAMES, key=lambda name: _PRESENCE[name][column])[:8]
        chosen.add(rare[int(rng.integers(len(rare)))])
    return chosen


def _tinted(rng: np.random.Generator, low: float, high: float, tint: float) -> tuple[float, float, float]:
    color = np.clip(rng.uniform(low, high) + rng.uniform(-tint, tint, 3), 0.03, 0.97)
    return float(color[0]), float(color[1]), float(color[2])


def _near(color: tuple[float, float, float], rng: np.random.Generator, change: float) -> tuple[float, float, float]:
    other = np.clip(np.asarray(color) * rng.uniform(1 - change, 1 + change), 0.02, 0.98)
    return float(other[0]), float(other[1]), float(other[2])


def draw_wall_material(kind: str, rng: np.random.Generator) -> Material:
    """Painted, papered or tiled wall."""
    textures = ("tiles", "plain", "speckle") if kind in ("bathroom", "kitchen") else ("plain", "speckle", "stripes")
    texture = textures[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
    color = _tinted(rng, 0.5, 0.88, 0.12)
    scale = float(rng.uniform(0.1, 0.3))
    return Material(color, _near(color, rng, 0.15), texture, scale)


def draw_floor_material(kind: str, rng: np.random.Generator) -> Material:
    """Boards, tiles, stone or carpet."""
    wet = kind in ("bathroom", "kitchen")
    textures = ("tiles", "checker", "marble", "wood") if wet else ("wood", "fabric", "tiles", "marble")
    texture = textures[int(rng.choice(4, p=(0.5, 0.2, 0.15, 0.15)))]
    if texture == "wood":
        brown = np.array([0.62, 0.43, 0.27]) * rng.uniform(0.5, 1.35) + rng.uniform(-0.04, 0.04, 3)
        color = (float(brown[0]), float(brown[1]), float(brown[2]))
        return Material(color, _near(color, rng, 0.3), "wood", float(rng.uniform(0.08, 0.2)))
    color = _tinted(rng, 0.25, 0.75, 0.1)
    return Material(color, _near(color, rng, 0.35), texture, float(rng.uniform(0.2, 0.5)))


def draw_ceiling_material(rng: np.random.Generator) -> Material:
    """Light, nearly white paint."""
    color = _tinted(rng, 0.8, 0.92, 0.03)
    return Material(color, _near(color, rng, 0.05), "speckle", 0.1)
