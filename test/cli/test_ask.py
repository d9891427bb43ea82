"""``ask`` maps a recording, answers, and writes pictures, masks and a report."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rgbd_support import make_pose
from student_support import PALETTE, ColorStudent

from mllm_for3d_ros.answering import loading
from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.cli.ask import slug
from mllm_for3d_ros.recording.bag_writer import write_bag
from mllm_for3d_ros.types import Frame, Intrinsics


def wall_with_a_red_patch(stamp: int, depth_m: float = 2.0) -> Frame:
    """A camera that looks along x at a grey wall with a red square of 0.5 m in its middle."""
    camera = Intrinsics(96, 72, 90.0, 90.0, 47.5, 35.5)
    color = np.full((72, 96, 3), 120, np.uint8)
    color[25:47, 37:59] = PALETTE["red"]
    pose = make_pose((0, 0, 0), (0, 0, 1.0))
    pose[:3, :3] = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    pose[1, 3] = stamp * 1e-9
    return Frame(stamp, color, np.full((72, 96), depth_m, np.float32), camera, pose)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Puts the stand-in student in place of the shipped one; returns what was asked of the loader."""
    calls: list[tuple] = []

    def load(checkpoint: Path | None, device: str) -> tuple[Answerer, str]:
        calls.append((checkpoint, device))
        return Answerer(ColorStudent()), "computing on the CPU: no CUDA device was found"

    monkeypatch.setattr(loading, "load_answerer", load)
    return calls


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ask") / "bag"
    write_bag([wall_with_a_red_patch(1 + n * 10_000_000) for n in range(4)], path)
    return path


def test_a_bag_is_mapped_and_asked(
    bag: Path, stand_in: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["ask", str(bag), "the red square", "a blue one", "--out", str(out), "--device", "cpu"]) == 0
    assert stand_in == [(None, "cpu")]
    printed = capsys.readouterr()
    assert "no CUDA device" in printed.err and "NO_TARGET" in printed.out and "1 object fits" in printed.out
    report = json.loads((out / "answer.json").read_text())
    red, blue = report["answers"]
    assert (red["status"], blue["status"]) == ("OK", "NO_TARGET") and report["model"] == "stand-in:0000"
    (square,) = red["instances"]
    assert np.allclose(square["center"], [2.0, 0.0, 1.0], atol=0.06)
    assert sorted(square["size"])[1:] == pytest.approx([0.5, 0.5], abs=0.1)
    assert Image.open(out / red["picture"]).size == Image.open(out / "overview.png").size == (1280, 960)
    with np.load(out / red["mask"]) as stored:
        assert stored["mask"].sum() == red["voxels"] and len(stored["points"]) == report["map_voxels"]
    header = (out / red["points"]).read_bytes().split(b"end_header\n")
    assert f"element vertex {red['voxels']}".encode() in header[0] and len(header[1]) == red["voxels"] * 19


def test_stride_and_number_of_frames(bag: Path, stand_in: list, tmp_path: Path) -> None:
    sizes = []
    for options in ([], ["--max-frames", "1"], ["--stride", "4"]):
        assert cli.main(["ask", str(bag), "red", "--out", str(tmp_path), *options]) == 0
        sizes.append(json.loads((tmp_path / "answer.json").read_text())["map_voxels"])
    assert sizes[1] == sizes[2] <= sizes[0]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["missing", "red"], "missing does not exist"),
        (["BAG", " "], "instruction is empty"),
        (["BAG", "x" * 10_000], "10000 characters"),
        (["BAG", "red", "--max-depth", "1"], "empty map"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], cause: str, bag: Path, stand_in: list, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [str(bag) if a == "BAG" else a for a in arguments]
    assert cli.main(["ask", *filled, "--out", str(tmp_path / "none")]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note:")]
    assert len(errors) == 1 and cause in errors[0]


@pytest.mark.parametrize("option", ["--stride=0", "--voxel-size=-1", "--max-frames=x"])
def test_impossible_options(option: str, bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["ask", str(bag), "red", option])
    assert option.split("=")[0] in capsys.readouterr().err


def test_instructions_make_file_names() -> None:
    assert slug("Where can I sit?!") == "where-can-i-sit"
    assert slug("椅子") == "instruction" and len(slug("a" * 500)) == 40
