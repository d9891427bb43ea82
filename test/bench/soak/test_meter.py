"""CPU and memory of processes."""

import os
import subprocess
import sys

import pytest

from bench.soak.meter import Meter, Sample, read_sample, usage_of


def test_a_process_that_works_uses_cpu() -> None:
    before = read_sample(os.getpid(), 0.0)
    total = 0
    while read_sample(os.getpid(), 0.0).cpu_s < before.cpu_s + 0.05:
        total += sum(range(10_000))
    assert before.memory > 2**20


def test_a_process_that_has_ended_is_named() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessLookupError, match=str(child.pid)):
        read_sample(child.pid, 0.0)


def test_usage_is_per_second_and_growth_from_the_settled_state_on() -> None:
    samples = [Sample(float(t), 0.5 * t, 100 if t < 20 else 200 if t < 80 else 210) for t in range(101)]
    usage = usage_of(samples, settle_s=20.0)
    assert usage.cpu == pytest.approx(0.5)
    assert usage.memory_growth == pytest.approx(0.05)
    assert usage_of(samples, settle_s=0.0).memory_growth == pytest.approx(1.1)


def test_single_peaks_are_no_growth() -> None:
    samples = [Sample(float(t), 0.0, 400 if t == 99 else 100) for t in range(101)]
    assert usage_of(samples, settle_s=30.0).memory_growth == 0.0


def test_all_processes_are_sampled() -> None:
    meter = Meter({"me": os.getpid(), "parent": os.getppid()})
    meter.sample()
    assert set(meter.usage(0.0)) == {"me", "parent"}
