"""Several processes that train one network: torchrun starts them, gradients are averaged after each step.

Every rank draws other scenes and takes the same step, so that all hold the same weights without ever sending
them. Statistics of the normalisation are averaged too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from mllm_for3d_ros.device import choose_device
from mllm_for3d_ros.errors import TrainingError


@dataclass(frozen=True)
class World:
    """This process among ``size``; ``device`` is its own ("cpu", "cuda" or "cuda:1"); ``note``: see ``Choice``."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"
    note: str | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace ``tensors`` (floats, the same shapes on every rank) by their means over the ranks."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        self._scatter(flat, tensors)

    def share(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace ``tensors`` by those of rank 0."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
        dist.broadcast(flat, 0)
        self._scatter(flat, tensors)

    def wait(self) -> None:
        """Until every rank is here."""
        if self.size > 1:
            dist.barrier()

    def agree(self, value: int, what: str) -> None:
        """Raise TrainingError unless ``value`` is the same on every rank."""
        if self.size == 1:
            return
        values: list[int | None] = [None] * self.size
        dist.all_gather_object(values, value)
        if len(set(values)) > 1:
            raise TrainingError(f"the ranks differ in their {what} ({values}); give them all one folder and one config")

    @staticmethod
    def _scatter(flat: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
        start = 0
        for tensor in tensors:
            tensor.detach().copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()


@contextmanager
def join_world(device: str = "auto") -> Iterator[World]:
    """The processes that torchrun started, this one alone without it; NCCL on GPUs, Gloo on CPUs.

    Args:
        device: "auto", "cuda" or "cpu".

    Raises:
        DeviceError: there is no device of that name.
        TrainingError: more processes of this machine than GPUs.
    """
    choice = choose_device(device)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(device=choice.device, note=choice.note)
        return
    local, name = int(os.environ["LOCAL_RANK"]), choice.device
    if name == "cuda":
        if local >= (gpus := torch.cuda.device_count()):
            raise TrainingError(f"process {local} has no GPU of its own; give torchrun --nproc-per-node={gpus}")
        name = f"cuda:{local}"
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if choice.device == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), size, name, choice.note)
    finally:
        dist.destroy_process_group()
