"""How far a network looks: which input voxels an output voxel depends on, computed from the layers.

Strided grids lie at even coordinates, so the answer depends on where in its coarsest cell a voxel lies.
"""

from __future__ import annotations

from dataclasses import dataclass

from mllm_for3d_ros.student.program import Program

Interval = tuple[int, int]
"""First and last coordinate along an axis, of voxels at some level."""


@dataclass(frozen=True)
class ReceptiveField:
    """fields: for each position of a voxel in its coarsest cell, the first and last voxel that it depends on,
    relative to itself and along any axis. The field is the cube of that interval.
    """

    fields: tuple[Interval, ...]

    @property
    def reach(self) -> int:
        """Voxels to each side that are sure to hold all an output depends on (and all that an input bears on)."""
        return max(max(-low, high) for low, high in self.fields)

    @property
    def mean_reach(self) -> float:
        """Voxels to a side, mean over the positions."""
        return sum(high - low for low, high in self.fields) / (2 * len(self.fields))


def receptive_field(program: Program) -> ReceptiveField:
    """The field of the last layer's output, exact where every voxel in between is there."""
    period = 1 << max(layer.level for layer in program)
    fields = (input_interval(program, position) for position in range(period))
    return ReceptiveField(tuple((low - at, high - at) for at, (low, high) in enumerate(fields)))


def input_interval(program: Program, position: int) -> Interval:
    """First and last input voxel that the output at ``position`` (a coordinate, any sign) depends on."""
    needed: dict[int, Interval] = {len(program): (position, position)}
    for value in range(len(program), 0, -1):
        layer = program[value - 1]
        wanted = needed[value]
        for number, source in enumerate(layer.reads):
            own = number < len(layer.sources)
            low, high = _before(layer.kind, wanted) if own else wanted
            old = needed.get(source, (low, high))
            needed[source] = min(low, old[0]), max(high, old[1])
    return needed[0]


def _before(kind: str, wanted: Interval) -> Interval:
    """What a layer of ``kind`` must read for the outputs ``wanted``."""
    low, high = wanted
    if kind == "around":
        return low - 1, high + 1
    if kind == "down":
        return 2 * low, 2 * high + 1
    if kind == "up":
        return low // 2, high // 2
    return wanted
