"""``label``: recordings in, label stores and run.json out; the teacher is asked once, ever."""

import json

import numpy as np
import pytest
from color_teacher import red_patch_frame

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.cli.label import expand, folder_names
from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.recording.bag_writer import write_bag


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("label") / "kitchen"
    write_bag([red_patch_frame(1 + n * 100_000_000, 0.1 * n) for n in range(4)], path)
    return path


def run(tmp_path, *arguments: object) -> tuple[int, dict]:
    status = cli.main(
        ["label", *map(str, arguments), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    )
    return status, json.loads((tmp_path / "out" / "run.json").read_text())


def test_the_second_run_calls_no_teacher(tmp_path, bag, capsys):
    status, first = run(tmp_path, bag, "--instructions", "the sofa", "a bin")
    assert status == 0 and first["teacher_calls"] > 0 and first["cache_hits"] == 0
    assert first["teacher"].startswith("compact:")
    store = LabelStore.open(tmp_path / "out" / "kitchen")
    assert store.instructions == ("the sofa", "a bin")
    assert "kitchen" in capsys.readouterr().out
    status, second = run(tmp_path, bag, "--instructions", "the sofa", "a bin")
    assert (status, second["teacher_calls"], second["scenes"][0]["kept"]) == (0, 0, ["the sofa", "a bin"])


def test_a_new_folder_is_filled_from_the_cache_with_the_same_labels(tmp_path, bag):
    run(tmp_path, bag, "--instructions", "the sofa")
    (tmp_path / "out").rename(tmp_path / "before")
    _, again = run(tmp_path, bag, "--instructions", "the sofa")
    assert again["teacher_calls"] == 0 and again["cache_hits"] > 0
    old, new = (LabelStore.open(tmp_path / name / "kitchen").read("the sofa").label for name in ("before", "out"))
    np.testing.assert_array_equal(old.probability, new.probability)


def test_a_bad_recording_is_named_and_the_others_go_on(tmp_path, bag, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    status, summary = run(tmp_path, empty, bag, "--instructions", "the sofa")
    assert status == 1 and list(summary["failed"]) == [str(empty)] and len(summary["scenes"]) == 1
    assert "empty folder" in capsys.readouterr().err


def test_globs_are_expanded_and_repeats_dropped(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    found = expand([f"{tmp_path}/*", str(tmp_path / "a")])
    assert [path.name for path in found] == ["a", "b"]
    with pytest.raises(RecordingError, match="matches no file"):
        expand([f"{tmp_path}/*.mcap"])


def test_recordings_of_one_name_get_folders_of_their_own(tmp_path):
    paths = [tmp_path / "one" / "bag", tmp_path / "two" / "bag", tmp_path / "hall.mcap"]
    names = folder_names(paths)
    assert len(set(names)) == 3 and names[2] == "hall" and all(name.startswith("bag-") for name in names[:2])
    assert folder_names(paths) == names
