"""Probability masks as a few nested COCO run-length masks.

A mask is cut into bands at ``LEVELS``. Stored are, for each band that has pixels, the mean probability in
it, and, but for the lowest, where the mask reaches that band or a higher one (a level set). Read back, a
pixel has the mean of its band: within 0.15 of what it was, on the same side of every level, 0.5 among
them, and the sum over the image is kept. A binary mask is one level set and comes back exactly.
"""

from __future__ import annotations

import json

import numpy as np

from mllm_for3d_ros.teachers.cache import rle

LEVELS = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
"""A pixel reaches a band if its probability is above the level."""


def pack_mask(mask: np.ndarray) -> str:
    """``mask`` [H, W] float32 as JSON: ``size`` [H, W], ``values`` of k bands, ``counts`` of k - 1 level sets.

    Probabilities beyond 0..1 are clipped, NaN counts as 0.
    """
    clean = np.fmin(np.fmax(mask, np.float32(0)), np.float32(1))
    band = np.zeros(clean.shape, np.uint8)
    for level in LEVELS:
        band += clean > np.float32(level)
    pixels = np.bincount(band.ravel(), minlength=len(LEVELS) + 1)
    total = np.bincount(band.ravel(), weights=clean.ravel(), minlength=len(LEVELS) + 1)
    used = np.flatnonzero(pixels)
    values = (total[used] / pixels[used]).tolist()
    starts, bands = rle.split_runs(band)
    counts = [rle.write_counts(rle.join_runs(starts, bands >= lowest, band.size)) for lowest in used[1:]]
    return json.dumps({"size": list(clean.shape), "values": values, "counts": counts}, separators=(",", ":"))


def unpack_mask(text: str) -> np.ndarray:
    """The mask [H, W] float32 that ``pack_mask`` wrote, with the mean of each band.

    Raises:
        ValueError: the text is damaged.
    """
    try:
        stored = json.loads(text)
        height, width = map(int, stored["size"])
        values = np.array(stored["values"], np.float32)
        runs = [rle.read_counts(counts, height * width) for counts in stored["counts"]]
    except (TypeError, KeyError, AttributeError) as cause:
        raise ValueError(f"damaged mask {text[:20]!r}") from cause
    if len(values) != len(runs) + 1 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"damaged mask {text[:20]!r}")
    # All borders of all level sets in one order: entering a set raises the band by one, leaving lowers it.
    borders = [np.cumsum(lengths)[:-1] for lengths in runs]
    steps = [np.where(np.arange(len(b)) % 2 == 0, 1, -1) for b in borders]
    where = np.concatenate([np.zeros(0, np.int64), *borders])
    order = np.argsort(where, kind="stable")
    bands = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, np.int64), *steps])[order])]).astype(np.int64)
    lengths = np.diff(np.concatenate([[0], where[order], [height * width]]))
    return np.ascontiguousarray(np.repeat(values[bands], lengths).reshape(width, height).T)
