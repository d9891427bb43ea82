"""What is stored comes back; what cannot be read says so in one line."""

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cache_support import FINGERPRINT, HEIGHT, WIDTH, answer, assert_same

from mllm_for3d_ros.errors import CacheError
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.cache import AnswerCache
from mllm_for3d_ros.teachers.cache.answer_cache import default_folder
from mllm_for3d_ros.types import ViewAnswer


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "cache")


def key(seed: int) -> bytes:
    return seed.to_bytes(16, "big")


def test_a_stored_answer_comes_back_within_its_bands(cache: AnswerCache) -> None:
    given = answer(1)
    cache.put(FINGERPRINT, "the sofa", {key(1): given})
    (back,) = AnswerCache(cache.folder).get(FINGERPRINT, "the sofa", [key(1), key(2)]).values()
    assert np.abs(back.mask - given.mask).max() <= 0.15 and np.array_equal(back.mask > 0.5, given.mask > 0.5)
    assert_same(replace(back, mask=given.mask), given)


def test_abstentions_keep_their_reason_and_features(cache: AnswerCache) -> None:
    given = answer(3)
    cache.put(FINGERPRINT, "the sofa", {key(3): given, key(4): abstention((HEIGHT, WIDTH), "the answer is no JSON")})
    back = cache.get(FINGERPRINT, "the sofa", [key(3), key(4)])
    assert_same(back[key(3)], given)
    assert back[key(4)].abstained == "the answer is no JSON" and back[key(4)].mask.shape == (HEIGHT, WIDTH)


def test_a_masks_without_a_token(cache: AnswerCache) -> None:
    cache.put(FINGERPRINT, "x", {key(1): ViewAnswer(np.ones((2, 3), np.float32), None, 1.0)})
    back = cache.get(FINGERPRINT, "x", [key(1)])[key(1)]
    assert back.token is None and back.features is None and back.mask.all()


@pytest.mark.parametrize(
    "other",
    [
        replace(FINGERPRINT, weights="0a1c"),
        replace(FINGERPRINT, prompt="3"),
        replace(FINGERPRINT, settings="four_bit=1"),
    ],
)
def test_other_teachers_and_instructions_are_others(cache: AnswerCache, other: Fingerprint) -> None:
    cache.put(FINGERPRINT, "the sofa", {key(1): answer(1)})
    assert not cache.get(other, "the sofa", [key(1)]) and not cache.get(FINGERPRINT, "the Sofa", [key(1)])


def test_the_first_answer_stays(cache: AnswerCache) -> None:
    for seed in (1, 2):
        cache.put(FINGERPRINT, "the sofa", {key(1): answer(seed)})
    assert cache.get(FINGERPRINT, "the sofa", [key(1)])[key(1)].score == answer(1).score


def test_features_are_written_once_a_view(cache: AnswerCache) -> None:
    for instruction in ("the sofa", "the lamp"):
        cache.put(FINGERPRINT, instruction, {key(1): answer(1), key(2): answer(2)})
    assert len(list(cache.folder.glob("features/*/*/*.safetensors"))) == 2
    maps = [cache.get(FINGERPRINT, text, [key(1)])[key(1)].features for text in ("the sofa", "the lamp")]
    assert maps[0] is maps[1]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"half")])
