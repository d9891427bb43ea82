"""A whole recording fused at once, without ROS."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.types import Frame, SceneCloud


def fuse_frames(
    frames: Iterable[Frame],
    *,
    voxel_size: float = 0.025,
    min_depth: float = 0.1,
    max_depth: float = 4.0,
    stride: int = 1,
    max_frames: int | None = None,
) -> SceneCloud:
    """The map of posed frames.

    Args:
        frames: any recording.
        voxel_size: m.
        min_depth: m, nearer pixels are ignored.
        max_depth: m, farther pixels are ignored.
        stride: every so many frames one is used.
        max_frames: stop after so many used frames; None uses all.

    Raises:
        RecordingError: no frame had a usable depth.
        ValueError: stride or max_frames is below 1.
    """
    if stride < 1 or (max_frames is not None and max_frames < 1):
        raise ValueError(f"stride and max_frames must be at least 1, got {stride} and {max_frames}")
    volume = VoxelMap(voxel_size=voxel_size, min_depth=min_depth, max_depth=max_depth)
    last = None if max_frames is None else stride * (max_frames - 1) + 1
    for frame in islice(frames, 0, last, stride):
        volume.integrate(frame)
    if not len(volume):
        source = getattr(frames, "source", "the recording")
        raise RecordingError(
            f"{source} gave an empty map: no depth between {min_depth:g} and {max_depth:g} m; "
            "check the depth topic and its unit"
        )
    return volume.snapshot()
