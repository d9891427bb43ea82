"""``mllm-for3d demo``: the whole path on a synthetic room, over ROS topics, in separate processes."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import positive_float, positive_int, table
from mllm_for3d_ros.errors import MLLMFor3DError, RecordingError

if TYPE_CHECKING:
    from mllm_for3d_ros.evaluation.demo_room import DemoRoom
    from mllm_for3d_ros.nodes.demo_client import DemoClient, Reply
    from mllm_for3d_ros.nodes.processes import NodeGroup
    from mllm_for3d_ros.rooms.instructions import RoomInstruction
    from mllm_for3d_ros.types import SceneCloud

HELP = """Record a synthetic room as a bag, play it into mapping_node and reasoning_node, and ask for things in it.

DIR gets result.json, overview.png, a picture and a mask (.ply) for each instruction, map.ply, and logs/."""
VOXEL_SIZE = 0.025
START_S, MAP_S, ANSWER_S = 300.0, 180.0, 30.0
TOPICS = ("/tf", "/tf_static", "/camera/color/camera_info", "/camera/color/image_raw", "/camera/depth/image_raw")
REMAPPINGS = (
    "rgb/image_raw:=/camera/color/image_raw",
    "depth/image_raw:=/camera/depth/image_raw",
    "camera_info:=/camera/color/camera_info",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``demo``."""
    parser.add_argument("--seed", type=int, default=10000, help="of the room; validation rooms are 10000-10999")
    parser.add_argument("--out", type=Path, default=Path("out/demo"), metavar="DIR", help="default: out/demo")
    parser.add_argument("--frames", type=positive_int, default=60, metavar="N", help="length of the tour (default 60)")
    parser.add_argument("--rate", type=positive_float, default=2.0, metavar="R", help="of the playback (default 2)")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "cpu"), help="where the model runs")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="student to use in place of the shipped one")


@dataclass(frozen=True)
class Answered:
    """A question, its reply, and the IoU with the truth (None where there is no target)."""

    question: RoomInstruction
    reply: Reply
    status: str
    iou: float | None


