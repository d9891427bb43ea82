"""Where the weights of a teacher lie, what names them, and in which precision and where they run."""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mllm_for3d_ros.device import choose_device
from mllm_for3d_ros.errors import DeviceError, TeacherError
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.weights_digest import weights_hash

if TYPE_CHECKING:
    import torch

__all__ = [
    "DTYPES",
    "choose_dtype",
    "choose_torch_device",
    "require_safetensors",
    "resolve_weights",
    "weights_hash",
]

_log = logging.getLogger(__name__)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_CUDA = re.compile(r"cuda:(\d+)")
_SAFE_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
DTYPES = ("auto", "float32", "bfloat16", "float16")


def resolve_weights(model: str, options: TeacherOptions, teacher: str, pickles: bool = False) -> Path:
    """The folder or file of ``model``: a folder, a file, or a Hub id whose files are on this machine.

    Nothing is downloaded unless ``options.allow_download``. ``teacher`` names who asks, for the message.
    pickles: also take the ``.bin`` shards of a Hub id, for teachers that read them with weights_only.

    Raises:
        TeacherError: there is no such folder or file, or the Hub's files are not here and may not or
            cannot be fetched; the message has the command that fetches them.
    """
    path = Path(model).expanduser()
    if path.exists():
        return path
    if not _HUB_ID.fullmatch(model):
        raise TeacherError(
            f"{teacher}: there is no folder or file {model}; give its path, or a Hub id of the form owner/name"
        )
    return _hub_snapshot(model, options.allow_download, teacher, pickles)


def require_safetensors(folder: Path, teacher: str) -> None:
    """Refuse a checkpoint folder without a ``.safetensors`` file.

    Raises:
        TeacherError: it has none, or has pickles only.
    """
    if not folder.is_dir():
        raise TeacherError(f"{teacher}: {folder} is no checkpoint folder; give the folder that holds config.json")
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth") for p in folder.glob(pattern))
    if pickles:
        raise TeacherError(
            f"{teacher}: {folder} has only pickled weights ({pickles[0]}), which are not loaded; take a revision "
            "with .safetensors files, or save the model again with save_pretrained"
        )
    raise TeacherError(f"{teacher}: {folder} has no .safetensors file; download the checkpoint again")


def choose_torch_device(options: TeacherOptions) -> torch.device:
    """The device of ``options.device``; the log says once when it is the CPU for want of a usable GPU.

    Raises:
        DeviceError: another name than "auto", "cpu", "cuda" or "cuda:N", or a GPU that is not there.
    """
    import torch

    numbered = _CUDA.fullmatch(options.device)
    choice = choose_device("cuda" if numbered else options.device)
    if choice.note is not None:
        _say_once(logging.INFO if options.device == "auto" else logging.WARNING, choice.note)
    if numbered is None or choice.device == "cpu":
        return torch.device(choice.device)
    if int(numbered[1]) >= torch.cuda.device_count():
        raise DeviceError(f"there is no {options.device}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    return torch.device(options.device)


def choose_dtype(options: TeacherOptions, device: torch.device | str) -> torch.dtype:
    """The precision to compute in: "auto" is bfloat16 on a GPU and float32 on a CPU.

    Raises:
        TeacherError: ``options.dtype`` is no known precision.
    """
    import torch

    if options.dtype not in DTYPES:
        raise TeacherError(f"unknown dtype {options.dtype!r}: choose one of {', '.join(DTYPES)}")
    if options.dtype != "auto":
        return getattr(torch, options.dtype)
    return torch.float32 if torch.device(device).type == "cpu" else torch.bfloat16


@functools.cache
def _say_once(level: int, note: str) -> None:
    """Log ``note``; the parts of a teacher share a device and need not all say so."""
    _log.log(level, note)


def _hub_snapshot(model: str, download: bool, teacher: str, pickles: bool) -> Path:
    """Folder of the Hub's files of ``model`` in the local cache, fetched first if ``download``."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError
    except ImportError as cause:
        raise TeacherError(f'{teacher} needs the extra `learn`; run `pip install "mllm_for3d_ros[learn]"`') from cause
    patterns = [*_SAFE_FILES, *(["*.bin"] if pickles else [])]
    try:
        return Path(snapshot_download(model, local_files_only=not download, allow_patterns=patterns))
    except GatedRepoError as cause:
        raise TeacherError(
            f"{teacher}: {model} is gated; accept its licence on its Hub page, run `hf auth login`, "
            f"then `hf download {model}`"
        ) from cause
    except RepositoryNotFoundError as cause:
        raise TeacherError(
            f"{teacher}: the Hub has no {model}, or it is private; check the id, or run `hf auth login`"
        ) from cause
    except LocalEntryNotFoundError as cause:
        where = "cannot be fetched from the Hub" if download else "are not (all) on this machine"
        remedy = "go online and run" if download else "allow downloads (--allow-download), or run"
        raise TeacherError(f"{teacher}: the weights of {model} {where}; {remedy} `hf download {model}`") from cause
    except OSError as cause:
        detail = " ".join(str(cause).split())[:160]
        raise TeacherError(
            f"{teacher}: {model} could not be downloaded ({detail}); run `hf download {model}` to try again"
        ) from cause
