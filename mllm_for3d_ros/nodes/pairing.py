"""Pairs colour and depth images as they arrive: with message_filters where a ROS distribution has it, or alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.ros_parts import find_part

COLOR, DEPTH = 0, 1
_KEPT = 64
_SET_BACK_NS = 10**9


class Pairing(Protocol):
    """Joins images of two kinds whose stamps are near enough; the oldest that find no partner are forgotten."""

    @property
    def unpaired(self) -> int:
        """Images forgotten so far."""

    def add(self, side: int, message: Any) -> tuple[Any, Any] | None:
        """Take an image (``COLOR`` or ``DEPTH``); returns the (colour, depth) pair that it completes."""

    def clear(self) -> None:
        """Forget the waiting images."""


class StampPairing:
    """Joins each image to the nearest one of the other kind that waits.

    Args:
        max_interval_ns: stamps farther apart are no pair.
        capacity: images of a kind that may wait for a partner.
    """

    def __init__(self, max_interval_ns: int, capacity: int = 30) -> None:
        self._max_interval, self._capacity = max_interval_ns, capacity
        self._waiting: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        self._unpaired = 0

    @property
    def unpaired(self) -> int:
        """See ``Pairing``."""
        return self._unpaired

    def add(self, side: int, message: Any) -> tuple[Any, Any] | None:
        """See ``Pairing``."""
        stamp = stamp_ns(message.header.stamp)
        others = self._waiting[1 - side]
        partner = min(others, key=lambda other: abs(other - stamp), default=None)
        if partner is not None and abs(partner - stamp) <= self._max_interval:
            pair = message, others.pop(partner)
            return pair if side == COLOR else pair[::-1]
        own = self._waiting[side]
        own[stamp] = message
        if len(own) > self._capacity:
            del own[next(iter(own))]
            self._unpaired += 1
        return None

    def clear(self) -> None:
        """See ``Pairing``."""
        for side in self._waiting:
            side.clear()


class FilterPairing:
    """The same with message_filters' ApproximateTimeSynchronizer.

    Args:
        message_filters: the module.
        max_interval_ns, capacity: as for ``StampPairing``.
    """

    def __init__(self, message_filters: ModuleType, max_interval_ns: int, capacity: int = 30) -> None:
        slop_s = (max_interval_ns + 1) * 1e-9  # some versions want the difference to be below the slop
        self._filters = [message_filters.SimpleFilter(), message_filters.SimpleFilter()]
        self._synchronizer = message_filters.ApproximateTimeSynchronizer(self._filters, capacity, slop_s)
        self._synchronizer.registerCallback(self._take)
        self._pair: tuple[Any, Any] | None = None
        self._alone = self._newest = 0

    @property
    def unpaired(self) -> int:
        """See ``Pairing``."""
        return self._alone - self._waiting

    @property
    def _waiting(self) -> int:
        return sum(len(queue) for queue in self._synchronizer.queues)

    def add(self, side: int, message: Any) -> tuple[Any, Any] | None:
        """See ``Pairing``."""
        stamp = stamp_ns(message.header.stamp)
        if stamp < self._newest - _SET_BACK_NS:  # it keeps the highest stamps: those of the other clock, for ever
            self.clear()
        self._newest = stamp
        self._pair = None
        self._filters[side].signalMessage(message)
        self._alone += 1 if self._pair is None else -1
        return self._pair

    def _take(self, color: Any, depth: Any) -> None:
        self._pair = color, depth

    def clear(self) -> None:
        """See ``Pairing``."""
        self._alone -= self._waiting
        for queue in self._synchronizer.queues:
            queue.clear()


def make_pairing(max_interval_ns: int, capacity: int, say: Callable[[str], object]) -> Pairing:
    """The pairing of this machine; ``say`` is told of a message_filters that is there but broken."""
    module = find_part("message_filters", say)
    if module is None:
        return StampPairing(max_interval_ns, capacity)
    return FilterPairing(module, max_interval_ns, capacity)


class StampOffsets:
    """How far apart the stamps of colour and depth are: in pairs, and where no pair comes about."""

    def __init__(self) -> None:
        self._stamps: tuple[deque[int], deque[int]] = (deque(maxlen=_KEPT), deque(maxlen=_KEPT))
        self._offsets: deque[float] = deque(maxlen=_KEPT)

    def seen(self, side: int, stamp: int) -> None:
        """Note the stamp of an image."""
        self._stamps[side].append(stamp)

    def paired(self, color: int, depth: int) -> None:
        """Note the stamps of a pair."""
        self._offsets.append((depth - color) * 1e-6)

    def nearest_s(self, side: int, stamp: int) -> float | None:
        """Seconds to the nearest image of the other kind; None if there was none."""
        return min((abs(other - stamp) * 1e-9 for other in self._stamps[1 - side]), default=None)

    def figures(self) -> dict[str, str]:
        """For the diagnostics: how much later depth is than colour, ms."""
        offsets = list(self._offsets)
        if not offsets:
            return {}
        return {
            "sync_offset_ms_mean": f"{sum(offsets) / len(offsets):.2f}",
            "sync_offset_ms_max": f"{max(offsets, key=abs):.2f}",
        }
