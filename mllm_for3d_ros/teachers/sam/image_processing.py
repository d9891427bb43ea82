"""What SAM models see of an image, and how their answers come back to its size; needs no torchvision.

SAM and SAM-HQ shrink or enlarge the image until its longer side fits and pad it on the right and below
("Segment Anything", arXiv 2304.02643); SAM 2 (arXiv 2408.00714) and SAM 3 stretch it to a square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class ImageProcessing:
    """The input of one family of models.

    side: of the square input, pixels. keeps_aspect: padded (SAM, SAM-HQ) rather than stretched.
    mean, std: of the normalisation, per channel, for values in 0..1.
    """

    side: int
    keeps_aspect: bool
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]

    def content_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that an image of ``size`` (height, width) takes up in the input."""
        if not self.keeps_aspect:
            return self.side, self.side
        scale = self.side / max(size)
        return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))

    def prepare(self, image: np.ndarray, device: torch.device | str) -> torch.Tensor:
        """The input [1, 3, side, side] float32 on ``device`` for ``image`` [H, W, 3] uint8 RGB."""
        height, width = self.content_size(image.shape[:2])
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
        # Resized as 8 bit, as the models were trained: the rounding is part of what they see.
        pixels = F.interpolate(pixels, (height, width), mode="bilinear", antialias=True, align_corners=False)
        mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (self.mean, self.std))
        normalised = (pixels.to(device).float() / 255 - mean) / std
        return F.pad(normalised, (0, self.side - width, 0, self.side - height))

    def to_input(self, coordinates: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Pixel coordinates [..., 2] (x, y) of an image of ``size`` in pixels of the input, float32."""
        height, width = self.content_size(size)
        return (coordinates * np.array([width / size[1], height / size[0]])).astype(np.float32)

    def restore(self, logits: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Mask logits [n, h, w] over the input as [n, H, W] over an image of ``size``."""
        stacked = logits[:, None]
        if self.keeps_aspect:
            height, width = self.content_size(size)
            stacked = F.interpolate(stacked, (self.side, self.side), mode="bilinear", align_corners=False)
            stacked = stacked[..., :height, :width]
        return F.interpolate(stacked, size, mode="bilinear", align_corners=False)[:, 0]

    def without_padding(self, features: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """The cells of ``features`` [C, h, w] that show the image, to the nearest whole cell."""
        height, width = self.content_size(size)
        cells = features.shape[-1] / self.side
        return features[:, : max(1, round(height * cells)), : max(1, round(width * cells))]
