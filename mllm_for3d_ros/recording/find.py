"""Which recordings do paths and globs name? A folder that is none itself stands for those that lie in it."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.bag_file import is_bag_file
from mllm_for3d_ros.recording.folder_reader import is_folder_recording

_PART = re.compile(r"_\d+$")


def find_recordings(given: Sequence[str]) -> list[Path]:
    """The recordings that are named, each once, in order; a path that is missing is kept, to be reported.

    Args:
        given: bags (folders or files), folders of images, folders of those, and globs of all of these. A folder of
            bag files without metadata.yaml is one bag if their names differ in a number at the end only (``run_0``,
            ``run_1``) and no other recording lies beside them, else each file is one.

    Raises:
        RecordingError: a glob matches nothing.
    """
    paths: list[Path] = []
    for item in given:
        found = sorted(glob.glob(item)) if glob.has_magic(item) and not Path(item).exists() else [item]
        if not found:
            raise RecordingError(f"{item} matches no file or folder: check the pattern")
        for one in found:
            paths += _within(Path(one))
    return list(dict.fromkeys(paths))


def _within(path: Path) -> list[Path]:
    """``path``, or the recordings in it."""
    if not path.is_dir() or _is_recording(path):
        return [path]
    entries = sorted(path.iterdir())
    found = [one for one in entries if (_is_recording(one) if one.is_dir() else is_bag_file(one))]
    return found or [path]


def _is_recording(folder: Path) -> bool:
    """Whether a folder is one recording."""
    if (folder / "metadata.yaml").is_file() or is_folder_recording(folder):
        return True
    entries = list(folder.iterdir())
    stems = {_PART.sub("", file.stem) for file in entries if is_bag_file(file)}
    return len(stems) == 1 and not any(_is_recording(one) for one in entries if one.is_dir())


def store_names(paths: Sequence[Path]) -> list[str]:
    """A folder name for each recording: its own name, with a piece of a hash where two have the same."""
    stems = [path.resolve().name.removesuffix(path.suffix) or "recording" for path in paths]
    return [
        stem if stems.count(stem) == 1 else f"{stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        for stem, path in zip(stems, paths, strict=True)
    ]
