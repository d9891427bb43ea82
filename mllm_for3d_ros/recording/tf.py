"""A tree of coordinate frames over time, read whole before any look-up (no extrapolation, no waiting)."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

import numpy as np

from mllm_for3d_ros.recording.transforms import invert, make_transform, slerp


class TransformUnavailable(LookupError):
    """No transform at that time; the text is a short reason, without names, fit for counting."""


@dataclass
class _Edge:
    """Poses of a child frame in its parent, sorted by stamp; a static one has a single pose."""

    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    translations: list[np.ndarray] = field(default_factory=list)
    quaternions: list[np.ndarray] = field(default_factory=list)

    def add(self, stamp_ns: int, translation: np.ndarray, quaternion: np.ndarray) -> None:
        at = bisect.bisect_left(self.stamps, stamp_ns)
        replaces = at < len(self.stamps) and self.stamps[at] == stamp_ns
        rows: tuple[tuple[list, object], ...] = (
            (self.stamps, stamp_ns),
            (self.translations, translation),
            (self.quaternions, quaternion),
        )
        for values, value in rows:
            values[at : at + replaces] = [value]

    def at(self, stamp_ns: int) -> np.ndarray:
        if self.static:
            return make_transform(self.translations[-1], self.quaternions[-1])
        i = bisect.bisect_left(self.stamps, stamp_ns)
        if i < len(self.stamps) and self.stamps[i] == stamp_ns:
            return make_transform(self.translations[i], self.quaternions[i])
        if i == 0:
            raise TransformUnavailable("image older than the first pose")
        if i == len(self.stamps):
            raise TransformUnavailable("image newer than the last pose")
        start, end = self.stamps[i - 1], self.stamps[i]
        fraction = (stamp_ns - start) / (end - start)
        translation = (1 - fraction) * self.translations[i - 1] + fraction * self.translations[i]
        return make_transform(translation, slerp(self.quaternions[i - 1], self.quaternions[i], fraction))


class TfBuffer:
    """Transforms between named frames; translation is interpolated linearly, rotation by slerp."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def add(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        translation: np.ndarray,
        quaternion: np.ndarray,
        static: bool = False,
    ) -> bool:
        """Add the pose of ``child`` in ``parent``.

        Args:
            parent: frame name; a leading slash is dropped, here and below.
            child: frame name.
            stamp_ns: time of the pose (ignored when static).
            translation: [3] metres.
            quaternion: [4] x, y, z, w.
            static: holds at all times.

        Returns:
            False if the pose is not finite, its quaternion is zero, or a frame is its own parent
            (such a transform is left out, as tf2 does).
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        translation = np.asarray(translation, dtype=np.float64)
        quaternion = np.asarray(quaternion, dtype=np.float64)
        norm = float(np.linalg.norm(quaternion))
        if parent == child or not np.isfinite(translation).all() or not np.isfinite(norm) or norm < 1e-6:
            return False
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent or edge.static != static:
            edge = self._edges[child] = _Edge(parent, static)
        edge.add(stamp_ns, translation, quaternion / norm)
        return True

    def forget(self, child: str) -> None:
        """Remove the transform from ``child`` to its parent, if there is one."""
        self._edges.pop(child.lstrip("/"), None)

    @property
    def frames(self) -> list[str]:
        """All frame names, sorted."""
        return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def ancestors(self, frame: str) -> list[str]:
        """``frame`` itself, its parent, and so on up to the root."""
        chain = [frame.lstrip("/")]
        while (edge := self._edges.get(chain[-1])) is not None and edge.parent not in chain:
            chain.append(edge.parent)
        return chain

    def is_moving(self, frame: str, ancestor: str) -> bool:
        """Whether some transform between ``frame`` and ``ancestor`` changes over time."""
        chain = self.ancestors(frame)
        return ancestor in chain and any(not self._edges[f].static for f in chain[: chain.index(ancestor)])

    def lookup(self, target: str, source: str, stamp_ns: int) -> np.ndarray:
        """[4, 4] float64 that maps points of ``source`` to ``target`` at a time.

        Raises:
            TransformUnavailable: the frames are not connected, or the time is out of range.
        """
        up, down = self.ancestors(source), self.ancestors(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise TransformUnavailable("frames not connected")
        to_common = self._climb(up[: up.index(common)], stamp_ns)
        from_target = self._climb(down[: down.index(common)], stamp_ns)
        return invert(from_target) @ to_common

    def _climb(self, frames: list[str], stamp_ns: int) -> np.ndarray:
        result = np.eye(4)
        for frame in frames:
            result = self._edges[frame].at(stamp_ns) @ result
        return result
