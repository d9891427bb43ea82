"""Map services of a mapping node in this process: who is held up while they work, and what fails."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from ros_support import colored_frames
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from mllm_for3d_ros.nodes import map_services
from mllm_for3d_ros.nodes.map_services import MapServices
from mllm_for3d_ros.nodes.mapping_node import MappingNode
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.processes import free_domain, ros_environment
from mllm_for3d_ros.scene.map_file import MapFolder, SavedMap
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.srv import SaveMap

PATIENCE_S = 60.0


class SlowFolder:
    """In place of ``MapFolder.save``: waits until it may go on, and then fails if it is told to."""

    def __init__(self) -> None:
        self.begun, self.may = threading.Event(), threading.Event()
        self.trouble: Exception | None = None

    def save(self, folder: MapFolder, name: str, voxels: VoxelMap, overwrite: bool) -> SavedMap:
        self.begun.set()
        assert self.may.wait(PATIENCE_S)
        if self.trouble is not None:
            raise self.trouble
        return SavedMap(len(voxels), voxels.epoch, voxels.newest_stamp)


class Bench:
    """An active mapping node that spins in a thread as it does in its process, and a client in another."""

    def __init__(self, folder: Path, slow: SlowFolder) -> None:
        self.context = Context()
        rclpy.init(args=[], context=self.context)
        given = [Parameter("map_folder", value=str(folder)), Parameter("image_reliability", value="reliable")]
        self.node = MappingNode(context=self.context, parameter_overrides=given)
        self.node.start()
        self.node._map.integrate(colored_frames(1)[0])
        self.other = rclpy.create_node("other", context=self.context)
        self.camera = self.other.create_publisher(CameraInfo, "camera_info", qos("reliable", "volatile", 10))
        self.slow = slow
        self._clients: dict[str, Any] = {}
        self._executors = [SingleThreadedExecutor(context=self.context) for _ in range(2)]
        self._threads = [threading.Thread(target=executor.spin) for executor in self._executors]
        for executor, node, thread in zip(self._executors, (self.node, self.other), self._threads, strict=True):
            executor.add_node(node)
            thread.start()

    def call(self, kind: Any, service: str, **fields: Any) -> Callable[[], Any]:
        """Send a request after those before; what it returns waits for the response."""
        client = self._clients.get(service) or self.other.create_client(kind, f"/mapping_node/map/{service}")
        self._clients[service] = client
        assert client.wait_for_service(PATIENCE_S)
        done = threading.Event()
        future = client.call_async(kind.Request(**fields))
        future.add_done_callback(lambda _: done.set())

        def result() -> Any:
            assert done.wait(PATIENCE_S), "no response"
            return future.result()

        return result

    def images_come(self) -> bool:
        """Whether the node still hears what comes: here camera_info, one of the images' topics."""
        heard = next(entry for entry in self.node._watchdog.inputs if entry.name == "camera_info")
        before, deadline = heard.count, time.monotonic() + PATIENCE_S
        while heard.count == before and time.monotonic() < deadline:
            self.camera.publish(CameraInfo())
            time.sleep(0.05)
        return heard.count > before

    def close(self) -> None:
        self.slow.may.set()
        for executor, thread in zip(self._executors, self._threads, strict=True):
            executor.shutdown()
            thread.join(PATIENCE_S)
        self.node.close()
        self.node.destroy_node()
        self.other.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowFolder:
    made = SlowFolder()
    monkeypatch.setattr(MapFolder, "save", lambda *arguments: made.save(*arguments))
    return made


@pytest.fixture
def bench(tmp_path: Path, slow: SlowFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, value in ros_environment(free_domain()).items():
        monkeypatch.setenv(name, value)
    made = Bench(tmp_path, slow)
    yield made
    made.close()


def test_images_come_while_a_map_is_saved_and_calls_are_answered_in_turn(bench: Bench) -> None:
    saved = bench.call(SaveMap, "save", name="hall")
    assert bench.slow.begun.wait(PATIENCE_S)
    reset = bench.call(Trigger, "reset")
    assert bench.images_come() and len(bench.node._map)
    bench.slow.may.set()
    assert saved().success and saved().voxels > 1000 and "saved" in saved().message
    assert reset().success and f"forgot {saved().voxels} voxels" in reset().message and not len(bench.node._map)


def test_more_calls_than_may_wait_are_refused_at_once(bench: Bench) -> None:
    first = bench.call(SaveMap, "save", name="hall")
    assert bench.slow.begun.wait(PATIENCE_S)
    calls = [bench.call(SaveMap, "save", name="hall") for _ in range(map_services._MOST_CALLS)]
    refused = calls[-1]()
    assert not refused.success and "ask again" in refused.message
    bench.slow.may.set()
    assert all(call().success for call in (first, *calls[:-1]))


def test_a_failure_that_nobody_expected_is_answered_too(bench: Bench) -> None:
    bench.slow.trouble = MemoryError("no room")
    bench.slow.may.set()
    response = bench.call(SaveMap, "save", name="hall")()
    assert not response.success and response.message == "MemoryError: no room"
    assert bench.call(Trigger, "reset")().success


class Unspun:
    """In place of a node that has ended."""

    executor = None

    def create_service(self, *arguments: object, **more: object) -> None:
        pass

    def get_logger(self) -> logging.Logger:
        return logging.getLogger("unspun")


def test_calls_that_wait_at_the_end_are_refused(
    slow: SlowFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_services, "_FINISH_S", 0.0)
    services = MapServices(Unspun(), VoxelMap(), MapFolder(tmp_path), nullcontext)  # type: ignore[arg-type]
    saving = services._save(SaveMap.Request(name="hall"), SaveMap.Response())
    resetting = services._reset(Trigger.Request(), Trigger.Response())
    for call in (saving, resetting):
        call.send(None)
    assert slow.begun.wait(PATIENCE_S)
    services.close()
    slow.may.set()
    with pytest.raises(StopIteration) as ended:
        resetting.send(None)
    assert not ended.value.value.success and "is being cleaned up" in ended.value.value.message
