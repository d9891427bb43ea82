"""``label``: recordings in, label stores, a report and run.json out; the teacher is asked once, ever."""

import json

import numpy as np
import pytest
from color_teacher import red_patch_frame

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.cli.label_output import clock, describe, figures
from mllm_for3d_ros.labeling.progress import Progress, Stage
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.recording.bag_writer import write_bag


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("label") / "kitchen"
    write_bag([red_patch_frame(1 + n * 100_000_000, 0.1 * n) for n in range(4)], path)
    return path


def call(tmp_path, *arguments: object) -> int:
    return cli.main(["label", *map(str, arguments), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")])


def run(tmp_path, *arguments: object) -> tuple[int, dict]:
    status = call(tmp_path, *arguments)
    return status, json.loads((tmp_path / "out" / "run.json").read_text())


def test_the_second_run_calls_no_teacher(tmp_path, bag, capsys):
    status, first = run(tmp_path, bag, "--instructions", "the sofa", "a bin")
    assert status == 0 and first["teacher_calls"] > 0
    assert first["cache_hits"] == 2  # each view once more, for its features
    assert first["teacher"].startswith("compact:")
    store = LabelStore.open(tmp_path / "out" / "kitchen")
    assert store.instructions == ("the sofa", "a bin")
    assert "kitchen" in capsys.readouterr().out
    assert "kitchen" in (tmp_path / "out" / "report.html").read_text()
    status, second = run(tmp_path, bag, "--instructions", "the sofa", "a bin")
    assert (status, second["teacher_calls"], second["frames"], second["scenes"][0]["kept"]) == (0, 0, 0, 2)


def test_a_new_folder_is_filled_from_the_cache_with_the_same_labels(tmp_path, bag):
    run(tmp_path, bag, "--instructions", "the sofa", "--no-report")
    (tmp_path / "out").rename(tmp_path / "before")
    _, again = run(tmp_path, bag, "--instructions", "the sofa", "--no-report")
    assert again["teacher_calls"] == 0 and again["cache_hits"] > 0
    old, new = (LabelStore.open(tmp_path / name / "kitchen").read("the sofa").label for name in ("before", "out"))
    np.testing.assert_array_equal(old.probability, new.probability)


def test_a_bad_recording_is_named_and_the_others_go_on(tmp_path, bag, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    status, summary = run(tmp_path, empty, bag, "--instructions", "the sofa", "--quiet")
    assert status == 1 and list(summary["failed"]) == [str(empty)] and len(summary["scenes"]) == 1
    said = capsys.readouterr()
    assert "empty folder" in said.err and not said.out


def test_json_lines_tell_progress_and_the_result(tmp_path, bag, capsys):
    call(tmp_path, bag, tmp_path / "gone", "--instructions", "the sofa", "--json-lines", "--no-report")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["event"] for row in rows} == {"progress", "failed", "result"}
    assert rows[-1]["event"] == "result" and rows[-1]["exit_status"] == 1
    assert {"mapping", "labelling"} <= {row["stage"] for row in rows if row["event"] == "progress"}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tmp_path, bag, capsys):
    assert call(tmp_path, bag, "--instructions", "the sofa", "a bin", "--dry-run", "--json-lines") == 0
    plan = json.loads(capsys.readouterr().out)
    (planned,) = plan["recordings"]
    assert (planned["frames"], planned["labels"], plan["most_calls"]) == (4, 2, 8)
    assert not (tmp_path / "out").exists()
    run(tmp_path, bag, "--instructions", "the sofa", "a bin", "--no-report")
    capsys.readouterr()
    assert call(tmp_path, bag, tmp_path / "gone", "--instructions", "the sofa", "--dry-run", "--json-lines") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["frames"] == 0 and "does not exist" in said.err


def test_instructions_with_kinds_and_from_a_vocabulary(tmp_path, bag):
    asked, names = tmp_path / "asked.json", tmp_path / "names.txt"
    asked.write_text(json.dumps([{"text": "somewhere to sit", "kind": "implicit"}, "the lamp"]))
    names.write_text("# things\ncoffee_machine\n\nlamp\n")
    run(tmp_path, bag, "--instructions", asked, "--vocabulary", names, "--no-report")
    store = LabelStore.open(tmp_path / "out" / "kitchen")
    assert store.instructions == ("somewhere to sit", "the lamp", "the coffee machine")
    assert store.kinds == {"somewhere to sit": "implicit", "the coffee machine": "explicit"}


def test_a_name_of_a_vocabulary_must_make_an_instruction(tmp_path, bag, capsys):
    (tmp_path / "names.txt").write_text("lamp\n" + "x" * 3000)
    assert call(tmp_path, bag, "--vocabulary", tmp_path / "names.txt") == 2
    assert "shorten it" in capsys.readouterr().err


def test_a_dry_run_names_what_it_did_not_expect_as_a_run_does(tmp_path, bag, capsys, monkeypatch):
    def broken(path, **topics):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("mllm_for3d_ros.labeling.plan.open_recording", broken)
    assert call(tmp_path, bag, "--instructions", "the sofa", "--dry-run") == 3
    assert f"error: {bag}: unexpected PermissionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no instructions: give --instructions"),
        (["--propose", "3"], "compact cannot propose instructions, only qwen-vl and openai can"),
        (["--instructions", "the sofa", "--teacher", "nobody"], "unknown teacher 'nobody'"),
    ],
)
def test_a_run_that_cannot_begin_says_why(tmp_path, bag, capsys, arguments, said):
    assert call(tmp_path, bag, *arguments) == 2
    assert said in capsys.readouterr().err


def test_topics_can_be_told(tmp_path, bag, capsys):
    assert call(tmp_path, bag, "--instructions", "the sofa", "--depth-topic", "/none", "--no-report") == 3
    assert "no topic /none in the bag (depth_topic)" in capsys.readouterr().err


def test_the_bar_tells_rates_counts_and_the_time_left():
    progress = Progress(Stage.MAPPING, "hall", 1, 3, 40, 90, 31.2, 0, 0, 5, 7, 0.4, 60.0, 95.0)
    assert describe(progress) == "hall (2/3) mapping 40/90"
    assert figures(progress) == "31 frames/s, 5 teacher calls, 7 cache hits, 1:35 left"
    assert clock(3725) == "1:02:05"
