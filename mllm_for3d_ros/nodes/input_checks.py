"""Judges what came from a camera within some seconds: encodings, sizes, calibration, stamps, pairs."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mllm_for3d_ros.doctor.finding import Finding, bad, good, of_error, warning
from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.inputs.camera import read_camera
from mllm_for3d_ros.nodes.inputs.decoding import color_decoder
from mllm_for3d_ros.recording.images import decode_compressed_depth, decode_depth

LEAST_HZ = 5.0
MOST_DELAY_S, OTHER_CLOCK_S = 0.5, 60.0
LEAST_DEPTH_SHARE = 0.1
FARTHEST_M = 200.0
"""Metres that no depth camera sees: such numbers are millimetres."""
_KEPT = 300


@dataclass
class Heard:
    """What came on a topic: the newest message, the stamps in ns, and the seconds from stamp to arrival."""

    topic: str
    message: Any = None
    stamps: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT))
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def take(self, message: Any, now_ns: int) -> None:
        """A message came."""
        stamp = stamp_ns(message.header.stamp)
        self.message = message
        self.stamps.append(stamp)
        self.delays.append((now_ns - stamp) * 1e-9)


def check_stamps(heard: Heard, rate_hz: float) -> Finding:
    """Whether messages come often enough and their stamps are of this clock."""
    delay = statistics.median(heard.delays)
    told = f"{heard.topic}: {rate_hz:.1f} Hz, {1000 * delay:.0f} ms after the stamp"
    if abs(delay) > OTHER_CLOCK_S:
        remedy = "set use_sim_time where a bag or a simulator publishes /clock; else synchronise the clocks (chrony)"
        return bad("stamps", f"{told}: stamps are of another clock", remedy)
    if delay > MOST_DELAY_S:
        return warning("stamps", told, "use fewer pixels or a wired network, or publish compressed images")
    if rate_hz < LEAST_HZ:
        return warning("rate", told, "raise the camera's frame rate, or look for losses between it and here")
    return good("rate", told)


def check_color(heard: Heard) -> Finding:
    """Whether the newest colour image can be read, by cv_bridge too where it is installed."""
    decode = color_decoder("raw" if hasattr(heard.message, "encoding") else "compressed", lambda line: None)
    try:
        pixels = decode(heard.message)
    except RecordingError as error:
        return of_error("colour", error)
    return good("colour", f"{heard.topic}: {_kind(heard.message)}, {pixels.shape[1]}x{pixels.shape[0]}")


def check_depth(heard: Heard) -> Finding:
    """Whether the newest depth image can be read, and holds depth in metres."""
    decode = decode_depth if hasattr(heard.message, "encoding") else decode_compressed_depth
    try:
        metres = decode(heard.message)
    except RecordingError as error:
        return of_error("depth", error)
    valid = metres[np.isfinite(metres) & (metres > 0)]
    share = valid.size / max(1, metres.size)
    told = f"{heard.topic}: {_kind(heard.message)}, {metres.shape[1]}x{metres.shape[0]}, {share:.0%} of it valid"
    if share < LEAST_DEPTH_SHARE:
        return warning("depth", told, "is the camera covered, too near, or its projector off?")
    median = float(np.median(valid))
    if median > FARTHEST_M:
        remedy = "publish 32FC1 in metres or 16UC1 in millimetres (REP-118)"
        return bad("depth", f"{told}, half of it beyond {median:.0f} m: it is not in metres", remedy)
    return good("depth", f"{told}, median {median:.2f} m")


def check_camera(info: Any, color: Any, rectified: bool) -> Finding:
    """Whether camera_info is a calibration of these colour images; ``color`` may be None."""
    try:
        camera = read_camera(info, rectified)
    except RecordingError as error:
        return of_error("calibration", error)
    size = camera.intrinsics.width, camera.intrinsics.height
    told = f"{size[0]}x{size[1]}, fx {camera.intrinsics.fx:.1f}" + (", distorted" if camera.distortion else "")
    if hasattr(color, "encoding") and (color.width, color.height) != size:
        found = f"camera_info is of {size[0]}x{size[1]} images but colour is {color.width}x{color.height}"
        return bad("calibration", found, "remap camera_info to that of the colour image")
    return good("calibration", told)


def check_frames(color: Any, depth: Any) -> Finding:
    """Whether colour and depth claim to be seen from one place."""
    if not color.header.frame_id:
        return bad("frames", "colour images have no frame_id", "set camera_frame, or the driver's frame parameter")
    if color.header.frame_id != depth.header.frame_id:
        return warning(
            "frames",
            f"colour is in {color.header.frame_id!r} but depth is in {depth.header.frame_id!r}",
            "use depth that is aligned (registered) to colour; if it is, all is well",
        )
    return good("frames", f"images are in {color.header.frame_id!r}")


def check_pairs(color: Sequence[int], depth: Sequence[int], slop_s: float) -> Finding:
    """Whether colour and depth, given as stamps in ns, pair within ``slop_s``."""
    ordered = np.sort(np.asarray(depth, dtype=np.int64))
    stamps = np.asarray(color, dtype=np.int64)
    after = np.clip(np.searchsorted(ordered, stamps), 1, max(1, len(ordered) - 1))
    near = np.abs(stamps[:, None] - ordered[np.minimum(np.stack([after - 1, after], axis=1), len(ordered) - 1)])
    offset_s = float(np.median(near.min(axis=1))) * 1e-9
    told = f"colour and depth are {1000 * offset_s:.1f} ms apart"
    if offset_s > slop_s:
        remedy = f"synchronise the streams in the driver, or set approx_sync_max_interval to {1.5 * offset_s:.3f}"
        return bad("pairs", f"{told}, more than {1000 * slop_s:g} ms", remedy)
    return good("pairs", told)


def _kind(message: Any) -> str:
    return str(getattr(message, "encoding", None) or message.format)
