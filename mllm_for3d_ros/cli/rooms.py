"""``mllm-for3d rooms``: make recordings of synthetic rooms, or look at a room."""

from __future__ import annotations

import argparse
from pathlib import Path

from mllm_for3d_ros.cli.arguments import non_negative_float, positive_int
from mllm_for3d_ros.errors import RecordingError

HELP = """Synthetic furnished rooms with voxel ground truth. A seed names a room.

make  writes DIR/recording (a bag or a folder), DIR/ground_truth.npz and DIR/instructions.json
view  writes DIR/plan.png and DIR/path.png (from above) and DIR/frames.png (a contact sheet)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="make|view")
    make = actions.add_parser("make", help="write a recording, its ground truth and its instructions")
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    make.add_argument("--format", default="mcap", choices=("mcap", "sqlite3", "folder"), help="of the recording")
    make.add_argument("--per-class", type=int, default=1, metavar="N", help="phrases of each kind for a class; 0: all")
    make.add_argument(
        "--pose-noise",
        type=non_negative_float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=("M", "RAD"),
        help="error of the recorded poses, root mean square (default: none)",
    )
    view = actions.add_parser("view", help="write pictures of a room")
    view.add_argument("--out", type=Path, metavar="DIR", help="default: out/rooms/SEED")
    for action in (make, view):
        action.add_argument("--seed", type=int, default=10000, help="of the room; validation rooms are 10000-10999")
        action.add_argument("--frames", type=positive_int, default=60, metavar="N", help="length of the tour")


def run(args: argparse.Namespace) -> int:
    """Make or view."""
    if args.seed < 0:
        raise RecordingError(f"a room's seed must be 0 or more, got {args.seed}")
    return _make(args) if args.action == "make" else _view(args)


def _make(args: argparse.Namespace) -> int:
    """Write recording, ground truth and instructions."""
    import numpy as np

    from mllm_for3d_ros.evaluation.mapped_room import VOXEL_SIZE
    from mllm_for3d_ros.rooms.choice import choose_instructions
    from mllm_for3d_ros.rooms.export import save_ground_truth, save_instructions, write_recording
    from mllm_for3d_ros.rooms.recording import RoomsRecording
    from mllm_for3d_ros.rooms.seen_things import SeenThings

    path = args.out / "recording"
    if path.exists():
        raise RecordingError(f"{path} exists already: remove it or choose another folder with --out")
    recording = RoomsRecording(args.seed, args.frames, pose_noise=tuple(args.pose_noise))
    room, truth = recording.room, recording.ground_truth(VOXEL_SIZE)
    write_recording(recording, path, args.format)
    save_ground_truth(truth, args.out / "ground_truth.npz")
    rng = np.random.default_rng([8, args.seed])
    asked = choose_instructions(room, truth, "validation", rng, per_class=args.per_class)
    save_instructions(asked, args.out / "instructions.json")
    held = ", ".join(SeenThings.of(room, truth).classes)
    print(f"a {room.kind} with {held}: {len(recording)} frames in {path}, {len(asked)} instructions beside it")
    return 0


def _view(args: argparse.Namespace) -> int:
    """Write the view from above, the robot's path in it, and a contact sheet of up to twelve frames."""
    import numpy as np
    from PIL import Image

    from mllm_for3d_ros.evaluation.pictures import paste_grid
    from mllm_for3d_ros.rooms.plan_view import plan_view
    from mllm_for3d_ros.rooms.recording import RoomsRecording

    recording = RoomsRecording(args.seed, args.frames)
    room, out = recording.room, args.out or Path(f"out/rooms/{args.seed}")
    out.mkdir(parents=True, exist_ok=True)
    plan_view(room).save(out / "plan.png")
    plan_view(room, poses=recording.poses).save(out / "path.png")
    chosen = np.unique(np.linspace(0, len(recording) - 1, min(12, len(recording))).round().astype(int))
    tiles = [Image.fromarray(recording[int(index)].color) for index in chosen]
    size = f"{room.width:.1f} x {room.depth:.1f} x {room.height:.1f} m"
    kinds = ", ".join(one.kind for one in room.rooms)
    paste_grid(tiles, out / "frames.png", 4, f"Room {args.seed}: {kinds}, {size}: {', '.join(room.classes)}")
    print(f"plan.png, path.png and frames.png are in {out}")
    return 0
