import math
import threading

import pytest
from rgbd_support import make_pose, wall_frame

from mllm_for3d_ros.nodes.inputs.continuity import Continuity, Limits
from mllm_for3d_ros.nodes.inputs.pairs import Pair, Skip
from mllm_for3d_ros.nodes.mapper import Mapper, Settings
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import MovingWindow, Transforms
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.types import Frame

PAIR = Pair(None, None, 0.0)


class Frames:
    """In place of a PairReader: what comes next, be it a frame or a reason why not."""

    def __init__(self) -> None:
        self.next: Frame | Skip = Skip("no_pose", "where am I")
        self.begun = threading.Event()

    def read(self, pair: Pair, map_frame: str, camera_frame: str, timeout_s: float) -> Frame:
        assert (map_frame, camera_frame, timeout_s) == ("map", "", 1.0)
        self.begun.set()
        if isinstance(self.next, Skip):
            raise self.next
        return self.next


class Bench:
    def __init__(self) -> None:
        self.voxels, self.frames, self.said = VoxelMap(), Frames(), list[str]()
        self.fusing = threading.Lock()
        self.mapper = Mapper(
            self.voxels, self.frames, Transforms(MovingWindow()),  # type: ignore[arg-type]
            Continuity(Limits(0.5, math.radians(20), 5.0)), Settings("map", "", "odom", 1.0, 0.5, 2),
            Speaker(self.said.append, 0.0), StageTimes(), self.fusing,
        )  # fmt: skip

    def take(self, frame: Frame | Skip) -> None:
        self.frames.next = frame
        self.mapper.take(PAIR)

    def counts(self) -> dict[str, object]:
        return {name: value for name, value in self.mapper.figures().items() if isinstance(value, int) and value}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ns(second: float) -> int:
    return round(second * 1e9)


def test_frames_are_fused_and_timed(bench: Bench) -> None:
    for n in range(3):
        bench.take(wall_frame(stamp=ns(n)))
    assert bench.counts() == {"fused": 3} and len(bench.voxels) > 0 and not bench.said
    assert {"fuse_ms_p50", "decay_ms_p95", "arrival_to_map_ms_p50"} <= set(bench.mapper.figures())


def test_what_is_not_fused_is_counted_and_said(bench: Bench) -> None:
    bench.take(Skip("no_pose", "where am I"))
    bench.take(wall_frame(0.0))
    bench.mapper.failed(ZeroDivisionError("oh"))
    assert bench.counts() == {"no_pose": 1, "no_depth": 1, "failed": 1}
    assert bench.said[0] == "where am I" and "no depth from 0.1 to 4 m" in bench.said[1]
    assert bench.said[2] == "ZeroDivisionError: oh"


def test_a_lasting_jump_begins_a_new_map(bench: Bench) -> None:
    bench.take(wall_frame(stamp=ns(0)))
    epoch = bench.voxels.epoch
    far = make_pose((0, 0, 0), (20.0, 0, 0))
    for n in range(1, 8):
        bench.take(wall_frame(stamp=ns(0.1 * n), pose=far))
    assert bench.counts() == {"fused": 4, "jump": 4, "restarts": 1} and bench.voxels.epoch != epoch
    assert bench.voxels.snapshot().points[:, 0].min() > 15
    assert any("the camera moved 20.00 m" in line and "is dropped" in line for line in bench.said)


def test_after_a_load_or_reset_the_next_frame_is_the_first(bench: Bench) -> None:
    bench.take(wall_frame(stamp=ns(100)))
    bench.mapper.begin()
    bench.take(wall_frame(stamp=ns(1), pose=make_pose((0, 0, 0), (20.0, 0, 0))))
    assert bench.counts() == {"fused": 2}


def test_an_image_in_the_works_when_the_map_is_replaced_is_not_fused_into_the_new_one(bench: Bench) -> None:
    with bench.fusing:
        image = threading.Thread(target=bench.take, args=(wall_frame(),))
        image.start()
        assert bench.frames.begun.wait(60)
        bench.mapper.begin()
    image.join(60)
    assert bench.counts() == {} and not len(bench.voxels)
    bench.take(wall_frame())
    assert bench.counts() == {"fused": 1}


def test_looks_for_what_moved_away_are_a_period_apart(bench: Bench) -> None:
    bench.take(wall_frame(1.0, stamp=ns(1.0)))
    near = len(bench.voxels)
    for n in range(1, 5):
        bench.take(wall_frame(2.0, stamp=ns(1.0 + 0.1 * n)))
    assert (bench.voxels.snapshot().points[:, 2] < 1.5).sum() == near, "half a second is not over"
    for n in range(1, 11):
        bench.take(wall_frame(2.0, stamp=ns(1.4 + 0.1 * n)))
    inner = bench.voxels.snapshot().points
    assert (inner[:, 2] < 1.5).sum() < 0.4 * near, "two looks are: all but the rim of the view is gone"


def test_without_a_period_nothing_is_dropped(bench: Bench) -> None:
    bench.mapper.settings = Settings("map", "", "odom", 1.0, 0.0, 1)
    bench.take(wall_frame(1.0, stamp=ns(1)))
    near = len(bench.voxels)
    for n in range(2, 6):
        bench.take(wall_frame(2.0, stamp=ns(n)))
    assert (bench.voxels.snapshot().points[:, 2] < 1.5).sum() == near
