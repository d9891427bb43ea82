"""Pictures of a report: views with their masks, and the labelled map from three viewpoints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from mllm_for3d_ros.evaluation.splat import draw, facing, fit_view, subset, tidied
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.lifting.view_records import ViewRecord
from mllm_for3d_ros.types import SceneCloud

VIEW_WIDTH = 240
FUSED_SIZE = (420, 315)
DRAWN_VOXELS = 300_000
"""More are thinned before drawing."""
VIEWPOINTS = ((0.6, 0.9), (2.7, 0.9), (0.6, 1.5))
"""Azimuth and elevation in rad: from two sides, and from above."""
_HOT = np.array([255.0, 96.0, 32.0], np.float32)
_GROUND = 246.0


def view_picture(store: LabelStore, record: ViewRecord) -> Image.Image | None:
    """A view with its mask in colour and outlined; None where the store has no picture of it."""
    path = store.view_image(record.view)
    if path is None:
        return None
    with Image.open(path) as stored:
        height = max(1, round(VIEW_WIDTH * stored.height / stored.width))
        small = stored.convert("RGB").resize((VIEW_WIDTH, height), Image.Resampling.BILINEAR)
    mask = record.mask()
    if mask is None:
        return small
    fit = np.asarray(Image.fromarray(mask).resize(small.size, Image.Resampling.NEAREST))
    pixels = np.asarray(small).astype(np.float32)
    pixels[fit] = 0.45 * pixels[fit] + 0.55 * _HOT
    inner = fit.copy()
    inner[1:-1, 1:-1] &= fit[:-2, 1:-1] & fit[2:, 1:-1] & fit[1:-1, :-2] & fit[1:-1, 2:]
    pixels[fit & ~inner] = _HOT
    return Image.fromarray(pixels.astype(np.uint8))


class MapPictures:
    """Draws labels on one map."""

    def __init__(self, cloud: SceneCloud) -> None:
        """``cloud``: the map of the labels."""
        step = 1 + len(cloud) // DRAWN_VOXELS
        thin = subset(cloud, np.arange(0, len(cloud), step))
        thin = replace(thin, voxel_size=cloud.voxel_size * np.sqrt(step))
        calm, kept = tidied(thin)
        self._rows = np.arange(0, len(cloud), step)[kept]
        self._cloud = subset(calm, kept)

    def of(self, probability: np.ndarray) -> list[Image.Image]:
        """The map from each of ``VIEWPOINTS`` with the voxels of ``probability`` [N] at one half and above lit."""
        share = (np.nan_to_num(probability[self._rows]) >= 0.5).astype(np.float32)
        return [self._drawn(share, azimuth, elevation) for azimuth, elevation in VIEWPOINTS]

    def _drawn(self, share: np.ndarray, azimuth: float, elevation: float) -> Image.Image:
        view = fit_view(self._cloud.points, azimuth, elevation, FUSED_SIZE)
        turned = facing(self._cloud, view)
        grey = self._cloud.colors.astype(np.float32).mean(1, keepdims=True)
        calm = 0.55 * self._cloud.colors.astype(np.float32) + 0.45 * grey
        drawing = draw(subset(self._cloud, turned), calm[turned], share[turned], view)
        lit = drawing.share[..., None]
        pixels = drawing.color * (1 - 0.75 * lit) + _HOT * 0.75 * lit
        pixels[~np.isfinite(drawing.depth)] = _GROUND
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