@dataclass(frozen=True)
class Run:
    """What the nodes did: the answers, the map, and the number of frames in it."""

    answers: list[Answered]
    cloud: SceneCloud
    frames: int


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns 0 if every instruction got an answer."""
    started = time.monotonic()
    if not 0 <= args.seed < 20000:
        raise RecordingError(f"seed {args.seed} is not for use here: take one from 10000 to 10999 (validation rooms)")
    try:
        import rclpy  # noqa: F401  # a clear line if it is missing, before anything is made
    except ImportError as error:
        raise MLLMFor3DError(f"rclpy is not installed ({error}): run `make setup`") from error
    from mllm_for3d_ros.evaluation.demo_room import choose_questions
    from mllm_for3d_ros.rooms.room import make_room

    room = _room(args)
    questions = choose_questions(make_room(room.seed), room.truth)
    done = _run_nodes(args, room, questions)
    _show(done)
    seconds = time.monotonic() - started
    files = _write(args.out, done)
    result = _result(done, files, setup_seconds(), time.monotonic() - started)
    (args.out / "result.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"mean IoU {result['mean_iou']:.3f} over present instructions; {seconds:.0f} s, {done.frames} frames")
    print(f"result.json, pictures and masks are in {args.out}; overview: {args.out / 'overview.png'}")
    return 0


def _room(args: argparse.Namespace) -> DemoRoom:
    from tqdm import tqdm

    from mllm_for3d_ros.evaluation.demo_room import prepare_room

    with tqdm(total=args.frames, desc="recording the room", unit="frame", disable=None, leave=False) as bar:
        return prepare_room(args.out / "cache", args.seed, args.frames, VOXEL_SIZE, lambda n: bar.update(n - bar.n))


def _run_nodes(args: argparse.Namespace, room: DemoRoom, questions: Sequence[RoomInstruction]) -> Run:
    """Start everything, play the bag, ask, and end everything."""
    from mllm_for3d_ros.nodes.processes import NodeGroup, free_domain, ros_environment

    environment = ros_environment(free_domain())
    os.environ.update(environment)
    from mllm_for3d_ros.nodes.demo_client import DemoClient

    with NodeGroup(args.out / "logs", environment) as group:
        _start_nodes(args, group)
        with DemoClient(group.check) as client:
            _say("starting mapping_node and reasoning_node")
            client.wait_until_listening(START_S)
            frames = _play(args, group, client, room)
            version = client.figure("mapping_node", "newest_stamp")
            voxels = client.figure("mapping_node", "voxels")
            _say(f"map of {voxels:,} voxels encoded; asking {len(questions)} instructions")
            answers = [_ask(client, room, question, version) for question in questions]
            return Run(answers, client.fetch_map(VOXEL_SIZE), frames)


def _start_nodes(args: argparse.Namespace, group: NodeGroup) -> None:
    remap = [word for rule in REMAPPINGS for word in ("-r", rule)]
    lossless = ["-p", "image_reliability:=reliable", "-p", "image_depth:=100", "-p", "queue_size:=100"]
    size = ["-p", f"voxel_size:={VOXEL_SIZE}"]
    group.start("mapping_node", "-m", "mllm_for3d_ros.nodes.mapping_node", "--ros-args", *remap, *lossless, *size)
    model = ["-p", f"model:={args.checkpoint}"] if args.checkpoint else []
    group.start(
        "reasoning_node", "-m", "mllm_for3d_ros.nodes.reasoning_node", "--ros-args",
        "-r", "map/points:=/mapping_node/map/points", "-p", f"device:={args.device}", *model, *size,
    )  # fmt: skip


def _play(args: argparse.Namespace, group: NodeGroup, client: DemoClient, room: DemoRoom) -> int:
    """Play the bag and wait until all of it is in the map and the map is encoded; returns the frames fused."""
    _say(f"playing {room.frames} frames at {args.rate:g} times real time")
    player = group.start(
        "play", "-m", "mllm_for3d_ros.cli.main", "play", str(room.bag), "--rate", str(args.rate),
        "--wait-for-subscribers", "60", "--quiet", "--topics", *TOPICS,
    )  # fmt: skip
    client.wait(lambda: player.status is not None, 60 + 10 * room.frames / args.rate, "playing the bag")
    names = ("fused", "dropped", "no_camera", "no_pose", "bad_image", "no_depth", "jump", "failed")
    client.wait(
        lambda: sum(client.figure("mapping_node", name) for name in names) >= room.frames, MAP_S, "fusing all frames"
    )
    client.wait(
        lambda: client.figure("reasoning_node", "map_version") >= client.figure("mapping_node", "newest_stamp") > 0,
        MAP_S,
        "encoding the map",
    )
    return client.figure("mapping_node", "fused")


def _ask(client: DemoClient, room: DemoRoom, question: RoomInstruction, version: int) -> Answered:
    from mllm_for3d_ros.evaluation.demo_room import score_points
    from mllm_for3d_ros.types import Status

    reply = client.ask(question.text, ANSWER_S, version)
    iou = None
    if question.status is Status.OK:
        found = reply.message.status == Status.OK
        iou = score_points(reply.points, room.truth, question.instances).iou if found else 0.0
    return Answered(question, reply, Status(reply.message.status).name, iou)


def _show(done: Run) -> None:
    rows = [
        [
            a.question.text,
            a.question.status.name,
            a.status,
            "-" if a.iou is None else f"{a.iou:.2f}",
            f"{a.reply.latency_ms:.0f}",
            f"{len(a.reply.points):,}",
        ]
        for a in done.answers
    ]
    print(table(["instruction", "expected", "status", "IoU", "latency ms", "points"], rows, left=3))


def _write(out: Path, done: Run) -> list[Path]:
    """Write map, masks and pictures; returns the paths of the masks."""
    import numpy as np

    from mllm_for3d_ros.cli.ask import slug
    from mllm_for3d_ros.evaluation.pictures import render_grid, render_map
    from mllm_for3d_ros.scene.ply import write_ply

    cloud, pictures, masks = done.cloud, [], []
    for stale in [*out.glob("[0-9][0-9]_*.png"), *out.glob("[0-9][0-9]_*.ply")]:
        stale.unlink()
    write_ply(out / "map.ply", cloud.points, cloud.colors)
    render_map(cloud, out / "map.png", title="The fused map", note=f"{done.frames} frames, {len(cloud):,} voxels")
    for number, answer in enumerate(done.answers, start=1):
        stem, reply = f"{number:02d}_{slug(answer.question.text)}", answer.reply
        rows = rows_of(cloud, reply.points)
        masks.append(out / f"{stem}.ply")
        write_ply(masks[-1], reply.points, cloud.colors[rows], score=reply.scores)
        mask = np.zeros(len(cloud), bool)
        mask[rows] = True
        verdict = "nothing to find" if answer.iou is None else f"IoU {answer.iou:.2f}"
        pictures.append(out / f"{stem}.png")
        render_map(cloud, pictures[-1], mask, answer.question.text, note=f"{answer.status}, {verdict}")
    render_grid([out / "map.png", *pictures], out / "overview.png", title="The map, and the mask of each instruction")
    return masks


def rows_of(cloud: SceneCloud, points: Any) -> Any:
    """[M] rows of the cloud whose voxels hold the points [M, 3].

    Raises:
        MLLMFor3DError: a point lies in no voxel of the cloud (the answer is not on this map).
    """
    import numpy as np

    from mllm_for3d_ros.scene.voxel_map import voxel_keys

    row_of = {tuple(key): row for row, key in enumerate(voxel_keys(cloud.points, cloud.voxel_size).tolist())}
    try:
        rows = [row_of[tuple(key)] for key in voxel_keys(points, cloud.voxel_size).tolist()]
    except KeyError as error:
        raise MLLMFor3DError("an answer lies outside of the map: was another bag played meanwhile?") from error
    return np.array(rows, dtype=np.int64)


def _result(done: Run, masks: Sequence[Path], setup_s: float, run_s: float) -> dict[str, Any]:
    """What result.json holds; the iou of an absent target is null and not part of the mean."""
    ious = [a.iou for a in done.answers if a.iou is not None]
    return {
        "instructions": [
            {
                "text": a.question.text,
                "expected": a.question.status.name,
                "status": a.status,
                "iou": None if a.iou is None else round(a.iou, 4),
                "latency_ms": round(a.reply.latency_ms, 1),
                "points": len(a.reply.points),
                "mask": str(mask),
            }
            for a, mask in zip(done.answers, masks, strict=True)
        ],
        "map_voxels": len(done.cloud),
        "frames": done.frames,
        "mean_iou": round(sum(ious) / len(ious), 4) if ious else 0.0,
        "setup_s": setup_s,
        "run_s": round(run_s, 1),
    }


def setup_seconds() -> float:
    """Seconds that `make setup` took before this run; 0 if it had nothing to do, or is not known."""
    given = os.environ.get("MLLM_FOR3D_SETUP_SECONDS")
    stored = Path(sys.prefix) / ".setup_seconds"
    text = given if given is not None else stored.read_text() if stored.is_file() else "0"
    try:
        return float(text)
    except ValueError:
        return 0.0


def _say(line: str) -> None:
    print(f"demo: {line}", file=sys.stderr, flush=True)
