"""A recording to scenes, one frame at a time: the map and some views are all that is held.

Most recordings are one scene. Where the map grows past a number of voxels it is closed and the next scene begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.labeling.settings import LabelSettings
from mllm_for3d_ros.lifting.key_frames import KeyFrames
from mllm_for3d_ros.lifting.label_store import Part
from mllm_for3d_ros.recording.depth_unit import DepthUnit
from mllm_for3d_ros.recording.reader import Recording
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.types import Frame, SceneCloud


@dataclass(frozen=True)
class MappedPart:
    """A scene: which part it is, its map, and the candidate views."""

    part: Part
    cloud: SceneCloud
    views: list[Frame]


def map_parts(
    recording: Recording,
    settings: LabelSettings,
    finished: Mapping[int, Part],
    read: Callable[[int], None],
) -> Iterator[MappedPart]:
    """Map a recording, part after part, each when its last frame has been read.

    Args:
        recording: frames by rising stamp.
        settings: of the map.
        finished: parts by number that need no map; their frames are passed over.
        read: told how many frames have been read.

    Raises:
        RecordingError: no frame had usable depth, or depth is in a wrong unit.
    """
    unit, number, first = DepthUnit(), 1, 0
    volume, keys, count = _empty(settings), KeyFrames(settings.key_frames), 0
    for count, frame in enumerate(recording, start=1):
        read(count)
        unit.look(frame)
        if len(volume) >= settings.part_voxels:
            part = MappedPart(Part(number, first, count - 1 - first), volume.snapshot(), keys.frames)
            number, first = number + 1, count - 1
            volume, keys = _empty(settings), KeyFrames(settings.key_frames)  # so that the map is gone while it is used
            yield part
            del part
        known = finished.get(number)
        if known is not None:
            if count >= known.first_frame + known.frames:
                number, first = number + 1, count
            continue
        volume.integrate(frame)
        keys.add(frame)
    if len(volume):
        part = MappedPart(Part(number, first, count - first), volume.snapshot(), keys.frames)
        del volume, keys
        yield part
    elif number == 1:
        left_out = "".join(f", {reason} ({frames})" for reason, frames in recording.skipped.items())
        raise RecordingError(
            f"{recording.source} gave an empty map: no depth between {volume.min_depth:g} and {settings.max_depth:g} m "
            f"in {count} frames{left_out}; check the depth topic and its unit"
        )


def _empty(settings: LabelSettings) -> VoxelMap:
    return VoxelMap(voxel_size=settings.voxel_size, max_depth=settings.max_depth)
