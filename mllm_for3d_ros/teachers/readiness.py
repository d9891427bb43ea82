"""Whether a teacher can run on this machine, and if not, what it lacks and what to type."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mllm_for3d_ros.checkpoint import read_card
from mllm_for3d_ros.errors import CheckpointError, TeacherError
from mllm_for3d_ros.teachers.catalogue import TeacherName, compact_checkpoint, needed_weights
from mllm_for3d_ros.teachers.extras import install_command, missing_extras, needed_extras
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.weights import resolve_weights

_CPU_FACTOR = 2.0
"""float32 on a CPU takes twice the room of bfloat16 on a GPU."""
_GB = 1e9


@dataclass(frozen=True)
class Machine:
    """Memory in GB: of the GPU, None without a usable one (then ``gpu_problem`` says why), and of the machine."""

    gpu_gb: float | None
    gpu_problem: str | None
    ram_gb: float


@dataclass(frozen=True)
class Lack:
    """Something that is missing, and what to type to get it (None: nothing can be typed)."""

    what: str
    command: str | None = None


@dataclass(frozen=True)
class Readiness:
    """lacks: empty if the teacher can run here. notes: what to expect if it does."""

    lacks: tuple[Lack, ...]
    notes: tuple[str, ...] = ()


def this_machine() -> Machine:
    """Look at the memory of this machine; imports torch if it is installed."""
    from mllm_for3d_ros.device import cuda_problem

    ram = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    problem = cuda_problem()
    if problem is not None:
        return Machine(None, problem, ram)
    import torch

    return Machine(torch.cuda.get_device_properties(0).total_memory / _GB, None, ram)


def check(chosen: TeacherName, options: TeacherOptions, machine: Machine) -> Readiness:
    """What ``chosen`` lacks here: extras, weights, an endpoint, memory. Loads and downloads nothing."""
    lacks = [*_extras(chosen, options), *_files(chosen, options), *_endpoint(chosen, options)]
    # The memory is known for the default weights only.
    need = 0.0 if chosen.model else chosen.row.memory_gb
    if machine.gpu_gb is not None:
        if machine.gpu_gb < need:
            lacks.append(Lack(f"GPU memory: about {need:.0f} GB are needed, there are {machine.gpu_gb:.0f}"))
        return Readiness(tuple(lacks))
    if machine.ram_gb < _CPU_FACTOR * need:
        lacks.append(Lack(f"a GPU of {need:.0f} GB, or {_CPU_FACTOR * need:.0f} GB of memory"))
    slow = need > 0 or chosen.model is not None
    return Readiness(tuple(lacks), (f"no GPU ({machine.gpu_problem}): minutes for a view",) if slow else ())


def _extras(chosen: TeacherName, options: TeacherOptions) -> Iterator[Lack]:
    missing = missing_extras(needed_extras(chosen, options))
    if missing:
        yield Lack(f"the extra {' and '.join(missing)}", install_command(missing))


def _files(chosen: TeacherName, options: TeacherOptions) -> Iterator[Lack]:
    """Weights that are not on this machine."""
    if chosen.row.name == "compact":
        try:
            read_card(compact_checkpoint(chosen))
        except CheckpointError as error:
            yield Lack(str(error))
        return
    local = replace(options, allow_download=False)
    for model in needed_weights(chosen, options):
        try:
            resolve_weights(model, local, chosen.row.name)
        except TeacherError:
            path = Path(model).suffix == ".pth" or model.startswith((".", "/", "~"))
            login = "hf auth login && " if chosen.row.gated and model == chosen.row.model else ""
            what = f"the weights {model}" + (" (accept their licence on their Hub page first)" if login else "")
            yield Lack(what, None if path else f"{login}hf download {model}")


def _endpoint(chosen: TeacherName, options: TeacherOptions) -> Iterator[Lack]:
    """The address and model of a teacher that asks over HTTP."""
    if chosen.row.name == "openai" and not (options.base_url and (chosen.model or options.model)):
        yield Lack("an endpoint", "mllm-for3d label … --teacher openai:MODEL --base-url http://HOST:PORT/v1")
