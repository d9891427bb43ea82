"""The action label_bag over DDS, with a stand-in teacher: labels, feedback, cancel, resume, refusals."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from color_teacher import ColorTeacher
from label_support import wall_bag
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from ros_support import SUPPORT

from mllm_for3d_ros.action import LabelBag
from mllm_for3d_ros.nodes.demo_client import DemoClient
from mllm_for3d_ros.nodes.labeling_node import THREADS, LabelingNode, main
from mllm_for3d_ros.nodes.processes import NodeGroup, free_domain, ros_environment
from mllm_for3d_ros.teachers.cache import CachedTeacher

Result = LabelBag.Result
PATIENCE_S = 120.0


class Gate:
    """Holds the teacher back until it is opened, so that a goal can be cancelled in its midst."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()


class Bench:
    """The node, spinning in threads, and a client of its action."""

    def __init__(self, root: Path, gate: Gate) -> None:
        self.context = Context()
        rclpy.init(args=[], context=self.context, signal_handler_options=SignalHandlerOptions.NO)
        arguments = ["--ros-args", "-p", f"data_root:={root}", "-p", f"cache:={root / 'cache'}"]
        arguments += ["-p", "feedback_hz:=50.0"]
        self.node = LabelingNode(
            lambda name, options, cache, answered: CachedTeacher(
                ColorTeacher().fingerprint, ColorTeacher, cache, lambda views: self._pass(gate, answered, views)
            ),
            context=self.context,
            cli_args=arguments,
        )
        self.node.start()
        self.client_node = rclpy.create_node("client", context=self.context)
        self.client = ActionClient(self.client_node, LabelBag, "/labeling_node/label_bag")
        self.feedback: list[LabelBag.Feedback] = []
        self._executors = [
            MultiThreadedExecutor(THREADS, context=self.context),
            SingleThreadedExecutor(context=self.context),
        ]
        for executor, node in zip(self._executors, (self.node, self.client_node), strict=True):
            executor.add_node(node)
            threading.Thread(target=executor.spin, daemon=True).start()

    @staticmethod
    def _pass(gate: Gate, answered: Any, views: int) -> None:
        gate.reached.set()
        gate.open.wait(PATIENCE_S)
        answered(views)

    def send(self, **fields: Any) -> Any:
        """Send a goal; returns its handle once accepted."""
        assert self.client.wait_for_server(PATIENCE_S)
        goal = LabelBag.Goal(**({"bags": ["wall"], "instructions": ["the red thing"], "output_name": "out"} | fields))
        return done(self.client.send_goal_async(goal, lambda message: self.feedback.append(message.feedback)))

    def result(self, handle: Any) -> Result:
        return done(handle.get_result_async()).result

    def close(self) -> None:
        self.node.close()
        for executor in self._executors:
            executor.shutdown()
        self.node.destroy_node()
        self.client_node.destroy_node()
        rclpy.try_shutdown(context=self.context)


def done(future: Any) -> Any:
    """What comes of a future that other threads work on."""
    finished = threading.Event()
    future.add_done_callback(lambda _: finished.set())
    assert finished.wait(PATIENCE_S), "it took too long"
    return future.result()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def bench(tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, value in ros_environment(free_domain()).items():
        monkeypatch.setenv(name, value)
    wall_bag(tmp_path / "wall")
    made = Bench(tmp_path, gate)
    yield made
    gate.open.set()
    made.close()


def test_a_bag_is_labelled_once_and_then_resumed(bench: Bench, tmp_path: Path) -> None:
    first = bench.result(bench.send())
    assert first.status == Result.STATUS_DONE, first.message
    assert (first.bags_done, first.labels_written) == (1, 1) and first.teacher_calls > 0
    assert Path(first.store) == tmp_path / "labels" / "out" and Path(first.report).is_file()
    assert {message.stage for message in bench.feedback} >= {LabelBag.Feedback.STAGE_MAPPING}
    assert max(message.progress for message in bench.feedback) > 0.5
    again = bench.result(bench.send())
    assert again.status == Result.STATUS_REJECTED and "set resume or overwrite" in again.message
    more = bench.result(bench.send(instructions=["the red thing", "red again"], resume=True))
    assert (more.status, more.labels_written) == (Result.STATUS_DONE, 1), more.message


def test_a_goal_can_be_cancelled_and_gone_on_with(bench: Bench, gate: Gate) -> None:
    gate.open.clear()
    handle = bench.send()
    assert gate.reached.wait(PATIENCE_S)
    busy = bench.result(bench.send(output_name="other"))
    assert busy.status == Result.STATUS_REJECTED and "another goal" in busy.message
    cancelling = handle.cancel_goal_async()
    done(cancelling)
    gate.open.set()
    result = bench.result(handle)
    assert result.status == Result.STATUS_CANCELLED and "set resume to go on" in result.message
    assert bench.result(bench.send(resume=True)).status == Result.STATUS_DONE


def test_a_dry_run_does_nothing(bench: Bench, tmp_path: Path) -> None:
    result = bench.result(bench.send(dry_run=True))
    assert result.status == Result.STATUS_DONE and "would read 6 frames of 1 recordings" in result.message
    assert not (tmp_path / "labels" / "out" / "wall").exists()


def test_what_fails_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "broken.mcap").write_bytes(b"no bag")
    result = bench.result(bench.send(bags=["wall", "broken.mcap"]))
    assert result.status == Result.STATUS_PARTIAL and list(result.failed_bags) == [str(tmp_path / "broken.mcap")]
    (reason,) = result.failure_reasons
    assert reason and "\n" not in reason
    for fields, said in (({"bags": ["../wall"]}, "data_root"), ({"bags": ["no_*"]}, "matches no file")):
        refused = bench.result(bench.send(**fields, output_name="x"))
        assert refused.status == Result.STATUS_REJECTED and said in refused.message


