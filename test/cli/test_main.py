"""The entry point finds verbs, loads them lazily and turns errors into one line."""

import importlib.util
import re
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from types import ModuleType

import pytest

from mllm_for3d_ros import __version__
from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.errors import RecordingError

HEAVY = ("torch", "open3d", "transformers", "numba", "rclpy", "scipy")


class FakeVerb(ModuleType):
    """A verb that takes a number, and does what ``outcome`` says."""

    HELP = "Doubles a number, for the test."

    def __init__(self, outcome: object = 0) -> None:
        super().__init__("fake")
        self.outcome = outcome
        self.seen: Namespace | None = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", type=int)

    def run(self, args: Namespace) -> int:
        self.seen = args
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return int(str(self.outcome))


def install(monkeypatch: pytest.MonkeyPatch, verb: FakeVerb) -> FakeVerb:
    monkeypatch.setattr(cli, "VERBS", (cli.Verb("fake", "double a number", "fake 21"),))
    monkeypatch.setitem(sys.modules, "mllm_for3d_ros.cli.fake", verb)
    verb.__spec__ = importlib.util.spec_from_loader("mllm_for3d_ros.cli.fake", loader=None)
    return verb


def test_verb_gets_its_arguments_and_gives_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    verb = install(monkeypatch, FakeVerb(outcome=7))
    assert cli.main(["fake", "21"]) == 7
    assert verb.seen == Namespace(number=21)


def test_expected_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    install(monkeypatch, FakeVerb(outcome=RecordingError("bag is empty: record one with colour and depth")))
    assert cli.main(["fake", "1"]) == 2
    assert capsys.readouterr().err == "mllm-for3d: error: bag is empty: record one with colour and depth\n"


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeVerb(outcome=KeyboardInterrupt()))
    assert cli.main(["fake", "1"]) == 130


def test_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeVerb(outcome=ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["fake", "1"])


@pytest.mark.parametrize("arguments", [["fake", "--help"], ["--help"]])
def test_help_teaches_by_example(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, FakeVerb())
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 0
    assert "mllm-for3d fake 21" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "cause"), [(["fly"], "fly"), (["--fly"], "--fly"), (["fake", "x"], "'x'")])
def test_wrong_usage_names_the_cause(
    arguments: list[str], cause: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, FakeVerb())
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert cause in capsys.readouterr().err


def test_no_verb_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "verbs:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"mllm-for3d {__version__}\n"


def test_every_verb_of_the_table_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in cli.available_verbs():
        with pytest.raises(SystemExit) as caught:
            cli.main([verb.name, "--help"])
        assert caught.value.code == 0
        assert re.search(r"usage: mllm-for3d " + verb.name, capsys.readouterr().out)


def test_import_is_quick_and_light() -> None:
    report = f"print([m for m in {HEAVY} if m in sys.modules], time.process_time())"
    code = f"import sys, time, mllm_for3d_ros.cli.main; {report}"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    loaded, seconds = zip(*(run.stdout.rsplit(maxsplit=1) for run in runs), strict=True)
    assert set(loaded) == {"[]"}
    assert min(float(s) for s in seconds) < 0.5  # of the processor, so that a busy machine does not count
