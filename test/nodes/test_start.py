"""What ends a node at its start: one line and exit status 1."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from student_support import ColorStudent

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.nodes import mapping_node, reasoning_node
from mllm_for3d_ros.nodes import start as start_module
from mllm_for3d_ros.nodes.model import ModelChoice


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "96")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_node_imports_ends_it_quietly(number: int) -> None:
    interrupted = f"lambda name: (os.kill(os.getpid(), {int(number)}), time.sleep(60))"
    code = (
        "import importlib, os, time; from mllm_for3d_ros.nodes.start import start;"
        f"importlib.import_module = {interrupted}; start('mapping_node')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_node_is_started_by_its_name_and_its_status_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(mapping_node, "main", lambda: 7)
    monkeypatch.setattr(start_module, "end", statuses.append)
    start_module.start("mapping_node")
    assert statuses == [7]


@pytest.mark.parametrize(
    "left",
    [
        "pass",
        "from concurrent.futures import ThreadPoolExecutor; ThreadPoolExecutor().submit(time.sleep, 600)",
        "import torch; one = torch.ones(500, 500); threading.Thread(target=work, args=[one], daemon=True).start()",
    ],
)
def test_threads_that_are_still_at_work_neither_hold_up_the_end_nor_abort_it(left: str) -> None:
    code = (
        "import threading, time\nfrom mllm_for3d_ros.nodes.start import end\n"
        f"def work(one):\n    while True: one @ one\n{left}; time.sleep(0.2); print('said'); end(3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"said\n", b"")


def start(main: Callable[..., int], *parameters: str) -> int:
    return main(["node", "--ros-args", *(word for p in parameters for word in ("-p", p))])


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("voxel_size:=tiny", "voxel_size is 'tiny': give a number with a point from 0.005 to 1"),
        ("voxel_size:=-1.0", "voxel_size is -1.0: give a number"),
        ("queue_size:=0", "queue_size is 0: give a whole number from 1 to 1000"),
        ("image_reliability:=maybe", "image_reliability is 'maybe': give one of best_effort, reliable"),
    ],
)
def test_parameters_that_make_no_sense(parameter: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert start(mapping_node.main, parameter) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if "FATAL" in line]
    assert len(lines) == 1 and said in lines[0]


def test_the_model_is_chosen_by_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/robot")
    chosen: list[ModelChoice] = []

    def refuse(choice: ModelChoice, say: Callable[[str], object]) -> None:
        chosen.append(choice)
        from mllm_for3d_ros.errors import CheckpointError

        raise CheckpointError("enough")

    own = "model:=a/b.safetensors", "device:=cpu", "threads:=2"
    for parameters in (["model:=student"], own, ["model:=~/b.safetensors"]):
        arguments = ["node", "--ros-args", *(word for p in parameters for word in ("-p", p))]
        assert reasoning_node.main(arguments, refuse) == 1  # type: ignore[arg-type]
    assert chosen == [
        ModelChoice(None, "auto", 1),
        ModelChoice(Path("a/b.safetensors"), "cpu", 2),
        ModelChoice(Path("/homes/robot/b.safetensors"), "auto", 1),
    ]


def test_unknown_and_corrupt_checkpoints(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corrupt.safetensors").write_bytes(b"not weights")
    (tmp_path / "corrupt.json").write_text('{"kind": "student", "format": 1, "sha256": "0", "thresholds": {}}')
    for name in ("missing.safetensors", "corrupt.safetensors"):
        assert start(reasoning_node.main, f"model:={tmp_path / name}") == 1
        lines = [line for line in capfd.readouterr().err.splitlines() if "FATAL" in line]
        assert len(lines) == 1 and name.partition(".")[0] in lines[0]


def test_an_extra_that_is_not_installed(capfd: pytest.CaptureFixture[str]) -> None:
    def load(choice: ModelChoice, say: Callable[[str], object]) -> Answerer:
        raise ModuleNotFoundError("No module named 'torch'")

    assert reasoning_node.main(["node"], load) == 1
    said = capfd.readouterr().err
    lines = [line for line in said.splitlines() if "FATAL" in line]
    assert len(lines) == 1 and "ModuleNotFoundError: No module named 'torch'" in lines[0]
    assert "Traceback" not in said


def test_an_unknown_teacher(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["node", "--ros-args", "-p", "teacher:=aristotle"]
    assert reasoning_node.main(arguments, lambda choice, say: Answerer(ColorStudent())) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if "FATAL" in line]
    assert len(lines) == 1 and "aristotle" in lines[0] and "compact" in lines[0]
