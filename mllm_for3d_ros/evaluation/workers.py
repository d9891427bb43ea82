"""Rooms spread over processes of one thread each, so that results do not depend on how many there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from mllm_for3d_ros.device import one_thread

Result = TypeVar("Result", covariant=True)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Meter(Protocol[Result]):
    """Something that measures the room of a seed."""

    def measure(self, seed: int) -> Result:
        """Measure one room."""


def spread(make: Callable[[], Meter[Result]], seeds: Sequence[int], workers: int) -> Iterator[Result]:
    """Measure the rooms of ``seeds``.

    Args:
        make: makes a meter, once a process; it is sent to the processes, so it must be picklable.
        seeds: rooms.
        workers: processes; 1 works in this one.

    Yields:
        results in the order of ``seeds``, each as soon as it and those before it are there.
    """
    if workers <= 1 or len(seeds) <= 1:
        with one_thread():
            meter = make()
            for seed in seeds:
                yield meter.measure(seed)
        return
    with _one_thread_in_children():
        pool = ProcessPoolExecutor(min(workers, len(seeds)), get_context("spawn"), _start, (make,))
        try:
            yield from pool.map(_measure, seeds)
        finally:
            pool.shutdown(cancel_futures=True)


_meter: Meter[Any] | None = None


def _start(make: Callable[[], Meter[Any]]) -> None:
    """First thing in a process."""
    import torch

    global _meter
    torch.set_num_threads(1)
    _meter = make()


def _measure(seed: int) -> Any:
    assert _meter is not None
    return _meter.measure(seed)


@contextmanager
def _one_thread_in_children() -> Iterator[None]:
    """The environment that processes started in here get."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
