"""The image network of the compact teacher: one embedding a pixel, to be dotted with a query token.

A residual U-Net on 240x320 RGB, to which the geometry of the view joins at a quarter of that size, the size of
its output; about 2 M parameters. One forward pass serves every instruction of a view.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.language.text_head import TOKEN_DIM
from mllm_for3d_ros.teachers.compact.geometry import CHANNELS

INPUT_HEIGHT, INPUT_WIDTH = 240, 320
STRIDE = 4


class _ConvNorm(nn.Sequential):
    """Convolution, batch norm and (unless ``last``) ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, last: bool = False) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([] if last else [nn.ReLU(inplace=True)]))


class _Residual(nn.Module):
    """Basic residual block, with a projected shortcut where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(_ConvNorm(inputs, outputs, stride=stride), _ConvNorm(outputs, outputs, last=True))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _ConvNorm(inputs, outputs, 1, stride, last=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


class _GlobalContext(nn.Module):
    """Adds what the whole image shows to every place (squeeze, then a learned shift)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.mix(x.mean((2, 3)))[:, :, None, None])


class _Merge(nn.Module):
    """Upsample, join with the skip, and mix."""

    def __init__(self, below: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.reduce = _ConvNorm(below + skip, outputs, 1)
        self.mix = _ConvNorm(outputs, outputs)

    def forward(self, below: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        raised = F.interpolate(below, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        return self.mix(self.reduce(torch.cat([raised, skip], 1)))


class _Shape(nn.Sequential):
    """Geometry [B, 6, 60, 80] to what is added to the image's features; adds nothing before it is trained."""

    def __init__(self, outputs: int) -> None:
        last = nn.Conv2d(outputs, outputs, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        super().__init__(_ConvNorm(CHANNELS, outputs), last)


class PixelEmbedder(nn.Module):
    """RGB [B, 3, 240, 320] in 0..1 and geometry [B, 6, 60, 80] to pixel embeddings [B, 64, 60, 80]."""

    def __init__(
        self, widths: tuple[int, int, int, int] = (32, 64, 128, 192), decoder: tuple[int, int, int] = (96, 64, 48)
    ):
        super().__init__()
        a, b, c, d = widths
        self.stem = nn.Sequential(_ConvNorm(3, 16, stride=2), _ConvNorm(16, a, stride=2))
        self.shape = _Shape(a)
        self.level1 = _Residual(a, a)
        self.level2 = nn.Sequential(_Residual(a, b, 2), _Residual(b, b))
        self.level3 = nn.Sequential(_Residual(b, c, 2), _Residual(c, c))
        self.level4 = nn.Sequential(_Residual(c, d, 2), _Residual(d, d), _GlobalContext(d))
        self.merge3 = _Merge(d, c, decoder[0])
        self.merge2 = _Merge(decoder[0], b, decoder[1])
        self.merge1 = _Merge(decoder[1], a, decoder[2])
        self.embed = nn.Conv2d(decoder[2], TOKEN_DIM, 1)
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, image: torch.Tensor, geometry: torch.Tensor) -> torch.Tensor:
        """Embeddings [B, 64, 60, 80] of ``image`` [B, 3, 240, 320] in 0..1 and ``geometry`` (all 0: unknown)."""
        one = self.level1(self.stem(image * 4.0 - 2.0) + self.shape(geometry))
        two = self.level2(one)
        three = self.level3(two)
        four = self.level4(three)
        return self.embed(self.merge1(self.merge2(self.merge3(four, three), two), one))

    def mask_logits(self, embeddings: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Logits [B, Q, h, w] of every token [Q, 64] at every pixel of ``embeddings`` [B, 64, h, w]."""
        return torch.einsum("bdhw,qd->bqhw", embeddings, tokens) + self.bias
