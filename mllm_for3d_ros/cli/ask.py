"""``mllm-for3d ask``: map a recording without ROS and answer instructions on it."""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import positive_float, positive_int, save_json, table

if TYPE_CHECKING:
    from mllm_for3d_ros.answering.answerer import Answerer
    from mllm_for3d_ros.types import Mask3D, SceneCloud

HELP = """Map a bag or a folder of RGB-D images offline and answer instructions on it.

DIR gets overview.png and map.ply, for each instruction a picture and its mask (.ply for viewers, .npz
with the probabilities of all voxels), and answer.json with status, instances and figures."""
_LISTED = 3
_DRAWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("recording", type=Path, help="bag (MCAP, SQLite, ROS 1) or folder (7-Scenes, ScanNet)")
    parser.add_argument("instructions", nargs="+", metavar="instruction", help="what to find, in plain words")
    parser.add_argument("--out", type=Path, default=Path("out/ask"), metavar="DIR", help="folder for the results")
    parser.add_argument("--voxel-size", type=positive_float, default=0.025, metavar="M", help="edge of a voxel in m")
    parser.add_argument("--max-depth", type=positive_float, default=4.0, metavar="M", help="farther pixels are ignored")
    parser.add_argument("--max-frames", type=positive_int, metavar="N", help="use at most N frames")
    parser.add_argument("--stride", type=positive_int, default=1, metavar="N", help="use every Nth frame")
    parser.add_argument("--device", default="auto", help="auto, cuda or cpu")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="student to use in place of the shipped one")


def run(args: argparse.Namespace) -> int:
    """Map, encode once, answer each instruction."""
    from mllm_for3d_ros.answering.loading import load_answerer
    from mllm_for3d_ros.language.instruction import clean_instruction
    from mllm_for3d_ros.recording.reader import open_recording

    texts = [clean_instruction(text) for text in args.instructions]
    recording = open_recording(args.recording)
    answerer, note = load_answerer(args.checkpoint, args.device)
    if note:
        print(f"note: {note}", file=sys.stderr)
    start = time.perf_counter()
    cloud = _map(recording, args)
    mapped = time.perf_counter()
    scene = answerer.encode(cloud)
    encoded = time.perf_counter()
    print(f"map: {len(cloud):,} voxels in {mapped - start:.1f} s; encoded in {encoded - mapped:.2f} s")
    for reason, count in recording.skipped.items():
        print(f"left out: {count} x {reason}", file=sys.stderr)
    answers = [_answer(answerer, scene, text) for text in texts]
    print(_table(answers))
    for mask, _ in answers:
        print(f"{mask.instruction}: {mask.explanation}")
    written = _write(args.out, cloud, answers)
    report = {
        "recording": str(args.recording),
        "map_voxels": len(cloud),
        "voxel_size": cloud.voxel_size,
        "frame_id": cloud.frame_id,
        "model": answerer.fingerprint,
        "map_s": round(mapped - start, 3),
        "encode_s": round(encoded - mapped, 3),
        "left_out": dict(recording.skipped),
        "answers": [_as_dict(*answer, files) for answer, files in zip(answers, written, strict=True)],
    }
    save_json(args.out / "answer.json", report)
    print(f"pictures, masks and answer.json are in {args.out}")
    return 0


def _map(recording: Any, args: argparse.Namespace) -> SceneCloud:
    """The fused map, with a progress bar on a terminal."""
    from tqdm import tqdm

    from mllm_for3d_ros.scene.offline import fuse_frames

    with tqdm(recording, desc="mapping", unit="frame", total=len(recording), disable=None, leave=False) as frames:
        return fuse_frames(
            _Sourced(frames, recording.source),
            voxel_size=args.voxel_size,
            max_depth=args.max_depth,
            stride=args.stride,
            max_frames=args.max_frames,
        )


