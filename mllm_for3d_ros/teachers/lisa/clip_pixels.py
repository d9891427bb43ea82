"""Pictures as CLIP wants them, as its image processor makes them: shorter side resized, centre cut out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def clip_pixels(image: np.ndarray, size: int) -> torch.Tensor:
    """``image`` [H, W, 3] uint8 RGB as [3, size, size] float32, normalized; the ends of the longer side are cut off."""
    import torch
    from PIL import Image

    height, width = image.shape[:2]
    new = (size, size * height // width) if width <= height else (size * width // height, size)
    resized = np.asarray(Image.fromarray(image).resize(new, Image.Resampling.BICUBIC))
    top, left = (resized.shape[0] - size) // 2, (resized.shape[1] - size) // 2
    cut = resized[top : top + size, left : left + size].astype(np.float32) / 255.0
    return torch.from_numpy(np.ascontiguousarray(((cut - _MEAN) / _STD).transpose(2, 0, 1)))
