"""From a recording to its label stores, in one go or in several."""

import numpy as np
import pytest
from color_teacher import ColorTeacher, ShortRecording
from label_support import files

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.labeling.label_recording import label_recording
from mllm_for3d_ros.labeling.progress import Cancelled, Progress, Stage, Tracker
from mllm_for3d_ros.labeling.settings import Asked, LabelSettings
from mllm_for3d_ros.lifting.feature_file import FEATURES_FILE, read_features
from mllm_for3d_ros.lifting.label_store import LabelStore


def label(tmp_path, *texts, teacher=None, folder="store", settings=None, tracker=None, frames=6):
    recording = ShortRecording(tmp_path / "bag", frames)
    return label_recording(
        tmp_path / "bag",
        lambda: recording,
        [Asked(text) for text in texts],
        teacher or ColorTeacher(),
        tmp_path / folder,
        settings,
        tracker,
    )


def test_the_red_patch_is_labelled_and_nothing_else(tmp_path):
    run = label(tmp_path, "the red thing")
    assert (run.frames, run.written, run.kept) == (6, 1, 0)
    assert set(run.seconds) == {"opening", "mapping", "preparing", "labelling", "writing", "features"}
    store = LabelStore.open(run.stores[0])
    stored = store.read("the red thing")
    cloud = store.cloud()
    red = cloud.colors[:, 0].astype(int) - cloud.colors[:, 1] > 80
    found = stored.label.probability >= 0.5
    assert (found & red).sum() / (found | red).sum() > 0.8
    assert len(stored.views) == len(stored.label.view_weights) and max(stored.views) < len(store.views)
    assert store.provenance.teacher == "color:one:0"


def test_the_store_keeps_what_each_view_said(tmp_path):
    store = LabelStore.open(label(tmp_path, "the red thing").stores[0])
    records = store.records("the red thing")
    assert [record.view for record in records] == list(store.read("the red thing").views)
    assert all(record.reason is None and record.agreement > 0.7 for record in records)
    assert records[0].mask().sum() == 22 * 22
    assert all(store.view_image(record.view) is not None for record in records)


def test_a_thing_that_is_not_there_gets_an_empty_label(tmp_path):
    store = LabelStore.open(label(tmp_path, "a blue thing").stores[0])
    found = store.read("a blue thing").label
    assert found.presence < 0.5 and not (found.probability >= 0.5).any()
    assert all(record.counts is None and record.reason for record in store.records("a blue thing"))


def test_a_second_run_asks_only_for_what_is_new(tmp_path):
    teacher = ColorTeacher()
    label(tmp_path, "the red thing", teacher=teacher)
    asked = len(teacher.asked)
    run = label(tmp_path, "the red thing", teacher=teacher)
    assert (len(teacher.asked), run.written, run.kept, run.frames) == (asked, 0, 1, 0)
    label(tmp_path, "the red thing", "red again", teacher=teacher)
    assert set(teacher.asked[asked:]) == {"red again"}
    assert LabelStore.open(tmp_path / "store").instructions == ("the red thing", "red again")


def test_an_interrupted_run_ends_with_the_same_files(tmp_path):
    texts = ["the red thing", "a blue thing", "red again"]
    label(tmp_path, *texts, folder="whole")
    stop = False

    def stop_after_two(progress: Progress) -> None:
        nonlocal stop
        stop = (progress.stage, progress.labels_done) == (Stage.LABELLING, 2)

    with pytest.raises(Cancelled):
        label(tmp_path, *texts, folder="parts", tracker=Tracker(1, stop_after_two, lambda: stop))
    assert label(tmp_path, *texts, folder="parts").written == 1
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_the_features_of_the_views_are_lifted_beside_the_labels(tmp_path):
    label(tmp_path, "a blue thing", "the red thing")
    store = LabelStore.open(tmp_path / "store")
    features, seen = read_features(store.folder, store.voxels)
    red = store.read("the red thing").label.probability > 0.9
    grey = seen & (np.abs(store.cloud().colors.astype(int) - 120).max(1) < 5)
    assert seen.mean() > 0.9 and (features[~seen] == 0).all()
    np.testing.assert_allclose(np.median(features[red], 0), [200 / 255, 30 / 255], atol=0.02)
    np.testing.assert_allclose(np.median(features[grey], 0), [120 / 255] * 2, atol=0.02)


