"""Candidates for key views: apart from each other, bounded in number, spread over the path."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.lifting.key_frames import KeyFrames
from mllm_for3d_ros.types import Frame, Intrinsics


def frame(x: float, yaw: float = 0.0, stamp: int = 0) -> Frame:
    pose = np.eye(4)
    pose[0, 3] = x
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    blank = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32)
    return Frame(stamp, *blank, Intrinsics(2, 2, 1.0, 1.0, 0.5, 0.5), pose)


def test_a_camera_that_stands_still_gives_one_frame():
    keys = KeyFrames()
    assert [f.stamp_ns for f in keys.watch(frame(0, stamp=t) for t in range(5))] == list(range(5))
    assert [f.stamp_ns for f in keys.frames] == [0]


def test_moving_and_turning_both_count():
    keys = KeyFrames(distance=0.1, angle=0.2)
    for f in (frame(0), frame(0.05), frame(0.11), frame(0.11, 0.1), frame(0.11, 0.25)):
        keys.add(f)
    assert len(keys.frames) == 3


@given(st.integers(1, 400), st.integers(1, 20))
def test_any_length_stays_within_the_limit_and_spans_the_path(length, limit):
    keys = KeyFrames(limit=limit, distance=0.1)
    for k in range(length):
        keys.add(frame(0.1 * k, stamp=k))
    stamps = [f.stamp_ns for f in keys.frames]
    assert 1 <= len(stamps) <= limit
    assert stamps == sorted(stamps) and stamps[0] == 0
    gaps = np.diff([*stamps, length])
    assert gaps.max() <= 4 * length / limit + 2
