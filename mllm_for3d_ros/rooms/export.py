"""Rooms on disk: a recording as a bag or a folder of images, its ground truth and its instructions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.bag_writer import depth_to_millimetres, write_bag
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.rooms.recording import GroundTruth, RoomsRecording
from mllm_for3d_ros.types import Frame

FORMATS = ("mcap", "sqlite3", "folder")


def write_recording(recording: RoomsRecording, path: Path, form: str = "mcap") -> None:
    """Write the frames as a rosbag2 ("mcap", "sqlite3") or as a folder of images ("folder").

    Raises:
        RecordingError: the path exists, or the format is unknown.
    """
    if form not in FORMATS:
        raise RecordingError(f"unknown format {form!r}: use one of {', '.join(FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "folder":
        write_folder(recording, path)
    else:
        write_bag(recording, path, form)


def write_folder(frames: Iterable[Frame], path: Path) -> int:
    """Write frames as rgb/, depth/ (16-bit PNG, mm), pose/ and intrinsics.txt; returns how many.

    Raises:
        RecordingError: the path exists.
    """
    if path.exists():
        raise RecordingError(f"{path} exists already: remove it or choose another path for the recording")
    for name in ("rgb", "depth", "pose"):
        (path / name).mkdir(parents=True)
    stamps = []
    for number, frame in enumerate(frames):
        if not number:
            np.savetxt(path / "intrinsics.txt", frame.intrinsics.matrix, fmt="%.6f")
        stem = f"{number:06d}"
        Image.fromarray(frame.color).save(path / "rgb" / f"{stem}.png")
        Image.fromarray(depth_to_millimetres(frame.depth)).save(path / "depth" / f"{stem}.png")
        np.savetxt(path / "pose" / f"{stem}.txt", frame.camera_to_world, fmt="%.9f")
        stamps.append(frame.stamp_ns)
    period = (stamps[-1] - stamps[0]) / (len(stamps) - 1) if len(stamps) > 1 else 1e9
    (path / "scene.json").write_text(json.dumps({"rate_hz": 1e9 / period, "frames": len(stamps)}) + "\n")
    return len(stamps)


def save_ground_truth(truth: GroundTruth, path: Path) -> None:
    """Write an .npz with keys [N, 3], instance_id [N], class_index [N] and voxel_size."""
    np.savez_compressed(
        path,
        keys=truth.keys,
        instance_id=truth.instance_id,
        class_index=truth.class_index,
        voxel_size=truth.voxel_size,
    )


def load_ground_truth(path: Path) -> GroundTruth:
    """Read what ``save_ground_truth`` wrote.

    Raises:
        RecordingError: no such file, or not one of those.
    """
    try:
        with np.load(path) as stored:
            arrays = (stored["keys"], stored["instance_id"], stored["class_index"])
            return GroundTruth(*arrays, float(stored["voxel_size"]))
    except (OSError, ValueError, KeyError) as cause:
        raise RecordingError(f"{path} is no ground truth of a room ({cause}): write it with rooms make") from cause


def save_instructions(instructions: Sequence[RoomInstruction], path: Path) -> None:
    """Write a JSON list of objects with text, class, kind, expected (OK or NO_TARGET) and instances (ids)."""
    rows = [
        {
            "text": one.text,
            "class": one.class_name,
            "kind": one.kind,
            "expected": one.status.name,
            "instances": list(one.instances),
        }
        for one in instructions
    ]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
