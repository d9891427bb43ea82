"""MinkUNet by name: the residual U-Nets of Choy et al. (4D Spatio-Temporal ConvNets, 2019) on five levels.

Widths and depths are those of MinkowskiEngine's examples; the stem is 3x3x3 (theirs 5x5x5), and two heads of 64
channels take the place of the class scores. Parameters with all inputs, and how many voxels of the finest level an
output depends on to each side where there are no gaps (mean over its position in a cell of the coarsest):

| name | parameters | reach |
|---|---|---|
| minkunet14a | 8.0 M | 98.5 |
| minkunet18a | 15.5 M | 188.5 |
| minkunet34c | 37.9 M | 356.5 |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from mllm_for3d_ros.language.text_head import TOKEN_DIM
from mllm_for3d_ros.student.sparse import DownConv, Level, NormedConv, SubmanifoldConv, UpConv

INPUTS = {"color": (0, 1, 2), "normal": (3, 4, 5), "height": (6,)}
"""Columns of the voxel inputs that each input takes; the constant, column 7, is always there."""
_CONSTANT = 7
_STEM = 32
_HALVINGS = 4


@dataclass(frozen=True)
class Shape:
    """Channels and numbers of residual blocks of the four encoder and the four decoder stages."""

    planes: tuple[int, ...]
    blocks: tuple[int, ...]

    @property
    def reach(self) -> float:
        """Voxels of the finest level that an output depends on to each side, mean over positions."""
        period = 1 << _HALVINGS
        return sum(high - low for low, high in map(self._field, range(period))) / (2 * period)

    def _field(self, position: int) -> tuple[int, int]:
        """First and last voxel, along an axis, that the output at ``position`` depends on."""
        low = high = position
        for blocks in self.blocks[:3:-1]:  # of the decoder, from the finest
            low, high = (low - 2 * blocks) >> 1, (high + 2 * blocks) >> 1
        for blocks in self.blocks[3::-1]:  # of the encoder, from the coarsest
            low, high = 2 * (low - 2 * blocks), 2 * (high + 2 * blocks) + 1
        return low - 1, high + 1


_A = (32, 64, 128, 256, 128, 128, 96, 96)
SHAPES = {
    "minkunet14a": Shape(_A, (1,) * 8),
    "minkunet18a": Shape(_A, (2,) * 8),
    "minkunet34c": Shape((32, 64, 128, 256, 256, 128, 96, 96), (2, 3, 4, 6, 2, 2, 2, 2)),
}


def build_unet(name: str, inputs: Sequence[str] = tuple(INPUTS)) -> MinkUNet:
    """The network ``name`` with random weights, taking the ``inputs`` named.

    Raises:
        ValueError: there is no such network or input.
    """
    if name not in SHAPES:
        raise ValueError(f"unknown network {name!r}: choose one of {', '.join(SHAPES)}")
    return MinkUNet(SHAPES[name], inputs)


def build_unet_like(tensors: Mapping[str, torch.Tensor]) -> MinkUNet | None:
    """The network whose state dict ``tensors`` is, with random weights; None if it is none of ``SHAPES``."""
    deepest = {name.split(".")[2] for name in tensors if name.startswith("encoders.3.")}
    if "columns" not in tensors:
        return None
    columns = tensors["columns"].tolist()
    inputs = [name for name, wanted in INPUTS.items() if wanted[0] in columns]
    return next((build_unet(n, inputs) for n, shape in SHAPES.items() if shape.blocks[3] == len(deepest)), None)


class _Block(nn.Module):
    """Basic residual block; the shortcut is projected where the widths differ."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = NormedConv(SubmanifoldConv(inputs, outputs))
        self.second = NormedConv(SubmanifoldConv(outputs, outputs))
        project = nn.Sequential(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs))
        self.shortcut = nn.Identity() if inputs == outputs else project

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        result: torch.Tensor = self.second(self.first(x, level), level, self.shortcut(x))
        return result


class _Stage(nn.ModuleList):
    """Blocks one after the other."""

    def __init__(self, inputs: int, outputs: int, blocks: int) -> None:
        super().__init__(_Block(inputs if index == 0 else outputs, outputs) for index in range(blocks))

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        for block in self:
            x = block(x, level)
        return x


class MinkUNet(nn.Module):
    """Voxel inputs [N, 8] and their levels to mask embeddings and spatial features, both [N, 64]."""

    def __init__(self, shape: Shape, inputs: Sequence[str] = tuple(INPUTS)) -> None:
        """``inputs`` are some of ``INPUTS``; columns of others are not looked at.

        Raises:
            ValueError: an input is unknown.
        """
        super().__init__()
        unknown = sorted(set(inputs) - set(INPUTS))
        if unknown:
            raise ValueError(f"unknown inputs {', '.join(unknown)}: choose among {', '.join(INPUTS)}")
        columns = [column for name in INPUTS if name in inputs for column in INPUTS[name]] + [_CONSTANT]
        self.shape = shape
        self.columns: torch.Tensor
        self.register_buffer("columns", torch.tensor(columns))
        encoder, decoder = (_STEM, *shape.planes[:4]), shape.planes[3:]
        self.stem = NormedConv(SubmanifoldConv(len(columns), _STEM))
        self.down = nn.ModuleList(NormedConv(DownConv(width, width)) for width in encoder[:-1])
        self.encoders = nn.ModuleList(
            _Stage(a, b, blocks) for (a, b), blocks in zip(pairwise(encoder), shape.blocks[:4], strict=True)
        )
        self.up = nn.ModuleList(NormedConv(UpConv(a, b)) for a, b in pairwise(decoder))
        joined = [up + skip for up, skip in zip(decoder[1:], encoder[-2::-1], strict=True)]
        self.decoders = nn.ModuleList(
            _Stage(a, b, blocks) for a, b, blocks in zip(joined, decoder[1:], shape.blocks[4:], strict=True)
        )
        self.mask_head = nn.Linear(decoder[-1], TOKEN_DIM)
        self.spatial_head = nn.Linear(decoder[-1], TOKEN_DIM)

    def forward(self, x: torch.Tensor, levels: list[Level]) -> tuple[torch.Tensor, torch.Tensor]:
        """Mask embeddings and spatial features, [N, 64] each, of inputs ``x`` [N, 8]; ``levels`` from the finest."""
        level = levels[0]
        x = self.stem(x[:, self.columns], level)
        skips = []
        for down, stage in zip(self.down, self.encoders, strict=True):
            skips.append((x, level))
            x, level = down(x, level), level.coarser
            x = stage(x, level)
        for up, stage in zip(self.up, self.decoders, strict=True):
            skip, level = skips.pop()
            x = stage(torch.cat([up(x, level), skip], 1), level)
        return self.mask_head(x), self.spatial_head(x)