def test_deactivation_ends_the_run(bench: Bench, gate: Gate) -> None:
    gate.open.clear()
    result = bench.send().get_result_async()
    assert gate.reached.wait(PATIENCE_S)
    threading.Timer(0.2, gate.open.set).start()
    bench.node.trigger_deactivate()
    assert bench.node.state == "inactive"
    assert bench.node.figures()["cancelled"] == 1
    assert done(result).result.status == Result.STATUS_CANCELLED
    refused = bench.result(bench.send())
    assert refused.status == Result.STATUS_REJECTED and "not active" in refused.message
    assert bench.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert bench.result(bench.send(resume=True)).status == Result.STATUS_DONE


def test_whoever_waits_for_the_end_of_a_run_finds_its_outcome_set(bench: Bench) -> None:
    class Goal:
        """One that is refused."""

        request = LabelBag.Goal()

        def abort(self) -> None:
            ended.append(bench.node._place.close(0.0))

    ended: list[bool] = []
    bench.node._execute(Goal())  # type: ignore[arg-type]
    assert ended == [False]


@pytest.mark.parametrize(("parameter", "said"), [("data_root:=/no/such", "data_root"), ("teachers:=' , '", "teachers")])
def test_parameters_that_make_no_sense(
    tmp_path: Path, parameter: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["-p", f"data_root:={tmp_path}", "-p", parameter]
    assert main(["node", "--ros-args", *given]) == 1
    assert said in capfd.readouterr().err


def test_folders_below_the_home_folder(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "bags").mkdir()
    given = ["--ros-args", "-p", "data_root:=~/bags", "-r", "__node:=other"]
    node = LabelingNode(context=bench.context, cli_args=given)
    node.start()
    assert node._limits.data_root == tmp_path / "bags"
    node.close()
    node.destroy_node()


def test_a_run_that_hangs_in_the_teacher_does_not_hold_up_the_end_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = ros_environment(free_domain())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wall_bag(tmp_path / "wall")
    with NodeGroup(tmp_path / "logs", environment) as group, DemoClient(group.check) as client:
        given = ["--ros-args", "-p", f"data_root:={tmp_path}", "-p", f"cache:={tmp_path / 'cache'}"]
        node = group.start("labeling_node", str(SUPPORT / "hanging_labeling_node.py"), *given)
        action = ActionClient(client.node, LabelBag, "/labeling_node/label_bag")
        client.wait(action.server_is_ready, PATIENCE_S, "the action")
        action.send_goal_async(LabelBag.Goal(bags=["wall"], instructions=["the red thing"], output_name="out"))
        client.wait(lambda: "the teacher hangs" in node.log.read_text(), PATIENCE_S, "the teacher")
        node.interrupt()
        node.interrupt()
        assert node.stop() == 0, node.last_lines()
        said = node.log.read_text()
        assert "has not stopped within" in said and "Traceback" not in said


def test_interrupted_twice_the_process_ends_well(tmp_path: Path) -> None:
    arguments = ["-m", "mllm_for3d_ros.nodes.labeling_node", "--ros-args", "-p", f"data_root:={tmp_path}"]
    with NodeGroup(tmp_path / "logs", ros_environment(free_domain())) as group:
        node = group.start("labeling_node", *arguments)
        deadline = time.monotonic() + PATIENCE_S
        while "ready: recordings below" not in node.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        node.interrupt()
        node.interrupt()
        assert node.stop() == 0
        assert "ready" in node.log.read_text() and "Traceback" not in node.log.read_text()
