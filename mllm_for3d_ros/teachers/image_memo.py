"""A small memory of what was computed from an image, so that it is computed once for all instructions."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from mllm_for3d_ros.types import Frame

V = TypeVar("V")


def image_key(image: np.ndarray) -> bytes:
    """16 bytes that name the content of ``image`` (any shape and dtype): equal pixels give equal keys."""
    hasher = hashlib.blake2b(f"{image.shape}{image.dtype.str}".encode(), digest_size=16)
    hasher.update(np.ascontiguousarray(image).data)
    return hasher.digest()


def view_key(frame: Frame, geometry: bool) -> bytes:
    """``image_key`` of the colours of ``frame``; with ``geometry`` its depth, camera and pose are named too.

    A frame, which does not change, keeps its keys: every instruction asks for them.
    """
    keys = vars(frame).setdefault("_view_keys", {})
    if geometry not in keys:
        keys[geometry] = _geometry_key(frame) if geometry else image_key(frame.color)
    return bytes(keys[geometry])


def _geometry_key(frame: Frame) -> bytes:
    hasher = hashlib.blake2b(image_key(frame.color) + image_key(frame.depth), digest_size=16)
    hasher.update(f"{frame.intrinsics}".encode())
    hasher.update(np.ascontiguousarray(frame.camera_to_world).data)
    return hasher.digest()


class Memo(Generic[V]):
    """The last ``capacity`` values by image content; the one not used for longest goes first. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        """Keep at most ``capacity`` values; 0 keeps none."""
        self._capacity = capacity
        self._values: OrderedDict[bytes, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, image: np.ndarray, make: Callable[[np.ndarray], V]) -> V:
        """The value kept for ``image``, else ``make(image)``, which is then kept.

        Two threads that miss the same image at once both compute it: a model that is not to run twice
        at a time needs a lock of its own.
        """
        key = image_key(image)
        value = self.peek(key)
        if value is None:
            value = make(image)
            self.put(key, value)
        return value

    def peek(self, key: bytes) -> V | None:
        """The value kept under ``key`` (see ``image_key``), None if there is none; it counts as used."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: bytes, value: V) -> None:
        """Keep ``value`` (not None) under ``key``; for those who compute the misses of many images in one batch."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._capacity:
                self._values.popitem(last=False)
