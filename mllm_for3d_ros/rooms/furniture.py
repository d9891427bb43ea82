"""Parametric furniture of the Rooms benchmark: 34 labelled classes and unlabelled clutter.

Everything is drawn from the generator that the caller passes, so a seed names an object.
"""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.furniture_appliances import (
    build_lamp,
    build_refrigerator,
    build_stove,
    build_television,
    build_washing_machine,
)
from mllm_for3d_ros.rooms.furniture_base import Builder, Furniture
from mllm_for3d_ros.rooms.furniture_bathroom import build_bathtub, build_sink, build_toilet
from mllm_for3d_ros.rooms.furniture_clutter import CLUTTER
from mllm_for3d_ros.rooms.furniture_decor import build_bin, build_picture, build_plant, build_rug
from mllm_for3d_ros.rooms.furniture_household import build_coat_rack, build_dresser, build_fan, build_mirror
from mllm_for3d_ros.rooms.furniture_leisure import build_bicycle, build_guitar
from mllm_for3d_ros.rooms.furniture_luggage import build_backpack, build_box, build_cushion, build_suitcase
from mllm_for3d_ros.rooms.furniture_openings import build_door, build_window
from mllm_for3d_ros.rooms.furniture_seating import build_chair, build_sofa
from mllm_for3d_ros.rooms.furniture_storage import build_bookshelf, build_wardrobe
from mllm_for3d_ros.rooms.furniture_tables import build_bed, build_table
from mllm_for3d_ros.rooms.furniture_tableware import build_bottle, build_cup, build_laptop, build_microwave

__all__ = ["BUILDERS", "CLUTTER_KINDS", "FURNITURE_CLASSES", "Furniture", "build_clutter", "build_furniture"]

BUILDERS: dict[str, Builder] = {
    "sofa": build_sofa,
    "chair": build_chair,
    "table": build_table,
    "bed": build_bed,
    "wardrobe": build_wardrobe,
    "bookshelf": build_bookshelf,
    "television": build_television,
    "lamp": build_lamp,
    "plant": build_plant,
    "toilet": build_toilet,
    "bathtub": build_bathtub,
    "sink": build_sink,
    "refrigerator": build_refrigerator,
    "stove": build_stove,
    "washing_machine": build_washing_machine,
    "rug": build_rug,
    "window": build_window,
    "door": build_door,
    "bin": build_bin,
    "picture": build_picture,
    "dresser": build_dresser,
    "mirror": build_mirror,
    "microwave": build_microwave,
    "laptop": build_laptop,
    "cup": build_cup,
    "bottle": build_bottle,
    "backpack": build_backpack,
    "cushion": build_cushion,
    "suitcase": build_suitcase,
    "box": build_box,
    "bicycle": build_bicycle,
    "guitar": build_guitar,
    "fan": build_fan,
    "coat_rack": build_coat_rack,
}
FURNITURE_CLASSES: tuple[str, ...] = tuple(BUILDERS)
CLUTTER_KINDS: tuple[str, ...] = tuple(CLUTTER)


def build_furniture(class_name: str, rng: np.random.Generator) -> Furniture:
    """One random object of ``class_name``; raises VocabularyError for a class that is not in the vocabulary."""
    builder = BUILDERS.get(class_name)
    if builder is None:
        raise VocabularyError(f"unknown class '{class_name}': use one of {', '.join(FURNITURE_CLASSES)}")
    return builder(rng)


def build_clutter(kind: str, rng: np.random.Generator) -> Furniture:
    """One random unlabelled object; raises VocabularyError for an unknown ``kind``."""
    builder = CLUTTER.get(kind)
    if builder is None:
        raise VocabularyError(f"unknown clutter '{kind}': use one of {', '.join(CLUTTER_KINDS)}")
    return builder(rng)
