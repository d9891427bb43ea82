"""Which compute device to use, and a sentence for the user when it is not the one asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mllm_for3d_ros.errors import DeviceError

DEVICES = ("auto", "cuda", "cpu")


@dataclass(frozen=True)
class Choice:
    """device: "cuda" or "cpu". note: None, or one sentence on why it is the CPU."""

    device: str
    note: str | None = None


def choose_device(requested: str = "auto") -> Choice:
    """The device to compute on; without a usable GPU that is the CPU, and the note says why.

    Args:
        requested: "auto", "cuda" or "cpu".

    Raises:
        DeviceError: another name was asked for.
    """
    if requested not in DEVICES:
        raise DeviceError(f"unknown device {requested!r}: choose one of {', '.join(DEVICES)}")
    if requested == "cpu":
        return Choice("cpu")
    cause = cuda_problem()
    if cause is None:
        return Choice("cuda")
    if requested == "auto":
        return Choice("cpu", f"computing on the CPU: {cause}")
    return Choice("cpu", f"device cuda was asked for but {cause}; computing on the CPU instead")


def cuda_problem() -> str | None:
    """Why no CUDA device can be used, None if one can: it is tried with a small sum."""
    try:
        import torch
    except ImportError:
        return "PyTorch is not installed"
    if not torch.cuda.is_available():
        built = torch.version.cuda is not None
        return "no CUDA device was found" if built else "this PyTorch is built without CUDA"
    try:
        float(torch.ones(8, device="cuda").sum())
    except RuntimeError as error:
        return f"the CUDA device does not work ({str(error).splitlines()[0]})"
    return None


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: the same sums on every machine; our numba kernels have no more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