def test_an_answer_whose_features_are_lost_is_asked_again(
    cache: AnswerCache, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(FINGERPRINT, "the sofa", {key(1): answer(1), key(2): answer(2)})
    damage(cache.folder / cache.features.path(str(FINGERPRINT), key(1)))
    fresh = AnswerCache(cache.folder)
    assert list(fresh.get(FINGERPRINT, "the sofa", [key(1), key(2)])) == [key(2)]
    assert "lost" in caplog.text
    fresh.put(FINGERPRINT, "the sofa", {key(1): answer(1)})
    assert_same(
        fresh.get(FINGERPRINT, "the sofa", [key(1)])[key(1)], cache.get(FINGERPRINT, "the sofa", [key(1)])[key(1)]
    )


def test_more_images_than_one_query_takes(cache: AnswerCache) -> None:
    answers = {key(seed): answer(seed, features=False) for seed in range(510)}
    cache.put(FINGERPRINT, "the sofa", answers)
    assert len(cache.get(FINGERPRINT, "the sofa", list(answers))) == 510
    assert cache.get(FINGERPRINT, "the sofa", []) == {}


def test_huge_features_stay_finite(cache: AnswerCache) -> None:
    given = replace(answer(1), features=np.full((1, 1, 2), 1e9, np.float32))
    cache.put(FINGERPRINT, "x", {key(1): given})
    features = cache.get(FINGERPRINT, "x", [key(1)])[key(1)].features
    assert features is not None and np.isfinite(features).all()


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("MLLM_FOR3D_CACHE", raising=False)
    assert default_folder() == tmp_path / "mllm_for3d" / "answers"
    monkeypatch.setenv("MLLM_FOR3D_CACHE", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"


def make_foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE answers (mine)")


def make_newer(path: Path) -> None:
    AnswerCache(path.parent).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")


def make_corrupt(path: Path) -> None:
    cache = AnswerCache(path.parent)
    cache.put(FINGERPRINT, "x", {key(seed): answer(seed, features=False) for seed in range(200)})
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_text(path: Path) -> None:
    path.write_text("dear diary " * 1000)


@pytest.mark.parametrize(
    ("make", "cause", "remedy"),
    [
        (make_foreign, "database of something else", "choose another folder"),
        (make_newer, "version 99", "update the package"),
        (make_corrupt, "damaged", "move it away"),
        (make_text, "damaged or no answer cache", "move it away"),
        (make_folder, "cannot be used", "choose another"),
    ],
)
def test_what_cannot_be_read_says_so_in_one_line(make, cause: str, remedy: str, tmp_path: Path) -> None:
    make(tmp_path / "answers.sqlite")
    with pytest.raises(CacheError) as caught:
        AnswerCache(tmp_path).get(FINGERPRINT, "x", [key(1)])
    text = str(caught.value)
    assert cause in text and remedy in text and "\n" not in text


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be used"):
        AnswerCache(tmp_path / "file")


def test_a_damaged_answer_is_no_half_answer(cache: AnswerCache) -> None:
    cache.put(FINGERPRINT, "x", {key(1): answer(1)})
    with cache.database.writing() as connection:
        connection.execute("UPDATE answers SET mask = substr(mask, 1, 60)")
    with pytest.raises(CacheError, match="is damaged"):
        cache.get(FINGERPRINT, "x", [key(1)])


def test_a_failed_transaction_leaves_nothing(cache: AnswerCache) -> None:
    with pytest.raises(ZeroDivisionError), cache.database.writing() as connection:
        connection.execute("INSERT INTO fingerprints (text) VALUES ('half')")
        raise ZeroDivisionError
    with cache.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM fingerprints").fetchone()[0] == 0


def test_a_writer_that_never_ends_is_named(cache: AnswerCache) -> None:
    hasty = AnswerCache(cache.folder, timeout_s=0.05)
    with cache.database.writing(), pytest.raises(CacheError, match="another process"):
        hasty.put(FINGERPRINT, "x", {key(1): answer(1)})


def write_some(folder: Path, first: int, cache: AnswerCache | None = None) -> None:
    cache = cache or AnswerCache(folder)
    for seed in range(first, first + 40, 4):
        cache.put(FINGERPRINT, "shared", {key(s): answer(s) for s in range(seed, seed + 4)})


def test_processes_that_start_and_write_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_some, args=(folder, first)) for first in (0, 20, 40, 60)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(AnswerCache(folder).get(FINGERPRINT, "shared", [key(s) for s in range(100)])) == 100


def test_an_open_cache_survives_a_fork(cache: AnswerCache) -> None:
    process = multiprocessing.get_context("fork").Process(target=write_some, args=(cache.folder, 0, cache))
    process.start()
    write_some(cache.folder, 40, cache)
    process.join()
    assert process.exitcode == 0
    assert len(cache.get(FINGERPRINT, "shared", [key(s) for s in range(80)])) == 80
