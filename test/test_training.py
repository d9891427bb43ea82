"""The stages that make the models, at a very small size."""

import json

import numpy as np
import pytest

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.rooms.views import NO_CLASS, load_shards, render_views
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.prediction import Student


def test_a_rendered_view_knows_the_class_of_every_pixel():
    views = render_views(3, 2)
    assert views.color.shape == (2, 240, 320, 3) and views.classes.shape == views.depth.shape == (2, 240, 320)
    named = set(np.unique(views.classes))
    assert named <= {*range(len(CLASS_NAMES)), NO_CLASS} and named != {NO_CLASS}
    assert (views.depth > 300).mean() > 0.5 and views.camera_to_world.shape == (2, 4, 4)


def test_missing_views_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(RecordingError, match="mllm-for3d train views"):
        load_shards(tmp_path)


def test_views_of_an_older_version_are_told_as_such(tmp_path):
    np.savez(tmp_path / "views_00000.npz", color=np.zeros((1, 240, 320, 3), np.uint8))
    with pytest.raises(RecordingError, match="lack 'classes"):
        load_shards(tmp_path)


def test_a_stage_out_of_order_is_one_line(tmp_path, capsys):
    assert cli.main(["train", "student", "--work", str(tmp_path)]) == 2
    assert "run: mllm-for3d train scenes" in capsys.readouterr().err


def test_a_second_student_needs_the_answers_of_the_first(tmp_path, capsys):
    assert cli.main(["train", "student", "--labels", "refined", "--work", str(tmp_path)]) == 2
    assert "run: mllm-for3d train refine --start FOLDER" in capsys.readouterr().err
    assert cli.main(["train", "scenes", "--labels", "refined", "--work", str(tmp_path)]) == 2
    assert "mllm-for3d train refine" in capsys.readouterr().err


@pytest.mark.slow
def test_all_stages_make_a_student_that_loads(tmp_path, encoder):
    work = ["--work", str(tmp_path)]
    for stage in (
        ["text", "--steps", "2"],
        ["views", "--rooms", "25"],
        ["teacher", "--steps", "2"],
        ["scenes", "--rooms", "16"],
    ):
        assert cli.main(["train", *stage, *work]) == 0
    assert cli.main(["train", "student", "--steps", "2", *work]) == 0
    student = Student.load(tmp_path / "models" / "student.safetensors", encoder=encoder)
    assert student.fingerprint.startswith("student:")
    card = json.loads((tmp_path / "models" / "student.json").read_text())
    assert card["labels"].endswith("no 3D annotation")
    again = ["--start", str(tmp_path / "models"), *work]
    assert cli.main(["train", "judge", "--rooms", "2", *again]) == 0
    assert cli.main(["train", "refine", *again]) == 0
    assert len(list((tmp_path / "scenes_refined").glob("scene_*.npz"))) == 16
    assert cli.main(["train", "student", "--steps", "2", "--labels", "refined", *again]) == 0
    refined = json.loads((tmp_path / "models" / "student.json").read_text())
    judge = json.loads((tmp_path / "judge.json").read_text())
    assert "mixed with the answers of a student" in refined["labels"]
    assert refined["labels"].endswith(f"presence by judge {judge['sha256'][:16]}; no 3D annotation")
    assert cli.main(["train", "presence", "--rooms", "3", *work]) == 0
    told = json.loads((tmp_path / "models" / "student.json").read_text())
    assert (
        told["thresholds"]["mask_share"] == refined["thresholds"]["mask_share"]
        and "no 3D label" in told["presence_data"]
    )
    assert Student.load(tmp_path / "models" / "student.safetensors", encoder=encoder).fingerprint != student.fingerprint
    truth = ["--labels", "truth", *work]
    assert cli.main(["train", "scenes", "--rooms", "16", *truth]) == 0
    assert cli.main(["train", "student", "--steps", "2", *truth]) == 0
    twin = json.loads((tmp_path / "models" / "student_truth.json").read_text())
    assert twin["labels"] == "supervised by 3D ground truth: for comparison only"
    assert twin["data"] == card["data"] and twin["settings"] == card["settings"]
