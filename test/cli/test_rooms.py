"""``rooms`` writes recordings that read back, with their truth; ``view`` draws pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.reader import open_recording
from mllm_for3d_ros.rooms.export import load_ground_truth
from mllm_for3d_ros.rooms.recording import RoomsRecording


@pytest.mark.parametrize("form", ["mcap", "folder"])
def test_a_recording_reads_back_with_its_truth(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "room"
    command = ["rooms", "make", "--seed", "9", "--frames", "4", "--format", form, "--out", str(out)]
    assert cli.main(command) == 0
    assert "4 frames" in capsys.readouterr().out
    original = RoomsRecording(9, 4)
    frames = list(open_recording(out / "recording"))
    assert len(frames) == 4
    for frame, other in zip(frames, original, strict=True):
        assert np.array_equal(frame.color, other.color)
        assert np.allclose(frame.depth, other.depth, atol=1e-6)
        assert np.allclose(frame.camera_to_world, other.camera_to_world, atol=1e-5)
    steps = np.diff([frame.stamp_ns for frame in frames])
    assert np.allclose(steps, 200_000_000)
    truth = load_ground_truth(out / "ground_truth.npz")
    assert np.array_equal(truth.keys, original.ground_truth(0.025).keys)
    instructions = json.loads((out / "instructions.json").read_text())
    assert {row["expected"] for row in instructions} == {"OK", "NO_TARGET"}
    known = set(load_ground_truth(out / "ground_truth.npz").instance_id.tolist())
    for row in instructions:
        assert bool(row["instances"]) == (row["expected"] == "OK") and set(row["instances"]) <= known
    assert cli.main(command) == 2 and "exists already" in capsys.readouterr().err


def test_pictures_of_a_room(tmp_path: Path) -> None:
    assert cli.main(["rooms", "view", "--seed", "9", "--frames", "2", "--out", str(tmp_path)]) == 0
    assert Image.open(tmp_path / "frames.png").size == (2 * 328 + 8, 44 + 248)
    plan, path = (np.asarray(Image.open(tmp_path / name)) for name in ("plan.png", "path.png"))
    assert plan.shape == path.shape and 0 < (plan != path).any(-1).mean() < 0.1


def test_bad_seed_and_bad_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rooms", "view", "--seed", "-1"]) == 2
    assert "0 or more" in capsys.readouterr().err
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"no archive")
    with pytest.raises(RecordingError, match="no ground truth"):
        load_ground_truth(broken)
