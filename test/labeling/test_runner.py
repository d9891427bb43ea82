"""Runs over several recordings: failures, cancelling, run.json."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from bag_support import SECOND, Messages, camera_info, compressed, image, pose_stamped, save_bag, tf
from color_teacher import ColorTeacher, red_patch_frame
from label_support import TEXTS, files, label, wall_bag
from PIL import Image

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.labeling.progress import Progress
from mllm_for3d_ros.labeling.runner import Listener
from mllm_for3d_ros.labeling.settings import LabelSettings
from mllm_for3d_ros.labeling.stores import locked
from mllm_for3d_ros.labeling.summary import ALL_FAILED, OK, SOME_FAILED
from mllm_for3d_ros.recording.bag_writer import write_bag
from mllm_for3d_ros.types import Frame


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return wall_bag(tmp_path_factory.mktemp("bags") / "wall")


def test_run_json_tells_what_came_of_it(tmp_path, bag):
    summary = label([bag], tmp_path)
    said = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (summary.exit_status, said["status"], said["failed"]) == (OK, "finished", {})
    assert said["frames"] == 6 and said["teacher_calls"] == summary.teacher_calls > 0
    assert {"opening", "mapping", "preparing", "teacher", "lifting", "writing"} <= set(said["stages"])
    assert said["ms_per_frame"] > 0 and said["scenes"][0]["written"] == len(TEXTS)


def test_bad_recordings_are_reported_in_a_line_each_and_the_others_are_labelled(tmp_path, bag):
    cut = wall_bag(tmp_path / "cut")
    file = cut / "cut.mcap"
    file.write_bytes(file.read_bytes()[:3000])
    empty = wall_bag(tmp_path / "empty", storage="sqlite3")
    (empty / "empty.db3").write_bytes(b"")
    told: list[tuple[str, str]] = []
    listener = Listener(failed=lambda path, reason: told.append((path.name, reason)))
    summary = label([cut, empty, tmp_path / "gone", bag], tmp_path, listener=listener)
    assert summary.exit_status == SOME_FAILED
    assert [name for name, _ in told] == ["cut", "empty", "gone"]
    assert all("\n" not in reason for _, reason in told)
    assert "cut short" in told[0][1] and "does not exist" in told[2][1]
    assert [scene.written for scene in summary.scenes] == [len(TEXTS)]
    said = json.loads((tmp_path / "out" / "run.json").read_text())
    assert list(said["failed"]) == [str(path) for path in (cut, empty, tmp_path / "gone")]


def test_all_failed_has_a_status_of_its_own(tmp_path):
    assert label([tmp_path / "gone"], tmp_path).exit_status == ALL_FAILED


def test_a_cancelled_run_goes_on_later_to_the_same_store(tmp_path, bag):
    label([bag], tmp_path / "whole")
    seen: list[Progress] = []
    part = label([bag], tmp_path / "part", listener=Listener(seen.append), cancelled=lambda: seen[-1].labels_done == 1)
    assert json.loads((tmp_path / "part" / "out" / "run.json").read_text())["status"] == part.status == "cancelled"
    assert label([bag], tmp_path / "part").status == "finished"
    assert files(tmp_path / "part" / "out") == files(tmp_path / "whole" / "out")


def test_an_answered_instruction_is_not_asked_in_a_new_folder(tmp_path, bag):
    label([bag], tmp_path)
    before = files(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    again = label([bag], tmp_path)
    assert again.teacher_calls == 0 and again.cache_hits > 0
    assert files(tmp_path / "out") == before


def test_overwriting_starts_anew(tmp_path, bag):
    label([bag], tmp_path, teacher=ColorTeacher("one"))
    refused = label([bag], tmp_path, teacher=ColorTeacher("two"))
    assert "another provenance" in next(iter(refused.failed.values()))
    assert label([bag], tmp_path, teacher=ColorTeacher("two"), overwrite=True).scenes[0].written == len(TEXTS)


def test_overwriting_leaves_the_labels_of_others(tmp_path, bag):
    bags = [bag, wall_bag(tmp_path / "wall.party"), wall_bag(tmp_path / "wall[1]")]
    settings = LabelSettings(part_voxels=500)
    first = label(bags, tmp_path, settings=settings, texts=TEXTS[:1])
    assert all(len(scene.stores) > 1 for scene in first.scenes)
    again = label(bags[::2], tmp_path, settings=settings, texts=TEXTS[:1], overwrite=True)
    assert all(scene.kept == 0 for scene in again.scenes)
    assert label(bags, tmp_path, settings=settings, texts=TEXTS[:1]).teacher_calls == 0
    assert all(store.is_dir() for store in first.scenes[1].stores)


def test_overwriting_keeps_the_labels_of_a_recording_that_cannot_be_read(tmp_path, bag):
    source = tmp_path / "wall"
    shutil.copytree(bag, source)
    before = label([source], tmp_path)
    source.rename(tmp_path / "moved")
    assert "does not exist" in label([source], tmp_path, overwrite=True).failed[str(source)]
    assert before.scenes[0].stores[0].is_dir()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path, bag):
    (tmp_path / "out").touch()
    with pytest.raises(LabelStoreError, match=r"out cannot be written to .*; give another folder"):
        label([bag], tmp_path)


def test_figures_are_there_where_no_report_can_be_written(tmp_path, bag):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report").touch()
    with pytest.raises(LabelStoreError, match="the labels are finished, but no report"):
        label([bag], tmp_path, report=True)
    said = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (said["status"], said["report"], said["exit_status"]) == ("finished", None, OK)


def test_what_was_left_out_is_told_where_nothing_else_is_there(tmp_path):
    frame = red_patch_frame(1, 0.0)
    write_bag([replace(frame, depth=np.zeros_like(frame.depth))], tmp_path / "dark")
    summary = label([tmp_path / "dark"], tmp_path)
    assert "in 0 frames, no valid depth (1); check the depth topic" in summary.failed[str(tmp_path / "dark")]


def test_two_runs_do_not_write_to_one_folder(tmp_path, bag):
    with locked(tmp_path / "out"), pytest.raises(LabelStoreError, match="another run is writing"):
        label([bag], tmp_path)


class ProposingTeacher(ColorTeacher):
    """Proposes two things, one of them twice."""

    proposed = 0

    def propose(self, images, count):
        """See Proposer."""
        self.proposed += 1
        return ["the red square", "  the red square ", "", "a grey wall"][: count + 2]


def test_the_teacher_proposes_once_a_scene(tmp_path, bag):
    teacher = ProposingTeacher()
    summary = label([bag], tmp_path, texts=["the red thing"], teacher=teacher, propose=2)
    assert summary.scenes[0].written == 3
    again = label([bag], tmp_path, texts=["the red thing"], teacher=teacher, propose=2)
    assert (teacher.proposed, again.teacher_calls, again.frames) == (1, 0, 0)
    said = json.loads((tmp_path / "out" / "wall" / "scene.json").read_text())
    assert [entry.get("kind") for entry in said["labels"]] == [None, "proposed", "proposed"]


def test_a_teacher_that_cannot_propose_is_named(tmp_path, bag):
    summary = label([bag], tmp_path, propose=2)
    assert "color cannot propose" in next(iter(summary.failed.values()))


def camera(stamp: int, frame: Frame, depth: np.ndarray, broken: bool = False) -> Messages:
    """Camera, PNG colour, depth image and pose of a frame."""
    buffer = io.BytesIO()
    Image.fromarray(frame.color).save(buffer, "png")
    data = buffer.getvalue()[:200] if broken else buffer.getvalue()
    encoding = "16UC1" if depth.dtype == np.uint16 else "32FC1"
    info = camera_info(stamp, 96, 72, 90.0)
    pose = pose_stamped(stamp, 0.0)
    return [
        ("/cam/camera_info", stamp, info),
        ("/cam/color/compressed", stamp, compressed(stamp, "png", data)),
        ("/cam/depth", stamp, image(stamp, encoding, depth)),
        ("/pose", stamp, pose),
    ]


def test_corrupt_inputs_get_a_line_each_and_what_can_be_labelled_is(tmp_path, bag):
    frames = [red_patch_frame(1 + n * SECOND // 10, 0.1 * n) for n in range(10)]
    good = [np.rint(frame.depth * 1000).astype(np.uint16) for frame in frames]
    rows = list(zip(frames, good, strict=True))
    broken = [m for n, (f, d) in enumerate(rows) for m in camera(f.stamp_ns, f, d, broken=n == 4)]
    metres = [m for f, _ in rows for m in camera(f.stamp_ns, f, f.depth * np.float32(1000))]
    other = [("/scan", 1, pose_stamped(1, 0.0)), ("/tf", 1, tf(1, 0.0))]
    bags = [
        save_bag(tmp_path / "broken", broken),
        save_bag(tmp_path / "metres", metres),
        save_bag(tmp_path / "other", other),
    ]
    failed: dict[str, str] = {}
    warned: dict[str, str] = {}
    listener = Listener(
        failed=lambda path, reason: failed.update({path.name: reason}),
        warned=lambda path, text: warned.update({path.name: text}),
    )
    summary = label([*bags, bag], tmp_path, listener=listener)
    assert "wrong unit" in failed["metres"] and "no depth images" in failed["other"] and "/scan" in failed["other"]
    assert list(warned) == ["broken"] and warned["broken"].startswith("left out 1 x damaged image")
    assert [scene.written for scene in summary.scenes] == [len(TEXTS)] * 2
    assert summary.exit_status == SOME_FAILED
