"""A SparseUNet as a list of layers for inference: BatchNorm folded, turns of the scene folded into weights.

A turn or mirror image of the scene maps the grids of every level onto themselves if it is taken about the
corner of a voxel (coordinate c becomes -1 - c, not -c). Turning the kernels instead of the scene is then the
same, and all turned copies share their voxels, their neighbours and their strided grids.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from mllm_for3d_ros.student.network import INPUT_CHANNELS, SparseUNet
from mllm_for3d_ros.student.symmetry import turn

Pose = tuple[int, bool]
"""Quarter turns about z, and whether x is mirrored afterwards."""
POSES: tuple[Pose, ...] = (
    (0, False), (2, True), (1, False), (3, True), (2, False), (0, True), (3, False), (1, True),
)  # fmt: skip
"""The poses that are averaged, as many of the first as there are passes."""
_OFFSETS = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
_OCTANTS = np.array(list(itertools.product((0, 1), repeat=3)))


@dataclass(frozen=True)
class Stage:
    """Sum over k of x_k @ weight[k], + bias, then ReLU if so. weight: [K, Ci, Co]; bias: [Co], or None."""

    weight: torch.Tensor
    bias: torch.Tensor | None
    relu: bool


@dataclass(frozen=True)
class Layer:
    """One step; its output is a value at every voxel of ``level``.

    kind: "points" looks at the voxel alone, "around" at its 27 neighbours, "down" at its 8 children, "up" at
    its parent. sources: values that are read (0 is the network's input, i + 1 the output of layer i), several
    side by side for "points" only. stages: what is applied one after the other, K of the first being 27 for
    "around", 8 for "down" and "up" (octants), 1 for "points" and of all others. added: a value of the same level
    and width that is added before the first ReLU.
    """

    kind: Literal["points", "around", "down", "up"]
    level: int
    sources: tuple[int, ...]
    stages: tuple[Stage, ...]
    added: int | None = None

    @property
    def channels(self) -> int:
        """Of the output."""
        return int(self.stages[-1].weight.shape[2])

    @property
    def reads(self) -> tuple[int, ...]:
        """All values that are read, the added one last."""
        return self.sources if self.added is None else (*self.sources, self.added)


Program = tuple[Layer, ...]


class _Compiler:
    """Collects the layers of a network."""

    def __init__(self, pose: Pose) -> None:
        self.layers: list[Layer] = []
        self._around = _permutation(_OFFSETS, pose, 2)
        self._octant = _permutation(2 * _OCTANTS - 1, pose, 1)

    def add(self, layer: Layer) -> int:
        """Returns the number of the layer's output."""
        self.layers.append(layer)
        return len(self.layers)

    def block(self, block: nn.Module, level: int, source: int, head: Sequence[Stage] = ()) -> int:
        """A residual block and, at each of its voxels, the stages of ``head``."""
        first = self.add(Layer("around", level, (source,), (self._around_stage(block.first, block.first_norm),)))
        second = self._around_stage(block.second, block.second_norm)
        return self.add(Layer("around", level, (first,), (second, *head), source))

    def _around_stage(self, conv: nn.Module, norm: nn.Module) -> Stage:
        return Stage(*folded(conv.weight.detach()[self._around], norm), True)

    def down(self, conv: nn.Module, level: int, source: int) -> int:
        weight = conv.weight.detach()[self._octant]
        return self.add(Layer("down", level, (source,), (Stage(weight, None, False),)))

    def up(self, conv: nn.Module, level: int, source: int, added: int) -> int:
        weight = conv.weight.detach()[self._octant]
        return self.add(Layer("up", level, (source,), (Stage(weight, None, False),), added))


def compile_unet(unet: SparseUNet, pose: Pose = POSES[0], told: Stage | None = None) -> Program:
    """The layers from inputs [N, 8] to mask embeddings [N, 64], for the scene in ``pose``.

    With ``told``, which reads embeddings, they end with what that makes of them: two products at a voxel become one.

    ``unet(turned coordinates, turned inputs)`` and the layers of that pose on the scene as it is give the same
    rows, where the turn is about the corner of voxel 0. The spatial head is left out: it is for training.
    """
    compiler = _Compiler(pose)
    stem = _linear(unet.stem[0], relu=True)
    value = compiler.add(Layer("points", 0, (0,), (Stage(_turned_rows(stem.weight, pose), stem.bias, True),)))
    skips = [compiler.block(unet.encoders[0], 0, value)]
    for level, down in enumerate(unet.down, 1):
        skips.append(compiler.block(unet.encoders[level], level, compiler.down(down, level, skips[-1])))
    value = skips.pop()
    last = _linear(unet.mask_head, relu=False)
    head = (_linear(unet.widen[0], relu=True), last if told is None else _in_one(last, told))
    for level in range(len(unet.up) - 1, -1, -1):
        raised = compiler.up(unet.up[level], level, value, skips.pop())
        value = compiler.block(unet.decoders[level], level, raised, () if level else head)
    return tuple(compiler.layers)


def folded(weight: torch.Tensor, norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """A convolution's ``weight`` [K, Ci, Co] without bias and the BatchNorm after it, as one weight and bias [Co]."""
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    return weight * scale, (norm.bias - norm.running_mean * scale).detach()


def _linear(layer: nn.Linear, relu: bool) -> Stage:
    return Stage(layer.weight.detach().T.contiguous()[None], layer.bias.detach(), relu)


def _in_one(first: Stage, second: Stage) -> Stage:
    """What two stages without ReLU between them make, K of both being 1."""
    assert first.bias is not None and second.bias is not None and not first.relu
    return Stage(first.weight @ second.weight, first.bias @ second.weight[0] + second.bias, second.relu)


def _permutation(places: np.ndarray, pose: Pose, step: int) -> np.ndarray:
    """Row of the place that each of ``places`` [K, 3] (a full grid about 0 of spacing 2 / ``step``) is turned to."""
    turned, _ = turn(places, np.zeros((len(places), INPUT_CHANNELS)), *pose)
    side = step + 1
    digits = (turned + 1) * step // 2
    return (digits[:, 0] * side + digits[:, 1]) * side + digits[:, 2]


def _turned_rows(weight: torch.Tensor, pose: Pose) -> torch.Tensor:
    """The first layer's ``weight`` [1, 8, Co] such that it reads inputs as if they were turned."""
    _, images = turn(np.zeros((INPUT_CHANNELS, 3), np.int64), np.eye(INPUT_CHANNELS, dtype=np.float32), *pose)
    return torch.from_numpy(images).to(weight) @ weight
