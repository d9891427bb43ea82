"""Posed RGB-D frames from folders of images.

Three layouts, told apart by the names in the folder:

* 7-Scenes: ``frame-000000.color.png``, ``.depth.png``, ``.pose.txt`` side by side;
* subfolders ``rgb/`` or ``color/``, ``depth/`` and ``pose/`` with files of the same stem;
* ScanNet as its SensReader exports it: as above, with colour larger than depth, which is resized to it.

Depth: 16-bit PNG of millimetres, 0 or 65535 where invalid. Pose: 4x4 camera-to-world text. Intrinsics: the
first of intrinsics_depth.txt, intrinsic/intrinsic_depth.txt, intrinsics.txt, camera-intrinsics.txt, a 3x3 or
4x4 matrix of the depth camera. Only 7-Scenes may lack it: its camera is fx = fy = 585 at 640x480. Rate:
``rate_hz`` of scene.json, else 30; the stamp of a frame is its number over the rate.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.images import as_depth, as_rgb, open_image
from mllm_for3d_ros.types import Frame, Intrinsics

NO_POSE = "no pose: missing or not finite"
NO_DEPTH = "no valid depth"
NO_PARTNER = "colour image without depth"
DAMAGED = "damaged image"

_COLOR_SUFFIXES = (".jpg", ".jpeg", ".png")
_INTRINSICS = (
    "intrinsics_depth.txt",
    "intrinsic_depth.txt",
    "intrinsic/intrinsic_depth.txt",
    "intrinsics.txt",
    "camera-intrinsics.txt",
)
_SCANNET_COLOR = ("intrinsics_color.txt", "intrinsic_color.txt", "intrinsic/intrinsic_color.txt")
_INVALID_DEPTH = np.float32(65.535)
_DEFAULT_RATE = 30.0


@dataclass(frozen=True)
class _Files:
    """Paths of one frame and its number."""

    number: int
    color: Path
    depth: Path
    pose: Path


def _color_folder(path: Path) -> Path | None:
    return next((path / name for name in ("color", "rgb") if (path / name).is_dir()), None)


def is_folder_recording(path: Path) -> bool:
    """Whether the folder has one of the layouts above."""
    return any(path.glob("frame-*.color.*")) or (_color_folder(path) is not None and (path / "depth").is_dir())


class FolderRecording:
    """Frames of a folder; iterate as often as needed.

    Attributes:
        source: path of the folder.
        skipped: reasons and numbers of the frames left out, complete after iteration.

    Raises:
        RecordingError: no frames, no poses, no intrinsics, or unreadable intrinsics.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.source = str(path)
        self._found: Counter[str] = Counter()
        self._decoding: Counter[str] = Counter()
        self._files = sorted(self._list(), key=lambda files: files.number)
        if not self._files:
            raise RecordingError(f"{path} holds no colour image with a depth image: check its colour and depth files")
        if not any(files.pose.is_file() for files in self._files):
            raise RecordingError(
                f"{path} has no poses: add {self._files[0].pose.relative_to(self._path)} and so on, a 4x4 "
                "camera-to-world matrix for each frame"
            )
        self._rate = _rate(self._path)
        self._matrix = _intrinsics(self._path)
        self._resize = any((self._path / name).is_file() for name in _SCANNET_COLOR)

    def __len__(self) -> int:
        """Frames with all their files; those without pose or valid depth are left out while iterating."""
        return len(self._files)

    @property
    def skipped(self) -> dict[str, int]:
        """Reasons and numbers of what was left out."""
        return dict(self._found + self._decoding)

    def _list(self) -> list[_Files]:
        folder = _color_folder(self._path)
        colors = [p for p in sorted((folder or self._path).iterdir()) if p.suffix.lower() in _COLOR_SUFFIXES]
        if folder is None:
            colors = [p for p in colors if p.stem.endswith(".color")]
        found = []
        for index, color in enumerate(colors):
            stem = color.stem.removesuffix(".color")
            if folder is None:
                depth, pose = self._path / f"{stem}.depth.png", self._path / f"{stem}.pose.txt"
            else:
                depth, pose = self._path / "depth" / f"{stem}.png", self._path / "pose" / f"{stem}.txt"
            digits = stem.rsplit("-", 1)[-1]
            if depth.is_file():
                found.append(_Files(int(digits) if digits.isdecimal() else index, color, depth, pose))
            else:
                self._found[NO_PARTNER] += 1
        return found

    def __iter__(self) -> Iterator[Frame]:
        """Frames by rising number; those with a damaged image are left out and counted.

        Raises:
            RecordingError: no image can be read, or sizes do not match.
        """
        self._decoding = Counter()
        damage: RecordingError | None = None
        for files in self._files:
            pose = _read_pose(files.pose)
            if pose is None:
                self._decoding[NO_POSE] += 1
                continue
            try:
                color, depth = _read_images(files)
            except RecordingError as error:
                damage = damage or error
                self._decoding[f"{DAMAGED}: {error}"] += 1
                continue
            if not depth.any():
                self._decoding[NO_DEPTH] += 1
                continue
            stamp = round(files.number * 1e9 / self._rate)
            yield Frame(stamp, self._fit_color(files, color, depth.shape), depth, self._camera(depth.shape), pose)
        if damage is not None and sum(self._decoding.values()) == len(self):
            raise damage

    def _fit_color(self, files: _Files, color: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if color.shape[:2] == shape:
            return color
        if not self._resize:
            raise RecordingError(
                f"sizes do not match: {files.color} is {color.shape[1]}x{color.shape[0]}, {files.depth} is "
                f"{shape[1]}x{shape[0]}; register colour to depth, or add intrinsics_color.txt to have it scaled"
            )
        image = Image.fromarray(color).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
        return np.asarray(image)

    def _camera(self, shape: tuple[int, ...]) -> Intrinsics:
        height, width = shape
        if self._matrix is None:  # 7-Scenes
            return Intrinsics(640, 480, 585.0, 585.0, 320.0, 240.0).resized(width, height)
        k = self._matrix
        return Intrinsics(width, height, float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]))


