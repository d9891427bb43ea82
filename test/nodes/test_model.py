"""The threads and teachers of the reasoning node."""

from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.nodes.model import gpu_memory_mib, pin_threads, teacher_loader


@pytest.fixture
def restored() -> Iterator[None]:
    before = torch.get_num_threads()
    with threadpool_limits(None):
        yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [2, 1])
def test_torch_and_blas_are_pinned(restored: None, threads: int) -> None:
    pin_threads(threads)
    assert torch.get_num_threads() == threads
    assert {pool["num_threads"] for pool in threadpool_info()} <= set(range(1, threads + 1))


def test_teachers_are_checked_before_they_are_loaded() -> None:
    with pytest.raises(MLLMFor3DError, match="aristotle"):
        teacher_loader("aristotle", "cpu")
    assert callable(teacher_loader("compact", "cpu"))


def test_without_a_gpu_none_of_its_memory_is_used() -> None:
    assert gpu_memory_mib() >= 0.0 and (torch.cuda.is_available() or gpu_memory_mib() == 0.0)
