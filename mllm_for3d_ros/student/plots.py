"""The course of a training as a picture: one panel a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PANEL = (480, 240)
_MARGIN = (56, 34, 14, 30)  # left, top, right, bottom
_PAPER, _INK, _FAINT, _GRID = (255, 255, 255), (28, 30, 34), (150, 152, 158), (228, 228, 228)
_RAW, _SMOOTH = (190, 205, 230), (30, 90, 180)
_SMOOTHED = 0.03
"""Share of the steps that the smooth line averages over."""


def plot_losses(steps: Sequence[int], losses: Mapping[str, Sequence[float]], path: Path, title: str = "") -> None:
    """Write a PNG with a panel a loss, its values pale and their running mean over them.

    Args:
        steps: n numbers of steps, rising.
        losses: n values each; NaN where a step had none.
        path: PNG to write; its folder is made.
        title: headline.

    Raises:
        ValueError: a loss has another number of values than there are steps.
    """
    names = sorted(losses)
    for name in names:
        if len(losses[name]) != len(steps):
            raise ValueError(f"loss {name} has {len(losses[name])} values for {len(steps)} steps")
    columns = 2 if len(names) > 1 else 1
    rows = max(1, -(-len(names) // columns))
    sheet = Image.new("RGB", (columns * PANEL[0], rows * PANEL[1] + 30), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((12, 6), title, _INK, ImageFont.load_default(15))
    for index, name in enumerate(names):
        corner = (index % columns * PANEL[0], index // columns * PANEL[1] + 30)
        _panel(pen, corner, name, np.asarray(steps, float), np.asarray(losses[name], float))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Mean of the last ``width`` of ``values`` [n] that are finite, NaN where none is."""
    finite = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - width, 0)
    number = count[last] - count[first]
    return np.where(number > 0, (total[last] - total[first]) / np.maximum(number, 1), np.nan)


def _panel(pen: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, steps: np.ndarray, values: np.ndarray) -> None:
    left, top, right, bottom = (corner[0] + _MARGIN[0], corner[1] + _MARGIN[1], 0, 0)
    right, bottom = corner[0] + PANEL[0] - _MARGIN[2], corner[1] + PANEL[1] - _MARGIN[3]
    small = ImageFont.load_default(12)
    finite = np.isfinite(values)
    pen.text((left, corner[1] + 10), name if finite.any() else f"{name}: no values", _INK, ImageFont.load_default(14))
    if not finite.any():
        return
    smooth = running_mean(values, max(1, round(_SMOOTHED * len(values))))
    high = float(np.percentile(values[finite], 99.5)) or 1.0
    low = min(0.0, float(values[finite].min()))
    span = max(float(steps[-1] - steps[0]), 1.0)

    def place(step: float, value: float) -> tuple[float, float]:
        share = (min(value, high) - low) / max(high - low, 1e-12)
        return left + (step - steps[0]) / span * (right - left), bottom - share * (bottom - top)

    for value in np.linspace(low, high, 4):
        y = place(steps[0], value)[1]
        pen.line([(left, y), (right, y)], _GRID)
        pen.text((corner[0] + 6, y - 7), f"{value:.3g}", _FAINT, small)
    pen.text((left, bottom + 8), f"step {int(steps[0])}", _FAINT, small)
    pen.text((right, bottom + 8), f"{int(steps[-1])}, last {smooth[-1]:.3g}", _FAINT, small, anchor="ra")
    for series, color, width in ((values, _RAW, 1), (smooth, _SMOOTH, 2)):
        shown = np.flatnonzero(np.isfinite(series))
        if len(shown) > 1:
            pen.line([place(steps[i], series[i]) for i in shown], color, width)