def test_without_features_the_file_is_there_and_has_none(tmp_path):
    label(tmp_path, "a blue thing")
    store = LabelStore.open(tmp_path / "store")
    features, seen = read_features(store.folder, store.voxels)
    assert features.shape == (store.voxels, 0) and not seen.any()


def test_a_store_whose_features_are_missing_gets_them(tmp_path):
    label(tmp_path, "the red thing")
    before = files(tmp_path / "store")
    (tmp_path / "store" / FEATURES_FILE).unlink()
    assert label(tmp_path, "the red thing").written == 0
    assert files(tmp_path / "store") == before


@pytest.mark.parametrize("other", ["teacher", "settings"])
def test_labels_of_another_teacher_or_setting_are_not_mixed(tmp_path, other):
    label(tmp_path, "the red thing")
    teacher = ColorTeacher("two" if other == "teacher" else "one")
    settings = LabelSettings(voxel_size=0.05) if other == "settings" else LabelSettings()
    with pytest.raises(LabelStoreError, match=f"another provenance .differs in {other}"):
        label(tmp_path, "the red thing", teacher=teacher, settings=settings)


def test_a_map_that_grows_too_large_is_labelled_in_parts(tmp_path):
    settings = LabelSettings(part_voxels=8000)
    run = label(tmp_path, "the red thing", settings=settings, frames=20)
    assert [folder.name for folder in run.stores] == ["store", "store.part2"]
    stores = [LabelStore.open(folder) for folder in run.stores]
    assert stores[0].voxels >= 8000 and sum(store.part.frames for store in stores) == 20
    assert stores[1].part.first_frame == stores[0].part.frames
    teacher = ColorTeacher()
    again = label(tmp_path, "the red thing", settings=settings, frames=20, teacher=teacher)
    assert (again.frames, teacher.asked) == (0, [])


def test_parts_that_are_finished_are_not_mapped_again(tmp_path):
    settings = LabelSettings(part_voxels=8000)
    label(tmp_path, "the red thing", settings=settings, frames=20, folder="whole")
    seen = []

    def stop_in_part_two(progress: Progress) -> None:
        seen.append(progress.stage)

    with pytest.raises(Cancelled):
        label(
            tmp_path, "the red thing", settings=settings, frames=20, folder="parts",
            tracker=Tracker(1, stop_in_part_two, lambda: seen.count(Stage.PREPARING) == 2),
        )  # fmt: skip
    teacher = ColorTeacher()
    run = label(tmp_path, "the red thing", settings=settings, frames=20, folder="parts", teacher=teacher)
    assert run.written == 1
    for name in ("", ".part2"):
        assert files(tmp_path / f"parts{name}") == files(tmp_path / f"whole{name}")


def test_progress_tells_frames_then_labels_and_never_goes_back(tmp_path):
    told: list[Progress] = []
    label(tmp_path, "red", "blue", tracker=Tracker(1, told.append))
    assert [p.frames_read for p in told if p.stage == Stage.MAPPING][:7] == [0, 1, 2, 3, 4, 5, 6]
    assert [p.labels_done for p in told if p.stage == Stage.LABELLING][-2:] == [1, 2]
    shares = [p.progress for p in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)


def test_unseen_voxels_are_unknown_rather_than_negative(tmp_path):
    label_ = LabelStore.open(label(tmp_path, "red").stores[0]).read("red").label
    assert (label_.confidence[np.isnan(label_.probability)] == 0).all()
