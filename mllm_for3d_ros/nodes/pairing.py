"""Pairs colour and depth images as they arrive."""

from __future__ import annotations

from typing import Any

COLOR, DEPTH = 0, 1


class StampPairing:
    """Joins each image to the nearest one of the other kind that waits, if their stamps are near enough.

    Args:
        max_interval_ns: stamps farther apart are no pair.
        capacity: images of a kind that may wait for a partner; the oldest go first.
    """

    def __init__(self, max_interval_ns: int, capacity: int = 30) -> None:
        self._max_interval, self._capacity = max_interval_ns, capacity
        self._waiting: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        self.unpaired = 0
        self.nearest_miss_ns: int | None = None

    def add(self, side: int, stamp_ns: int, message: Any) -> tuple[Any, Any] | None:
        """Take an image (``COLOR`` or ``DEPTH``); returns the (colour, depth) pair that it completes."""
        others = self._waiting[1 - side]
        partner = min(others, key=lambda stamp: abs(stamp - stamp_ns), default=None)
        if partner is not None and abs(partner - stamp_ns) <= self._max_interval:
            pair = message, others.pop(partner)
            self.nearest_miss_ns = None
            return pair if side == COLOR else pair[::-1]
        if partner is not None:
            self.nearest_miss_ns = abs(partner - stamp_ns)
        own = self._waiting[side]
        own[stamp_ns] = message
        if len(own) > self._capacity:
            del own[next(iter(own))]
            self.unpaired += 1
        return None

    def clear(self) -> None:
        """Forget the waiting images."""
        for side in self._waiting:
            side.clear()
