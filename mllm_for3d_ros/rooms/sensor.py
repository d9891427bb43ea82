"""A noisy RGB-D camera: what a Kinect-like sensor makes of exact depth and ideal colour.

The axial noise is that of Nguyen, Izadi and Lovell, "Modeling Kinect Sensor Noise for Improved 3D
Reconstruction and Tracking", 3DIMPVT 2012: sigma(z) = 0.0012 + 0.0019 (z - 0.4)^2 m.
"""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.room import Look

MIN_RANGE = 0.3
MAX_RANGE = 5.0
_DISPARITY = 43.0 * 16  # focal length (575 px) times baseline (0.075 m), in sixteenths of a pixel
_EDGE_STEP = 0.08
_TARGET = 0.45  # mean brightness that the automatic exposure aims at, half way


def axial_sigma(depth: np.ndarray) -> np.ndarray:
    """Standard deviation m of the depth noise at ``depth`` m."""
    return 0.0012 + 0.0019 * (depth - 0.4) ** 2


def noisy_depth(
    clean: np.ndarray, color: np.ndarray, cosine: np.ndarray, emission: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Depth [H, W] float32 m with noise, steps of disparity and holes (0).

    clean: [H, W] float32 m, 0 where nothing was hit. color: [H, W, 3] in 0..1, cosine: [H, W] of the
    angle between surface normal and ray, emission: [H, W] of what the pixel shows.
    """
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    depth: np.ndarray = clean + noise * axial_sigma(clean).astype(np.float32)
    steps = np.maximum(np.rint(np.float32(_DISPARITY) / np.maximum(depth, np.float32(0.05))), np.float32(1))
    depth = np.float32(_DISPARITY) / steps
    keep = (clean > 0) & (depth >= MIN_RANGE) & (depth <= MAX_RANGE)
    brightest = np.maximum(np.maximum(color[..., 0], color[..., 1]), color[..., 2])
    blotch = _blotches(clean.shape, rng)
    lost = np.maximum(0.6 * (cosine < 0.1), 0.35 * (emission > 0.4)) + 0.3 * (brightest < 0.035)
    keep &= blotch >= lost
    keep &= ~(_shadowed(clean) & (noise < 0.5))
    return np.where(keep, depth, 0.0).astype(np.float32)


def _shadowed(clean: np.ndarray) -> np.ndarray:
    """[H, W] bool: pixels beside something clearly nearer, which the projector's light misses."""
    nearest = clean.copy()
    nearest[:, 1:] = np.minimum(nearest[:, 1:], clean[:, :-1])
    nearest[:, :-1] = np.minimum(nearest[:, :-1], clean[:, 1:])
    nearest[1:] = np.minimum(nearest[1:], clean[:-1])
    nearest[:-1] = np.minimum(nearest[:-1], clean[1:])
    return clean - nearest > np.float32(_EDGE_STEP) + 0.02 * clean


def _blotches(shape: tuple[int, ...], rng: np.random.Generator, size: int = 5) -> np.ndarray:
    """Random numbers 0..1 [H, W] that are equal over patches of ``size`` pixels: holes come in blotches."""
    coarse = rng.random((shape[0] // size + 1, shape[1] // size + 1), dtype=np.float32)
    return coarse.repeat(size, 0).repeat(size, 1)[: shape[0], : shape[1]]


def photograph(color: np.ndarray, look: Look, vignette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """8-bit image [H, W, 3] of ideal ``color`` [H, W, 3] float32: exposure, white balance, vignette, noise.

    Half of the way to a middling brightness is made up by automatic exposure, as cameras do.

    vignette: [H, W] squared distance from the image centre, 1 in the corners.
    """
    automatic = np.clip(np.sqrt(_TARGET / (float(color[::4, ::4].mean()) + 0.05)), 0.6, 1.7)
    gain = np.float32(look.exposure * automatic) * np.asarray(look.white_balance, np.float32)
    image = color * gain
    image *= (1.0 - np.float32(look.vignette) * vignette)[..., None]
    image = np.float32(255 * 1.08) * (1.0 - np.exp(np.float32(-1.25) * image))  # a film's soft shoulder
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(look.noise)
    return np.clip(image, 0, 255).astype(np.uint8)
