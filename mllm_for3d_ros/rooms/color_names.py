"""Names of colours as people use them, with the benefit of doubt: what a colour could be called, and what it is.

The names follow regions of CIE L*C*h (D65); regions of neighbouring names overlap, and a colour has a
name for certain only where no other name fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import Color, Furniture, painted_areas

_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


@dataclass(frozen=True)
class _Region:
    """Ranges of lightness 0..100, chroma, and hue in degrees (from above to: through 0)."""

    lightness: tuple[float, float]
    chroma: tuple[float, float]
    hue: tuple[float, float] = (0.0, 360.0)

    def holds(self, lightness: float, chroma: float, hue: float) -> bool:
        first, last = self.hue
        turned = first <= hue <= last if first <= last else hue >= first or hue <= last
        inside = self.lightness[0] <= lightness <= self.lightness[1] and self.chroma[0] <= chroma <= self.chroma[1]
        return inside and turned


_REGIONS = {
    "black": _Region((0, 24), (0, 26)),
    "grey": _Region((18, 86), (0, 16)),
    "white": _Region((80, 101), (0, 14)),
    "beige": _Region((60, 92), (8, 36), (50, 110)),
    "brown": _Region((8, 60), (9, 52), (30, 90)),
    "red": _Region((10, 64), (18, 200), (355, 46)),
    "pink": _Region((56, 95), (9, 200), (320, 45)),
    "orange": _Region((48, 82), (42, 200), (44, 76)),
    "yellow": _Region((58, 100), (34, 200), (70, 112)),
    "green": _Region((10, 95), (9, 200), (100, 225)),
    "blue": _Region((8, 95), (9, 200), (190, 312)),
    "purple": _Region((10, 80), (10, 200), (306, 352)),
}
_NOTICED = 0.12  # share of an object's surface from which on a colour may give it its name
_MOSTLY = 0.5


def lightness_chroma_hue(rgb: Color) -> tuple[float, float, float]:
    """CIE L* 0..100, C* and hue in degrees 0..360 of an sRGB colour (0..1)."""
    value = np.asarray(rgb, float)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = _XYZ @ linear / _WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    a, b = 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    return float(116 * f[1] - 16), float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)


def possible_names(rgb: Color) -> frozenset[str]:
    """All names that somebody might give to the sRGB colour (0..1)."""
    place = lightness_chroma_hue(rgb)
    return frozenset(name for name, region in _REGIONS.items() if region.holds(*place))


@dataclass(frozen=True)
class Coloring:
    """The colours of an object. name: what everybody would call it, None if that is not sure; possible:
    the names that it might be given, for any larger part of it.
    """

    name: str | None
    possible: frozenset[str]


def coloring(furniture: Furniture) -> Coloring:
    """How ``furniture`` would be called by its colour."""
    main = possible_names(furniture.main_color)
    colors, areas = painted_areas(furniture.parts)
    shares = areas / areas.sum()
    names = [possible_names((float(c[0]), float(c[1]), float(c[2]))) for c in colors]
    possible = main.union(*(n for n, share in zip(names, shares, strict=True) if share >= _NOTICED))
    if len(main) != 1:
        return Coloring(None, possible)
    (name,) = main
    fitting = sum(share for n, share in zip(names, shares, strict=True) if name in n)
    sure = fitting >= _MOSTLY or furniture.named_by is not None
    return Coloring(name if sure else None, possible)
