"""The verb that trains: what it takes, and what it says of what it does not take."""

import pytest

from mllm_for3d_ros import scene_stages, training
from mllm_for3d_ros.cli import main as cli


def test_what_is_neither_stage_nor_configuration_is_named(capsys):
    assert cli.main(["train", "studnet"]) == 2
    stages = "text, views, teacher, scenes, student, judge, refine, presence, put-text, thresholds"
    assert f"'studnet' is no stage ({stages})" in capsys.readouterr().err


def test_a_missing_configuration_is_one_line(tmp_path, capsys):
    assert cli.main(["train", str(tmp_path / "no.yaml")]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "function", "expected"),
    [
        (["scenes", "--rooms", "5"], "make_scenes", (5, 2, "teacher", 5000, False)),
        (["scenes", "--first", "5450"], "make_scenes", (320, 2, "teacher", 5450, False)),
        (["scenes", "--tagged", "--first", "3200"], "make_scenes", (320, 2, "teacher", 3200, True)),
        (["scenes", "--labels", "truth", "--workers", "1"], "make_scenes", (320, 1, "truth", 5000, False)),
        (["student", "--labels", "truth", "--steps", "7"], "train_student", (7, 0, None, "truth")),
        (["thresholds"], "set_thresholds", ("teacher",)),
    ],
)
def test_a_stage_gets_its_options(tmp_path, monkeypatch, arguments, function, expected):
    called = []
    stages = scene_stages if function == "make_scenes" else training
    monkeypatch.setattr(stages, function, lambda *given: called.append(given))
    assert cli.main(["train", *arguments, "--work", str(tmp_path)]) == 0
    assert called == [(tmp_path, tmp_path / "models", *expected)]


def test_labels_are_of_a_teacher_or_the_truth(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "scenes", "--labels", "guesses"])
    assert "guesses" in capsys.readouterr().err
