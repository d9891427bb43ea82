"""What colour a thing of the map has, in the words people use, in spite of light and shade.

Shade changes how bright a surface is far more than its hue. So hue and chroma are read off the chromaticity of the
median voxel, and brightness off the lit side of the thing, relative to what counts as white in the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]])
_WHITE = np.array([0.95047, 1.0, 1.08883])
_LIT = 70
"""Percentile of brightness that stands for the lit side."""
_WHITE_REFLECTS = 0.85


@dataclass(frozen=True)
class _Ramp:
    """Membership of a value: 0 up to ``low[0]``, 1 between ``low[1]`` and ``high[0]``, 0 from ``high[1]``."""

    low: tuple[float, float]
    high: tuple[float, float]

    def __call__(self, value: float) -> float:
        rise = 1.0 if value >= self.low[1] else (value - self.low[0]) / (self.low[1] - self.low[0])
        fall = 1.0 if value <= self.high[0] else (self.high[1] - value) / (self.high[1] - self.high[0])
        return float(np.clip(min(rise, fall), 0.0, 1.0))


_ANY = _Ramp((-2, -1), (1000, 1001))


@dataclass(frozen=True)
class _Region:
    """Where a name is right in CIE L*, C* and hue in degrees; the hue's ramp may run below 0 or beyond 360."""

    lightness: _Ramp
    chroma: _Ramp
    hue: _Ramp = _ANY

    def __call__(self, lightness: float, chroma: float, hue: float) -> float:
        turned = max(self.hue(hue), self.hue(hue - 360), self.hue(hue + 360))
        return min(self.lightness(lightness), self.chroma(chroma), turned)


_REGIONS: Mapping[str, _Region] = {
    "black": _Region(_Ramp((-2, -1), (22, 34)), _Ramp((-2, -1), (14, 26))),
    "grey": _Region(_Ramp((18, 28), (80, 90)), _Ramp((-2, -1), (9, 17))),
    "white": _Region(_Ramp((66, 78), (200, 201)), _Ramp((-2, -1), (9, 18))),
    "beige": _Region(_Ramp((58, 68), (94, 99)), _Ramp((7, 11), (30, 38)), _Ramp((40, 55), (105, 115))),
    "brown": _Region(_Ramp((4, 12), (56, 66)), _Ramp((8, 14), (45, 56)), _Ramp((20, 34), (86, 96))),
    "red": _Region(_Ramp((6, 14), (62, 70)), _Ramp((18, 30), (300, 301)), _Ramp((-14, -4), (40, 48))),
    "pink": _Region(_Ramp((50, 60), (98, 100)), _Ramp((8, 14), (300, 301)), _Ramp((-45, -36), (36, 46))),
    "orange": _Region(_Ramp((44, 52), (84, 90)), _Ramp((36, 48), (300, 301)), _Ramp((40, 47), (72, 80))),
    "yellow": _Region(_Ramp((52, 62), (200, 201)), _Ramp((28, 40), (300, 301)), _Ramp((66, 76), (108, 116))),
    "green": _Region(_Ramp((6, 12), (98, 100)), _Ramp((8, 14), (300, 301)), _Ramp((98, 112), (195, 225))),
    "blue": _Region(_Ramp((4, 10), (98, 100)), _Ramp((8, 14), (300, 301)), _Ramp((195, 220), (302, 314))),
    "purple": _Region(_Ramp((6, 14), (82, 92)), _Ramp((9, 15), (300, 301)), _Ramp((300, 312), (340, 354))),
}


def linear(colors: np.ndarray) -> np.ndarray:
    """Linear light [N, 3] float64 of sRGB colours [N, 3] uint8."""
    value = np.asarray(colors, np.float64) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def white_of(colors: np.ndarray) -> np.ndarray:
    """Linear RGB [3] of what is white in a map of colours [N, 3] uint8.

    That is as bright as the brightest surfaces, and has half of their tint: they may be lit by tinted light, and they
    may be tinted walls.
    """
    if not len(colors):
        return np.ones(3)
    brightest = np.percentile(linear(colors[:: max(1, len(colors) // 20000)]), 90, axis=0)
    luminance = max(float(brightest @ _XYZ[1]), 0.05)
    return np.maximum((brightest + luminance) / 2, 0.02)


def lightness_chroma_hue(light: np.ndarray) -> tuple[float, float, float]:
    """CIE L*, C* and hue in degrees 0..360 of linear RGB [3]."""
    ratio = _XYZ @ light / _WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    a, b = 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    return float(116 * f[1] - 16), float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)


def surface_color(colors: np.ndarray, white: np.ndarray) -> np.ndarray:
    """Linear RGB [3] of the lit side of a thing with voxels of colours [M, 3] uint8, relative to ``white`` [3]."""
    light = linear(colors) / white
    total = light.sum(axis=1)
    chromaticity = np.median(light / np.maximum(total, 1e-4)[:, None], axis=0)
    lit = chromaticity / max(float(chromaticity.sum()), 1e-6) * np.percentile(total, _LIT)
    return np.asarray(np.clip(_WHITE_REFLECTS * lit, 0.0, 1.0))


def color_memberships(colors: np.ndarray, white: np.ndarray) -> dict[str, float]:
    """How well each colour name fits a thing, 0..1, from its voxels' colours [M, 3] uint8; ``white`` as above."""
    place = lightness_chroma_hue(surface_color(colors, white))
    return {name: region(*place) for name, region in _REGIONS.items()}
