"""What is in a cache, and what pruning leaves."""

import os
import time
from pathlib import Path

import pytest
from cache_support import FINGERPRINT, answer

from mllm_for3d_ros.teachers.base import Fingerprint
from mllm_for3d_ros.teachers.cache import AnswerCache
from mllm_for3d_ros.teachers.cache.upkeep import Pruned, info, prune

OTHER = Fingerprint("other", "ffff")


def key(seed: int) -> bytes:
    return seed.to_bytes(16, "big")


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    """Four views, of which two are asked two things, and another teacher's answer to one."""
    cache = AnswerCache(tmp_path / "cache")
    for instruction, seeds in (("the sofa", range(4)), ("a lamp", range(2))):
        cache.put(FINGERPRINT, instruction, {key(seed): answer(seed) for seed in seeds})
    cache.put(OTHER, "the sofa", {key(0): answer(0, features=False)})
    return cache


def feature_files(cache: AnswerCache) -> int:
    return len(list(cache.folder.glob("features/*/*/*.safetensors")))


def left(cache: AnswerCache, fingerprint: Fingerprint = FINGERPRINT, text: str = "the sofa") -> set[int]:
    return {int.from_bytes(image, "big") for image in cache.get(fingerprint, text, [key(s) for s in range(4)])}


def make_older(cache: AnswerCache, seed: int, seconds: float) -> None:
    with cache.database.writing() as connection:
        connection.execute("UPDATE answers SET created = created - ? WHERE image = ?", (seconds, key(seed)))


def test_info_counts_by_fingerprint(cache: AnswerCache) -> None:
    mine, other = info(cache)
    assert (mine.fingerprint, mine.answers, mine.views, mine.instructions) == (str(FINGERPRINT), 6, 4, 2)
    assert (mine.abstentions, mine.feature_maps, other.feature_maps, other.answers) == (1, 4, 0, 1)
    stored = sum(f.stat().st_size for f in cache.folder.glob("features/*/*/*"))
    assert stored < mine.bytes < stored + 6 * 2000 and time.time() - 60 < mine.oldest <= mine.newest
    assert info(AnswerCache(cache.folder / "empty")) == []


def test_prune_by_age(cache: AnswerCache) -> None:
    make_older(cache, 1, 1000.0)
    pruned = prune(cache, older_than_s=500.0)
    assert (pruned.answers, pruned.feature_maps) == (2, 1) and pruned.bytes > 0
    assert left(cache) == {0, 2, 3} and feature_files(cache) == 3 and left(cache, OTHER) == {0}


def test_prune_by_fingerprint(cache: AnswerCache) -> None:
    assert prune(cache, fingerprint="count:0a").answers == 6
    assert left(cache) == set() and left(cache, OTHER) == {0} and feature_files(cache) == 0
    assert prune(cache, fingerprint="count:0a") == Pruned(0, 0, 0)


def test_prune_by_age_of_one_teacher(cache: AnswerCache) -> None:
    make_older(cache, 0, 1000.0)
    assert prune(cache, older_than_s=500.0, fingerprint="other").answers == 1
    assert left(cache) == {0, 1, 2, 3} and left(cache, OTHER) == set()


def test_prune_by_size_takes_the_views_not_added_to_for_longest(cache: AnswerCache) -> None:
    for seed, seconds in ((2, 900.0), (3, 500.0), (0, 100.0), (1, 50.0)):
        make_older(cache, seed, seconds)
    total = sum(row.bytes for row in info(cache))
    pruned = prune(cache, max_bytes=total - 1)
    assert left(cache) == {0, 1, 3} and pruned.answers == 1 and feature_files(cache) == 3
    prune(cache, max_bytes=0)
    assert info(cache) == [] and feature_files(cache) == 0


def test_a_cache_within_its_size_is_left_alone(cache: AnswerCache) -> None:
    assert prune(cache, max_bytes=10**9) == Pruned(0, 0, 0)
    assert prune(cache) == Pruned(0, 0, 0)


def test_a_dry_run_removes_nothing(cache: AnswerCache) -> None:
    assert prune(cache, max_bytes=0, dry_run=True) == Pruned(7, 4, sum(row.bytes for row in info(cache)))
    assert left(cache) == {0, 1, 2, 3} and feature_files(cache) == 4


def test_pruning_shrinks_the_file_and_sweeps_what_killed_processes_left(cache: AnswerCache) -> None:
    cache.put(FINGERPRINT, "many", {key(seed): answer(seed, features=False) for seed in range(100, 700)})
    prune(cache)
    folder = cache.folder / "features" / "x"
    folder.mkdir()
    for name, age_s in (("old.partial", 7200), ("new.partial", 0)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age_s,) * 2)
    before = cache.database.path.stat().st_size
    prune(cache, fingerprint="count")
    assert cache.database.path.stat().st_size < before / 2
    assert [file.name for file in folder.iterdir()] == ["new.partial"]
