"""Voxel maps as files in one folder: safetensors with the sums of every voxel, so that a loaded map is fused on."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.scene.voxel_rows import MapDataError

SUFFIX = ".map.safetensors"
_FORMAT = "1"
_NAMES = ("keys", "sums", "stamps")
_ALLOWED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class MapFileError(MLLMFor3DError):
    """A map cannot be saved or loaded: its name, the file, or what is in it."""


class SavedMap(NamedTuple):
    """What was written: so many voxels of an epoch, the newest of them seen at ``newest_stamp`` ns."""

    voxels: int
    epoch: str
    newest_stamp: int


class MapFolder:
    """The folder that maps are saved in and loaded from; names cannot leave it.

    Args:
        path: of the folder; made when the first map is saved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()

    def file(self, name: str) -> Path:
        """The file of a map.

        Raises:
            MapFileError: the name is not one, or is a link to outside of the folder.
        """
        if not _ALLOWED.fullmatch(name):
            raise MapFileError(
                f"{name[:120]!r} is no name of a map: use up to 100 letters, digits, '-', '_' and '.', and no folders"
            )
        file = self.path / f"{name}{SUFFIX}"
        if file.resolve().parent != self.path.resolve():
            raise MapFileError(f"{file} is a link to outside of its folder: maps stay in {self.path}")
        return file

    def save(self, name: str, voxels: VoxelMap, overwrite: bool = False) -> SavedMap:
        """Write a map. A reader never sees half a file.

        Raises:
            MapFileError: the name is no good or taken, the map is empty, or the file cannot be written.
        """
        file = self.file(name)
        arrays, epoch = voxels.arrays()
        if not len(arrays["keys"]):
            raise MapFileError("the map is empty: there is nothing to save")
        if file.exists() and not overwrite:
            raise MapFileError(f"there is a map {name!r} already: give another name, or set overwrite")
        metadata = {"format": _FORMAT, "voxel_size": repr(voxels.voxel_size), "frame_id": voxels.frame_id}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.path, prefix=".saving-", delete=False) as scratch:
                temporary = Path(scratch.name)
            try:
                save_file(arrays, temporary, metadata)
                os.replace(temporary, file)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    temporary.unlink()
        except (OSError, SafetensorError) as error:
            raise MapFileError(f"cannot write {file} ({error}): check space and rights") from error
        return SavedMap(len(arrays["keys"]), epoch, int(arrays["stamps"].max()))

    def load(self, name: str, voxels: VoxelMap) -> None:
        """Take a saved map in place of all that ``voxels`` holds.

        Raises:
            MapFileError: no such map, damaged, or of another frame or voxel size; ``voxels`` stay as they are.
        """
        file = self.file(name)
        if not file.is_file():
            raise MapFileError(f"there is no map {name!r} in {self.path}: it has {', '.join(self.names()) or 'none'}")
        try:
            with safe_open(file, framework="numpy") as opened:
                metadata = opened.metadata() or {}
                if metadata.get("format") != _FORMAT or not set(_NAMES) <= set(opened.keys()):
                    raise MapFileError(f"{file} is no map of ours, or of a newer version: save it again")
                arrays = {key: opened.get_tensor(key) for key in _NAMES}
        except (OSError, SafetensorError) as error:
            raise MapFileError(f"{file} is damaged or cut short ({error}): save the map again") from error
        found = (metadata.get("frame_id", ""), metadata.get("voxel_size", ""))
        if found != (voxels.frame_id, repr(voxels.voxel_size)):
            raise MapFileError(
                f"the map {name!r} has frame {found[0]!r} and voxels of {found[1]} m, the node {voxels.frame_id!r} "
                f"and {voxels.voxel_size} m: set map_frame and voxel_size to those of the map"
            )
        try:
            voxels.replace(arrays)
        except MapDataError as error:
            raise MapFileError(f"{file} holds no map ({error}): save it again") from error

    def names(self) -> list[str]:
        """Names of the maps in the folder, sorted."""
        return sorted(path.name[: -len(SUFFIX)] for path in self.path.glob(f"*{SUFFIX}"))
