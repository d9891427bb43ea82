import math

import numpy as np
import pytest

from mllm_for3d_ros.nodes.inputs.continuity import Continuity, Limits, Verdict

FUSE, HOLD, RESTART = Verdict.FUSE, Verdict.HOLD, Verdict.RESTART


def pose(x: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:2, :2] = [[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]]
    matrix[0, 3] = x
    return matrix


@pytest.fixture
def judge() -> Continuity:
    return Continuity(Limits(distance_m=0.5, angle_rad=0.3, speed_m_s=2.0))


def verdicts(judge: Continuity, *frames: tuple[float, np.ndarray], is_camera: bool = False) -> list[Verdict]:
    return [judge.check(round(second * 1e9), anchor, is_camera) for second, anchor in frames]


def test_small_corrections_of_the_localisation_are_fused(judge: Continuity) -> None:
    frames = [(n / 30, pose(0.3 * n, 0.2 * n)) for n in range(10)]
    assert verdicts(judge, *frames) == [FUSE] * 10


@pytest.mark.parametrize(
    ("moved", "said"), [(pose(2.0), "moved 2.00 m and turned 0"), (pose(0.0, 1.0), "turned 57 degrees")]
)
def test_a_lasting_jump_is_confirmed_by_five_frames(judge: Continuity, moved: np.ndarray, said: str) -> None:
    frames = [(n / 30, pose() if n < 2 else moved) for n in range(8)]
    assert verdicts(judge, *frames) == [FUSE, FUSE, HOLD, HOLD, HOLD, HOLD, RESTART, FUSE]
    assert said in judge.reason


def test_single_bad_poses_and_stamps_are_left_out(judge: Continuity) -> None:
    frames = [(1.0, pose()), (1.1, pose(9.0)), (1.2, pose()), (-50.0, pose()), (1.3, pose())]
    assert verdicts(judge, *frames) == [FUSE, HOLD, FUSE, HOLD, FUSE]


def test_bad_poses_that_disagree_confirm_nothing(judge: Continuity) -> None:
    frames = [(0.0, pose()), *((0.1 * n, pose(10.0 * n)) for n in range(1, 20))]
    assert verdicts(judge, *frames)[1:] == [HOLD] * 19


def test_stamps_that_go_back_for_good_are_a_restart_and_a_little_disorder_is_not(judge: Continuity) -> None:
    assert verdicts(judge, (100.0, pose()), (99.5, pose()), (100.1, pose())) == [FUSE] * 3
    assert verdicts(judge, *((n / 10, pose()) for n in range(6))) == [HOLD] * 4 + [RESTART, FUSE]
    assert "went back by 9" in judge.reason


def test_a_camera_may_move_with_its_speed_where_it_is_the_anchor(judge: Continuity) -> None:
    walking = [(0.5 * n, pose(1.4 * n)) for n in range(5)]
    assert verdicts(judge, *walking, is_camera=True) == [FUSE] * 5
    assert verdicts(judge, (2.1, pose(9.0)), is_camera=True) == [HOLD]
    assert "the camera moved 3.40 m in 0.10 s" in judge.reason


def test_another_kind_of_anchor_is_no_jump(judge: Continuity) -> None:
    assert verdicts(judge, (0.0, pose())) + verdicts(judge, (0.1, pose(9.0)), is_camera=True) == [FUSE, FUSE]


def test_after_forgetting_any_frame_is_the_first(judge: Continuity) -> None:
    verdicts(judge, (100.0, pose()))
    judge.forget()
    assert verdicts(judge, (1.0, pose(50.0))) == [FUSE]
