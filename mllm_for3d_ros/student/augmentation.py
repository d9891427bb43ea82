"""Random variants of a scene that its instructions still describe truly.

Turned about the vertical, mirrored, rescaled or recoloured, a scene is a new one for the network; but a mirror
image contradicts "left of the door", a turn "at the north wall", and other colours "the red chair". What the
texts of a scene say decides what may be done to it. When in doubt ("what is left over") it is not done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mllm_for3d_ros.student.symmetry import turn

_SIDES = re.compile(r"\b(left|right)(most|wards?|ies|y|s|er)?\b|clockwise|\b(left|right)-?hand", re.IGNORECASE)
_COMPASS = re.compile(r"\b(north|south|east|west)(ern|ward|wards)?\b|\b(north|south)-?(east|west)", re.IGNORECASE)
_MEASURE = re.compile(
    r"\b(\d+([.,]\d+)?|one|two|three|four|five|six|half an?) ?-?"
    r"(mm|cm|m|met(er|re)s?|centimet(er|re)s?|inch(es)?|foot|feet|ft)\b",
    re.IGNORECASE,
)
_COLORS = re.compile(
    r"\b(black|gr[ae]y|white|beige|cream|ivory|brown|tan|red|maroon|crimson|scarlet|pink|magenta|orange|yellow|gold"
    r"|golden|silver|silvery|green|olive|lime|teal|turquoise|cyan|blue|navy|indigo|violet|purple|lilac|colou?r\w*"
    r"|dark|darker|darkest|pale|light-colou?red|bright|brightest|blond|wooden|monochrome)(ish)?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wording:
    """What a text speaks of: sides (left, clockwise), the compass, lengths in units, colours."""

    sides: bool
    compass: bool
    measure: bool
    colors: bool


@dataclass(frozen=True)
class AugmentationSettings:
    """What may be done to a scene where its texts allow it.

    turns: quarter turns about z. mirror: mirror images. color: colours are scaled by up to this share and
    shifted by half of it. height: standard deviation, m, of a shift of all heights. rotation: degrees, and
    scale: share, up to which a scene is turned and rescaled off the grid (0: never); rows that then fall into
    one voxel are thinned to one.
    """

    turns: bool = True
    mirror: bool = True
    color: float = 0.2
    height: float = 0.03
    rotation: float = 0.0
    scale: float = 0.0


@dataclass(frozen=True)
class Variant:
    """coords [M', 3] int32 and inputs [M', 8] float32 of a variant; rows [M'] int64 of the scene that they come
    from; said [Q] bool, the instructions that are still true of it.
    """

    coords: np.ndarray
    inputs: np.ndarray
    rows: np.ndarray
    said: np.ndarray


@lru_cache(maxsize=1 << 16)
def wording(text: str) -> Wording:
    """What ``text`` speaks of, rather once too often than too seldom."""
    patterns = (_SIDES, _COMPASS, _MEASURE, _COLORS)
    return Wording(*(pattern.search(text) is not None for pattern in patterns))


def vary(
    coords: np.ndarray,
    inputs: np.ndarray,
    texts: Sequence[str],
    rng: np.random.Generator,
    settings: AugmentationSettings,
) -> Variant:
    """A random variant of a scene.

    Args:
        coords: [M, 3] voxel indices.
        inputs: [M, 8], see ``StudentVoxels``.
        texts: the Q instructions of the scene.
        rng: decides; the same number of draws whatever the texts.
        settings: what may be done.
    """
    said = [wording(text) for text in texts]
    sided, compass, measured = (any(getattr(w, name) for w in said) for name in ("sides", "compass", "measure"))
    quarters, mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
    coords, inputs = turn(
        coords,
        inputs.astype(np.float32),
        quarters if settings.turns and not compass else 0,
        mirrored and settings.mirror and not sided and not compass,
    )
    angle, scale = rng.uniform(-1, 1) * settings.rotation, 1 + rng.uniform(-1, 1) * settings.scale
    angle, scale = 0.0 if compass else angle, 1.0 if measured else scale
    rows = np.arange(len(coords))
    if angle or scale != 1:
        coords, inputs, rows = off_grid(coords, inputs, np.radians(angle), scale)
    colored = np.array([w.colors for w in said], bool)
    recolor = bool(rng.random() < 0.5) or not colored.any()
    recolor = recolor and settings.color > 0 and not (len(said) and colored.all())
    gain, shift = rng.uniform(-1, 1, 3) * settings.color, rng.uniform(-1, 1) * settings.color / 2
    if recolor:
        inputs[:, :3] = inputs[:, :3] * (1 + gain) + shift
    inputs[:, 6] += rng.normal() * settings.height
    return Variant(coords, inputs.astype(np.float32), rows, ~colored if recolor else np.ones(len(said), bool))


def off_grid(
    coords: np.ndarray, inputs: np.ndarray, angle: float, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels turned about z by ``angle`` (radians) and scaled about their middle, back on the grid.

    Returns:
        coords [M', 3], inputs [M', 8] and the rows [M'] that were kept, the first that fell into each voxel.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    rotation = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    centre = (coords + 0.5).mean(0)
    moved = (scale * (coords + 0.5 - centre) @ rotation.T + centre) // 1
    _, rows = np.unique(moved.astype(np.int64), axis=0, return_index=True)
    rows = np.sort(rows)
    inputs = inputs[rows].copy()
    inputs[:, 3:6] = inputs[:, 3:6] @ rotation.T
    inputs[:, 6] *= scale
    return moved[rows].astype(np.int32), inputs, rows
