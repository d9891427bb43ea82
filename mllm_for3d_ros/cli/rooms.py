"""``mllm-for3d rooms``: make recordings of synthetic rooms, or look at a room."""

from __future__ import annotations

import argparse
from pathlib import Path

from mllm_for3d_ros.cli.arguments import positive_int
from mllm_for3d_ros.errors import RecordingError

HELP = """Synthetic furnished rooms with voxel ground truth. A seed names a room.

make  writes DIR/recording (a bag or a folder), DIR/ground_truth.npz and DIR/instructions.json
view  writes a contact sheet of the frames"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="make|view")
    make = actions.add_parser("make", help="write a recording, its ground truth and its instructions")
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    make.add_argument("--format", default="mcap", choices=("mcap", "sqlite3", "folder"), help="of the recording")
    make.add_argument("--per-class", type=int, default=1, metavar="N", help="phrases of each kind for a class; 0: all")
    view = actions.add_parser("view", help="write a contact sheet of a room")
    view.add_argument("--out", type=Path, metavar="PNG", help="default: out/rooms/SEED.png")
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

    from mllm_for3d_ros.evaluation.rooms_benchmark import VOXEL_SIZE, choose_instructions, map_room
    from mllm_for3d_ros.rooms.export import save_ground_truth, save_instructions, write_recording
    from mllm_for3d_ros.rooms.instructions import bank

    path = args.out / "recording"
    if path.exists():
        raise RecordingError(f"{path} exists already: remove it or choose another folder with --out")
    room = map_room(args.seed, args.frames)
    write_recording(room.recording, path, args.format)
    save_ground_truth(room.recording.ground_truth(VOXEL_SIZE), args.out / "ground_truth.npz")
    rng = np.random.default_rng([8, args.seed])
    asked = choose_instructions(bank("validation"), room, rng, per_class=args.per_class)
    save_instructions(asked, args.out / "instructions.json")
    kind, held = room.recording.room.kind, ", ".join(room.seen)
    print(f"a {kind} with {held}: {len(room.recording)} frames in {path}, {len(asked)} instructions beside it")
    return 0


def _view(args: argparse.Namespace) -> int:
    """Write a contact sheet of up to twelve frames."""
    import numpy as np
    from PIL import Image

    from mllm_for3d_ros.evaluation.pictures import paste_grid
    from mllm_for3d_ros.rooms.recording import RoomsRecording

    recording = RoomsRecording(args.seed, args.frames)
    chosen = np.unique(np.linspace(0, len(recording) - 1, min(12, len(recording))).round().astype(int))
    tiles = [Image.fromarray(recording[int(index)].color) for index in chosen]
    room = recording.room
    out = args.out or Path(f"out/rooms/{args.seed}.png")
    size = f"{room.width:.1f} x {room.depth:.1f} x {room.height:.1f} m"
    paste_grid(tiles, out, 4, f"Room {args.seed}: {room.kind}, {size}: {', '.join(room.classes)}")
    print(out)
    return 0
