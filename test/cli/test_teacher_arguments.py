"""The options of a teacher reach it as given."""

import argparse
import dataclasses
from pathlib import Path

import pytest

from mllm_for3d_ros.cli.teacher_arguments import add_teacher_arguments, open_cache, teacher_options
from mllm_for3d_ros.teachers.options import TeacherOptions


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_teacher_arguments(parser)
    return parser.parse_args(arguments)


def test_without_options_all_is_at_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert teacher_options(parsed()) == TeacherOptions() and parsed().teacher == "compact"
    assert capsys.readouterr().err == ""


def test_every_option_reaches_the_teacher() -> None:
    given = """--sam s --phrases p --clip c --device cuda:1 --dtype float16 --attn eager --four-bit --max-pixels 9
        --batch-size 2 --base-url http://localhost:1/v1 --model m --coordinates absolute --concurrency 3 --timeout 1.5
        --retries 0 --allow-download --trust-remote-code""".split()
    options = teacher_options(parsed(*given))
    unset = [f.name for f in dataclasses.fields(TeacherOptions) if getattr(options, f.name) == f.default]
    assert unset == ["views_kept"]
    assert (options.segmenter, options.timeout_s, options.retries, options.device) == ("s", 1.5, 0, "cuda:1")


@pytest.mark.parametrize("option", ["--batch-size=0", "--retries=-1", "--timeout=0", "--dtype=int8"])
def test_impossible_options(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(option)
    assert option.split("=")[0] in capsys.readouterr().err


def test_the_cache_is_where_it_is_asked_for(tmp_path: Path) -> None:
    with open_cache(parsed("--cache", str(tmp_path / "mine"))) as cache:
        assert cache.folder == tmp_path / "mine" and (cache.folder / "answers.sqlite").is_file()
