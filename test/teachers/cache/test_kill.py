"""kill -9 in the middle of 200 answers, 20 times: the cache opens, nothing is lost, nothing is half."""

import multiprocessing
import signal
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
from cache_support import FINGERPRINT, answer, assert_same

from mllm_for3d_ros.teachers.cache import AnswerCache
from mllm_for3d_ros.teachers.cache.soft_mask import pack_mask, unpack_mask
from mllm_for3d_ros.types import ViewAnswer

ANSWERS, KILLS = 200, 20


def given(seed: int) -> ViewAnswer:
    """What is stored; some with features, which are files of their own."""
    return answer(seed, features=seed % 10 == 0)


def write_answers(folder: Path, first: int, turn: Event, said: Connection) -> None:
    """When it is its turn, store 200 answers, two at a time, and say so after each commit."""
    cache = AnswerCache(folder)
    turn.wait()
    for seed in range(first, first + ANSWERS, 2):
        cache.put(FINGERPRINT, "the sofa", {s.to_bytes(16, "big"): given(s) for s in (seed, seed + 1)})
        said.send(seed)
    time.sleep(60)  # only ever ended by the signal


def start(folder: Path, first: int) -> tuple[BaseProcess, Event, Connection]:
    """A process that will write, what tells it to begin, and what it says."""
    context = multiprocessing.get_context("fork")
    ear, mouth = context.Pipe(duplex=False)
    turn = context.Event()
    process = context.Process(target=write_answers, args=(folder, first, turn, mouth), daemon=True)
    process.start()
    mouth.close()
    return process, turn, ear


def kill(process: BaseProcess, ear: Connection, commits: int, delay_s: float) -> set[int]:
    """Kill -9 so many commits and a moment later; returns the seeds said to be stored."""
    said = [ear.recv() for _ in range(commits)]
    time.sleep(delay_s)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    while True:
        try:
            said.append(ear.recv())
        except (EOFError, OSError):
            return {seed + k for seed in said for k in (0, 1)}


def check(folder: Path, first: int, said: set[int]) -> None:
    """The cache opens; what was said to be stored is there, and what is there is whole."""
    images = {seed.to_bytes(16, "big"): seed for seed in range(first, first + ANSWERS)}
    cache = AnswerCache(folder)
    found = cache.get(FINGERPRINT, "the sofa", list(images))
    seeds = {images[image] for image in found}
    assert said <= seeds, "a committed answer is lost"
    assert len(seeds) < ANSWERS, "the writer was not killed in the middle"
    assert {seed ^ 1 for seed in seeds} == seeds, "half a transaction"
    for image, back in found.items():
        stored = given(images[image])
        assert_same(back, replace(stored, mask=unpack_mask(pack_mask(stored.mask))))
    cache.close()


def test_kill_9_in_the_middle_of_200_answers(tmp_path: Path) -> None:
    folder, rng = tmp_path / "cache", np.random.default_rng()
    committed = []
    writers = [(0, *start(folder, 0))]
    for n in range(KILLS):
        if n + 1 < KILLS:  # the next one has the cache open already while this one is killed
            writers.append(((n + 1) * ANSWERS, *start(folder, (n + 1) * ANSWERS)))
        first, process, turn, ear = writers[n]
        turn.set()
        said = kill(process, ear, int(rng.integers(1, 20)), float(rng.uniform(0, 0.01)))
        check(folder, first, said)
        committed.append((first, said))
    for first, said in committed:
        check(folder, first, said)
    with AnswerCache(folder).database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