def _read_images(files: _Files) -> tuple[np.ndarray, np.ndarray]:
    """Colour [h, w, 3] uint8 and depth [H, W] float32 m of a frame."""
    color = as_rgb(open_image(files.color.read_bytes(), str(files.color)), str(files.color))
    depth = as_depth(open_image(files.depth.read_bytes(), str(files.depth)), str(files.depth))
    depth[depth >= _INVALID_DEPTH] = 0
    return color, depth


def _read_matrix(path: Path) -> np.ndarray:
    """Numbers of a text file as a float64 matrix [3 or 4, 3 or 4]."""
    try:
        matrix = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (ValueError, OSError) as error:
        raise RecordingError(f"{path} is not a matrix of numbers ({error}): write it as 3x3 or 4x4 text") from error
    if matrix.shape not in ((3, 3), (4, 4)):
        raise RecordingError(f"{path} has {'x'.join(map(str, matrix.shape))} numbers: write it as 3x3 or 4x4 text")
    return matrix


def _intrinsics(path: Path) -> np.ndarray | None:
    """Camera matrix of the depth images; None for a 7-Scenes folder without one."""
    for name in _INTRINSICS:
        if (path / name).is_file():
            matrix = _read_matrix(path / name)
            if not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
                raise RecordingError(f"{path / name} is no camera matrix: focal lengths must be positive")
            return matrix
    if _color_folder(path) is None:
        return None
    raise RecordingError(f"{path} has no intrinsics: add intrinsics.txt with the 3x3 matrix of the depth camera")


def _rate(path: Path) -> float:
    """Frames a second, of scene.json or 30."""
    file = path / "scene.json"
    if not file.is_file():
        return _DEFAULT_RATE
    try:
        rate = float(json.loads(file.read_text()).get("rate_hz", _DEFAULT_RATE))
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordingError(f"{file} is not a JSON object with a number rate_hz: correct or remove it") from error
    if not rate > 0:
        raise RecordingError(f"rate_hz in {file} must be positive, got {rate}")
    return rate


def _read_pose(path: Path) -> np.ndarray | None:
    """Camera-to-world [4, 4]; None where missing, not finite (as ScanNet writes lost frames) or not rigid."""
    if not path.is_file():
        return None
    pose = _read_matrix(path)
    if pose.shape != (4, 4):
        raise RecordingError(f"{path} is no pose: write a 4x4 camera-to-world matrix")
    rotation = pose[:3, :3]
    rigid = np.isfinite(pose).all() and np.abs(rotation @ rotation.T - np.eye(3)).max() <= 1e-3
    return pose if rigid else None
