"""Rooms are spread over processes, and come back in order."""

import os

import pytest
import torch
from room_stand_in import Doubler

from mllm_for3d_ros.evaluation.workers import spread


def test_one_worker_is_this_process_with_one_thread_meanwhile() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        running = spread(Doubler, [3, 1], 1)
        assert next(running) == (6, os.getpid()) and torch.get_num_threads() == 1
        assert list(running) == [(2, os.getpid())] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_several_workers_keep_the_order_and_pass_errors_on() -> None:
    running = spread(Doubler, [0, 1, 2, 3, 4, -1], 2)
    doubled = [next(running) for _ in range(5)]
    assert [value for value, _ in doubled] == [0, 2, 4, 6, 8]
    assert os.getpid() not in {process for _, process in doubled}
    with pytest.raises(ValueError, match="no room -1"):
        next(running)
