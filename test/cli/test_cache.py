"""``cache`` shows what the answer cache holds and makes it smaller."""

import argparse
import json
from pathlib import Path

import pytest
from cache_support import FINGERPRINT, answer

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.cli.cache import _days, _show_size, _size
from mllm_for3d_ros.teachers.cache import AnswerCache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLLM_FOR3D_CACHE", str(tmp_path))
    with AnswerCache() as cache:
        cache.put(FINGERPRINT, "the sofa", {seed.to_bytes(16, "big"): answer(seed) for seed in range(5)})
    return tmp_path


def test_info_for_a_person_and_for_a_script(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cache", "info"]) == 0
    printed = capsys.readouterr().out
    assert str(FINGERPRINT) in printed and "5 answers" in printed and str(folder) in printed
    assert cli.main(["cache", "info", "--json", "--cache", str(folder)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["answers"] == 5 and shown["teachers"][0]["fingerprint"] == str(FINGERPRINT)


def test_prune(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cache", "prune", "--older-than", "1d"]) == 0
    assert "removed 0 answers" in capsys.readouterr().out
    assert cli.main(["cache", "prune", "--max-size", "0", "--dry-run"]) == 0
    assert "would remove 5 answers and 5 feature maps" in capsys.readouterr().out
    assert cli.main(["cache", "prune", "--fingerprint", "count", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == 5
    assert cli.main(["cache", "info"]) == 0
    assert "no answers" in capsys.readouterr().out


def test_prune_does_not_guess(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cache", "prune"]) == 2
    assert "give --older-than" in capsys.readouterr().err
    with AnswerCache(folder) as cache:
        assert len(cache.get(FINGERPRINT, "the sofa", [seed.to_bytes(16, "big") for seed in range(5)])) == 5


def test_a_broken_cache_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "answers.sqlite").write_text("not a database" * 100)
    assert cli.main(["cache", "info", "--cache", str(tmp_path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and "move it away" in errors[0]


def test_sizes_and_ages() -> None:
    assert [_size(text) for text in ("0", "12", "1.5 GB", "500mb", "2k")] == [0, 12, 1_500_000_000, 500_000_000, 2000]
    assert [_days(text) for text in ("12h", "30d", "2w")] == [0.5, 30, 14]
    for parse, wrong in ((_size, "-1GB"), (_size, "much"), (_days, "3"), (_days, "-3d")):
        with pytest.raises(argparse.ArgumentTypeError, match="give e"):
            parse(wrong)
    assert [_show_size(n) for n in (999, 1500, 2_000_000, 3_400_000_000)] == ["999 B", "1.5 kB", "2.0 MB", "3.4 GB"]
