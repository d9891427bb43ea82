"""From a recording to a label store, in one go or in several."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from color_teacher import ColorTeacher, ShortRecording

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.lifting.label_recording import LabelSettings, label_recording
from mllm_for3d_ros.lifting.label_store import LabelStore


def test_the_red_patch_is_labelled_and_nothing_else(tmp_path):
    run = label_recording(ShortRecording(tmp_path / "bag"), ["the red thing"], ColorTeacher(), tmp_path / "store")
    assert (run.frames, run.written, run.kept) == (6, ("the red thing",), ())
    assert set(run.seconds) == {"mapping", "preparing", "labelling", "writing"}
    store = LabelStore.open(run.store)
    stored = store.read("the red thing")
    cloud = store.cloud()
    red = cloud.colors[:, 0].astype(int) - cloud.colors[:, 1] > 80
    found = stored.label.probability >= 0.5
    assert (found & red).sum() / (found | red).sum() > 0.8
    assert len(stored.views) == len(stored.label.view_weights) and max(stored.views) < len(store.views)
    assert store.provenance.teacher == "color:one:0"


def test_a_thing_that_is_not_there_gets_an_empty_label(tmp_path):
    run = label_recording(ShortRecording(tmp_path / "bag"), ["a blue thing"], ColorTeacher(), tmp_path / "store")
    label = LabelStore.open(run.store).read("a blue thing").label
    assert label.presence < 0.5 and not (label.probability >= 0.5).any()


def test_a_second_run_asks_only_for_what_is_new(tmp_path):
    recording, teacher = ShortRecording(tmp_path / "bag"), ColorTeacher()
    label_recording(recording, ["the red thing"], teacher, tmp_path / "store")
    asked = len(teacher.asked)
    run = label_recording(recording, ["the red thing"], teacher, tmp_path / "store")
    assert (len(teacher.asked), run.written, run.kept) == (asked, (), ("the red thing",))
    run = label_recording(recording, ["the red thing", "red again"], teacher, tmp_path / "store")
    assert set(teacher.asked[asked:]) == {"red again"}
    assert LabelStore.open(tmp_path / "store").instructions == ("the red thing", "red again")


def test_an_interrupted_run_ends_with_the_same_files(tmp_path):
    recording, texts = ShortRecording(tmp_path / "bag"), ["the red thing", "a blue thing", "red again"]
    label_recording(recording, texts, ColorTeacher(), tmp_path / "whole")

    def interrupt(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("labelling", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_recording(recording, texts, ColorTeacher(), tmp_path / "parts", progress=interrupt)
    run = label_recording(recording, texts, ColorTeacher(), tmp_path / "parts")
    assert run.written == ("red again",)

    def files(folder: Path) -> dict[str, bytes]:
        return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}

    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.parametrize("other", ["teacher", "settings"])
def test_labels_of_another_teacher_or_setting_are_not_mixed(tmp_path, other):
    recording = ShortRecording(tmp_path / "bag")
    label_recording(recording, ["the red thing"], ColorTeacher(), tmp_path / "store")
    teacher = ColorTeacher("two" if other == "teacher" else "one")
    settings = LabelSettings(voxel_size=0.05) if other == "settings" else LabelSettings()
    with pytest.raises(LabelStoreError, match="another provenance"):
        label_recording(recording, ["the red thing"], teacher, tmp_path / "store", settings)


def test_progress_tells_frames_then_labels(tmp_path):
    told = []
    label_recording(
        ShortRecording(tmp_path / "bag"), ["red", "blue"], ColorTeacher(), tmp_path / "store",
        progress=lambda *step: told.append(step),
    )  # fmt: skip
    assert told == [("mapping", n, 6) for n in range(1, 7)] + [("labelling", n, 2) for n in range(3)]


def test_unseen_voxels_are_unknown_rather_than_negative(tmp_path):
    run = label_recording(ShortRecording(tmp_path / "bag"), ["red"], ColorTeacher(), tmp_path / "store")
    label = LabelStore.open(run.store).read("red").label
    assert (label.confidence[np.isnan(label.probability)] == 0).all()