class _Sourced:
    """Frames that know where they come from, for error messages."""

    def __init__(self, frames: Any, source: str) -> None:
        self._frames = frames
        self.source = source

    def __iter__(self) -> Any:
        return iter(self._frames)


def _answer(answerer: Answerer, scene: Any, text: str) -> tuple[Mask3D, float]:
    """The answer and the seconds that it took."""
    start = time.perf_counter()
    mask = answerer.answer(scene, text)
    return mask, time.perf_counter() - start


def _table(answers: list[tuple[Mask3D, float]]) -> str:
    """A row for each instruction, and below it a line for each of its best instances."""
    rows = []
    for mask, seconds in answers:
        figures = [f"{mask.presence:.2f}", f"{mask.score:.2f}", f"{int(mask.mask.sum()):,}", str(len(mask.instances))]
        rows.append([_shortened(mask.instruction), mask.status.name, *figures, f"{seconds:.3f}"])
        for number, one in enumerate(mask.instances[:_LISTED], start=1):
            center, size = ", ".join(f"{c:.2f}" for c in one.center), " x ".join(f"{s:.2f}" for s in one.size)
            rows.append([f"  {number}: {size} m at ({center})", "", "", f"{one.score:.2f}", f"{len(one.indices):,}"])
    header = ["instruction", "status", "presence", "score", "voxels", "instances", "seconds"]
    return table(header, [row + [""] * (len(header) - len(row)) for row in rows], left=2)


def _shortened(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _write(out: Path, cloud: SceneCloud, answers: list[tuple[Mask3D, float]]) -> list[dict[str, str]]:
    """Write map, pictures and masks; returns the names of the files of each answer."""
    from mllm_for3d_ros.evaluation.pictures import render_map
    from mllm_for3d_ros.scene.ply import write_ply

    write_ply(out / "map.ply", cloud.points, cloud.colors, nx=cloud.normals[:, 0], ny=cloud.normals[:, 1],
              nz=cloud.normals[:, 2])  # fmt: skip
    render_map(cloud, out / "overview.png", title="The fused map", note=f"{len(answers)} instructions were asked")
    written = []
    for number, (mask, _) in enumerate(answers, start=1):
        stem = f"{number:02d}_{slug(mask.instruction)}"
        note = f"{mask.status.name}: {mask.explanation}"
        render_map(cloud, out / f"{stem}.png", mask.mask, mask.instruction, mask.instances[:_DRAWN], note)
        save_mask(out / f"{stem}.npz", cloud, mask)
        chosen = mask.mask
        write_ply(out / f"{stem}.ply", cloud.points[chosen], cloud.colors[chosen], probability=mask.probability[chosen])
        written.append({"picture": f"{stem}.png", "mask": f"{stem}.npz", "points": f"{stem}.ply"})
    return written


def save_mask(path: Path, cloud: SceneCloud, mask: Mask3D) -> None:
    """Write an .npz with points [N, 3], mask [N] bool, probability [N] float16, voxel_size and instruction."""
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        points=cloud.points,
        mask=mask.mask,
        probability=mask.probability.astype(np.float16),
        voxel_size=cloud.voxel_size,
        instruction=mask.instruction,
    )


def slug(text: str, length: int = 40) -> str:
    """The text as a file name: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:length].strip("-") or "instruction"


def _as_dict(mask: Mask3D, seconds: float, files: dict[str, str]) -> dict[str, Any]:
    return {
        "instruction": mask.instruction,
        "status": mask.status.name,
        "presence": round(mask.presence, 4),
        "score": round(mask.score, 4),
        "voxels": int(mask.mask.sum()),
        "seconds": round(seconds, 4),
        "explanation": mask.explanation,
        "instances": [
            {
                "center": [round(float(c), 3) for c in one.center],
                "size": [round(float(s), 3) for s in one.size],
                "yaw": round(one.yaw, 4),
                "score": round(one.score, 4),
                "voxels": len(one.indices),
            }
            for one in mask.instances
        ],
        **files,
    }
