"""Which objects go where in a room: big ones first, small ones onto them, clutter last."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.arrange import Arranger
from mllm_for3d_ros.rooms.furniture import CLUTTER_KINDS, Furniture, build_clutter, build_furniture
from mllm_for3d_ros.rooms.furniture_clutter import ON_SURFACES
from mllm_for3d_ros.rooms.objects import PlacedObject

_ORDER = (
    "door window bed bathtub wardrobe sofa refrigerator stove sink washing_machine toilet bookshelf dresser "
    "bicycle television table chair mirror coat_rack lamp plant guitar fan suitcase bin picture "
    "microwave laptop backpack cushion box cup bottle rug"
).split()
_FLOOR = "floor"
_PLACES: dict[str, dict[str, float]] = {
    "microwave": {"table": 2, "dresser": 3, "sink": 1, "washing_machine": 1, "refrigerator": 2, "stove": 0.3},
    "laptop": {"table": 6, "bed": 2, "dresser": 1, "sofa": 1},
    "cup": {"table": 6, "dresser": 3, "sink": 1, "stove": 0.5, "washing_machine": 1, "bookshelf": 1},
    "bottle": {"table": 5, "dresser": 2, "sink": 1, "stove": 0.5, "washing_machine": 1, _FLOOR: 2},
    "backpack": {_FLOOR: 5, "chair": 2, "bed": 2, "sofa": 1},
    "cushion": {"sofa": 6, "bed": 4, "chair": 2, _FLOOR: 1},
    "suitcase": {_FLOOR: 8, "bed": 1, "wardrobe": 0.5},
    "box": {_FLOOR: 6, "wardrobe": 1.5, "bookshelf": 1, "dresser": 1, "table": 0.5},
    "fan": {"table": 2, "dresser": 2, _FLOOR: 1},
}
"""Where the classes that need not stand on the floor go, and how often each support is tried first."""
_TOGETHER = {"cup": 0.6, "bottle": 0.5, "cushion": 0.6}
"""How often another of the class joins the last one on its support."""
_SURFACES = dict.fromkeys(("table", "dresser", "bookshelf", "washing_machine"), 1.0)
_TALL_FAN = 0.6
_BUILDS = 4
_EYE_LEVEL = 1.25
_CEILING_LEVEL = 2.1


def furnish(arranger: Arranger, counts: dict[str, int], rng: np.random.Generator) -> None:
    """Put ``counts`` objects of each class into the room, or as many as find a place."""
    for name in _ORDER:
        for _ in range(counts.get(name, 0)):
            for _ in range(_BUILDS):
                if _add(arranger, name, rng):
                    break


def add_clutter(arranger: Arranger, rng: np.random.Generator) -> None:
    """Up to five things that belong to no class."""
    for _ in range(int(rng.integers(1, 6))):
        kind = CLUTTER_KINDS[int(rng.integers(len(CLUTTER_KINDS)))]
        thing = build_clutter(kind, rng)
        if kind in ON_SURFACES:
            _add_somewhere(arranger, thing, _SURFACES, rng)
        else:
            arranger.add(thing)


def _add(arranger: Arranger, name: str, rng: np.random.Generator) -> bool:
    furniture = build_furniture(name, rng)
    tables = [thing for thing in arranger.placed if thing.class_name == "table"]
    if name == "chair" and tables and rng.random() < 0.85:
        return arranger.add_chair(furniture, tables[int(rng.integers(len(tables)))])
    if name not in _PLACES or (name == "fan" and furniture.size[2] > _TALL_FAN):
        return arranger.add(furniture)
    return _add_somewhere(arranger, furniture, _PLACES[name], rng)


def _add_somewhere(arranger: Arranger, thing: Furniture, odds: dict[str, float], rng: np.random.Generator) -> bool:
    """Put ``thing`` onto the floor or a support, tried in an order drawn by ``odds``; False if none has room."""
    mates = [other for other in arranger.placed if other.class_name == thing.class_name and other.support]
    if mates and rng.random() < _TOGETHER.get(thing.class_name, 0.0):
        support = arranger.placed[mates[-1].support - 1]
        if _put_on(arranger, thing, support, rng):
            return True
    supports = [other for other in arranger.placed if other.class_name in odds]
    weights = np.array([odds[other.class_name] for other in supports] + [odds.get(_FLOOR, 0.0)])
    ranks = np.argsort(rng.exponential(size=len(weights)) / np.maximum(weights, 1e-9))
    for rank in ranks.tolist():
        if rank < len(supports):
            if _put_on(arranger, thing, supports[rank], rng):
                return True
        elif weights[rank] and arranger.add(thing):
            return True
    return False


def _put_on(arranger: Arranger, thing: Furniture, support: PlacedObject, rng: np.random.Generator) -> bool:
    """Rest ``thing`` on ``support``, turned as one would put it there."""
    name, below = thing.class_name, support.class_name
    highest = _CEILING_LEVEL if name in ("box", "suitcase") else _EYE_LEVEL
    if below in ("sofa", "chair") or (below == "bed" and name == "cushion"):
        return arranger.add_on_top(thing, support, highest, snug=name != "laptop", facing=0.0)
    if below == "table" and name not in ("cup", "bottle"):
        return arranger.add_on_top(thing, support, highest, facing=int(rng.integers(4)) * np.pi / 2)
    if name in ("cup", "bottle", "box", "clutter:vase", "clutter:bowl"):
        return arranger.add_on_top(thing, support, highest)
    return arranger.add_on_top(thing, support, highest, facing=0.0)
