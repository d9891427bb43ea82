"""Goals to jobs: paths stay inside the data root, values make sense, labels are not overwritten by mistake."""

from pathlib import Path
from typing import Any

import pytest

from mllm_for3d_ros.action import LabelBag
from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.labeling.settings import Asked
from mllm_for3d_ros.nodes.label_goals import GoalError, Limits, inside, job_of, teacher_of


@pytest.fixture
def limits(tmp_path: Path) -> Limits:
    root = tmp_path / "data"
    for name in ("monday/run_a.mcap", "monday/run_b.mcap"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "tasks.txt").write_text("# kitchen\nthe kettle\nthe sink\n")
    (root / "notes.md").write_text("secret")
    (tmp_path / "outside.mcap").touch()
    (root / "monday" / "link.mcap").symlink_to(tmp_path / "outside.mcap")
    return Limits(root, ("compact", "qwen-vl"))


def goal(**fields: Any) -> LabelBag.Goal:
    return LabelBag.Goal(
        **({"bags": ["monday/run_a.mcap"], "instructions": ["the sink"], "output_name": "mon"} | fields)
    )


def test_a_goal_becomes_the_job_of_the_verb(limits: Limits) -> None:
    job = job_of(goal(instructions_file="tasks.txt", voxel_size=0.05, views=8, color_topic="/rgb"), limits)
    assert job.recordings == (limits.data_root / "monday/run_a.mcap",)
    assert job.asked == (Asked("the sink"), Asked("the kettle"))
    assert job.out == limits.data_root / "labels" / "mon" and job.report and not job.overwrite
    assert (job.settings.voxel_size, job.settings.lifting.views) == (0.05, 8)
    assert job.settings.topics == {"color_topic": "/rgb"}


def test_zero_stands_for_the_defaults_of_the_verb(limits: Limits) -> None:
    settings = job_of(goal(), limits).settings
    assert (settings.voxel_size, settings.lifting.views, settings.topics) == (0.025, 16, {})


def test_globs_and_folders_stay_inside_too(limits: Limits) -> None:
    names = [path.name for path in job_of(goal(bags=["monday/run_*.mcap"]), limits).recordings]
    assert names == ["run_a.mcap", "run_b.mcap"]
    for text in ("monday/*.mcap", "monday/link.mcap"):
        with pytest.raises(GoalError, match="a link leads out"):
            job_of(goal(bags=[text]), limits)


@pytest.mark.parametrize("text", ["/etc/passwd", "../outside.mcap", "monday/../../outside.mcap", "", "a\0b"])
def test_paths_that_lead_out_are_refused(limits: Limits, text: str) -> None:
    with pytest.raises(GoalError, match="refused"):
        inside(limits.data_root, text)
    with pytest.raises(GoalError, match="refused"):
        job_of(goal(bags=[text]), limits)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bags": []}, "no bags"),
        ({"instructions": []}, "no instructions"),
        ({"output_name": ""}, "output_name"),
        ({"output_name": "../mon"}, "output_name"),
        ({"output_name": ".hidden"}, "output_name"),
        ({"resume": True, "overwrite": True}, "exclude each other"),
        ({"instructions_file": "/etc/passwd.txt"}, "refused"),
        ({"instructions_file": "notes.md"}, ".txt or .json"),
        ({"voxel_size": 5.0}, "voxel_size 5"),
        ({"voxel_size": float("nan")}, "voxel_size"),
        ({"views": 5000}, "views 5000"),
        ({"instructions": ["x" * 3000]}, "characters"),
        ({"propose": 3}, "propose"),
        ({"bags": ["tuesday/*"]}, "matches no file"),
    ],
)
def test_goals_that_make_no_sense_are_refused(limits: Limits, fields: dict, said: str) -> None:
    with pytest.raises(MLLMFor3DError, match=said):
        job_of(goal(**fields), limits)


def test_a_sentence_is_never_taken_for_a_file(limits: Limits) -> None:
    asked = job_of(goal(instructions=["the file tasks.txt"]), limits).asked
    assert asked == (Asked("the file tasks.txt"),)


def test_labels_that_are_there_need_a_word(limits: Limits) -> None:
    (limits.data_root / "labels" / "mon" / "run_a").mkdir(parents=True)
    with pytest.raises(GoalError, match="set resume or overwrite"):
        job_of(goal(), limits)
    assert job_of(goal(resume=True), limits).overwrite is False
    assert job_of(goal(overwrite=True), limits).overwrite is True


def test_a_link_in_place_of_the_labels_folder_is_refused(limits: Limits, tmp_path: Path) -> None:
    (limits.data_root / "labels").symlink_to(tmp_path)
    with pytest.raises(GoalError, match="a link leads out"):
        job_of(goal(), limits)


def test_teachers_come_from_the_list(limits: Limits) -> None:
    assert teacher_of(goal(), limits) == "compact"
    assert teacher_of(goal(teacher="qwen-vl"), limits) == "qwen-vl"
    with pytest.raises(GoalError, match="compact, qwen-vl"):
        teacher_of(goal(teacher="qwen-vl:/home/me/weights"), limits)
