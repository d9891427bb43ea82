"""Image features of views: float16 safetensors files, one a (teacher, image), written once.

A power cut may lose the last ones, which are then asked for again; waiting for the disk at each is not worth it.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.teachers.image_memo import Memo

_log = logging.getLogger(__name__)
_NAME = "features"


class FeatureFiles:
    """The files below ``folder``/features, the last few of them kept in memory."""

    def __init__(self, folder: Path, kept: int) -> None:
        """``kept``: feature maps kept in memory, as every instruction asks for those of the same views."""
        self._folder = folder
        self._memo: Memo[np.ndarray] = Memo(kept)

    @staticmethod
    def path(fingerprint: str, image: bytes) -> str:
        """Where the features lie, relative to the folder of the cache."""
        teacher, view = hashlib.sha256(fingerprint.encode()).hexdigest()[:16], image.hex()
        return f"features/{teacher}/{view[:2]}/{view}.safetensors"

    def write(self, path: str, features: np.ndarray) -> int:
        """Store ``features`` [C, h, w] as float16 under ``path`` unless they are there; returns the file's bytes.

        Raises:
            OSError: the file cannot be written.
        """
        target = self._folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            limit = float(np.finfo(np.float16).max)
            content = save({_NAME: np.clip(features, -limit, limit).astype(np.float16)})
            write_whole(target, content, durable=False)
        return target.stat().st_size

    def read(self, path: str) -> np.ndarray | None:
        """The features [C, h, w] float32 of ``path``; None if the file is gone or damaged, and it is removed."""
        key = path.encode()
        known = self._memo.peek(key)
        if known is not None:
            return known
        target = self._folder / path
        try:
            features = load_file(target)[_NAME].astype(np.float32)
        except (SafetensorError, FileNotFoundError, KeyError) as cause:
            _log.warning("the features in %s are lost (%s); the teacher is asked again", target, cause)
            target.unlink(missing_ok=True)
            return None
        self._memo.put(key, features)
        return features

    def remove(self, path: str) -> None:
        """Delete the file of ``path`` if it is there."""
        (self._folder / path).unlink(missing_ok=True)
