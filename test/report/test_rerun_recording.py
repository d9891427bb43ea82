"""Rerun recordings: written with the real SDK and read back."""

import importlib.util

import numpy as np
import pytest
from label_support import label, wall_bag

from mllm_for3d_ros.errors import MissingExtraError
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.report.rerun_recording import TIMELINE, require_rerun, write_recordings

TEXTS = ("the red thing", "a blue thing")


def chunks(path):
    """What a recording holds, by entity."""
    try:
        from rerun.chunk import RrdReader
    except ImportError:  # before 0.41
        from rerun.experimental import RrdReader
    found = {}
    for chunk in RrdReader(path).stream():
        found.setdefault(str(chunk.entity_path), []).append(chunk.to_record_batch())
    return found


def column(batches, name):
    """All values of the columns whose name ends so."""
    return [value for batch in batches for key in batch.schema.names if key.endswith(name) for value in batch[key]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerun")
    summary = label([wall_bag(folder / "wall")], folder, TEXTS, rerun=True)
    return folder, summary


def test_the_recording_holds_the_map_the_views_and_the_labels(recorded):
    folder, _ = recorded
    store = LabelStore.open(folder / "out" / "wall")
    found = chunks(folder / "out" / "report" / "wall.rrd")
    (points,) = column(found["/map"], "Points3D:positions")
    np.testing.assert_array_equal(np.array(points.as_py(), np.float32), store.cloud().points)
    for row in range(len(store.views)):
        assert column(found[f"/views/{row:03d}"], "Pinhole:resolution")
        assert column(found[f"/views/{row:03d}"], "EncodedImage:blob")
    red, blue = column(found["/label"], "Points3D:positions")
    assert len(red) == (store.read(TEXTS[0]).label.probability >= 0.5).sum() > 0 and len(blue) == 0
    assert [step.as_py() for step in column(found["/label"], TIMELINE)] == [0, 1]


def test_each_instruction_has_its_sentence_and_its_masks(recorded):
    folder, _ = recorded
    store = LabelStore.open(folder / "out" / "wall")
    found = chunks(folder / "out" / "report" / "wall.rrd")
    said = [text.as_py()[0] for text in column(found["/instruction"], "TextDocument:text")]
    assert [text.splitlines()[0] for text in said] == [f"# {text}" for text in TEXTS]
    record = store.records(TEXTS[0])[0]
    masks = [m for m in column(found[f"/views/{record.view:03d}/mask"], "SegmentationImage:buffer") if m.is_valid]
    assert np.array(masks[0].as_py()[0], np.uint8).sum() == record.mask().sum()


def test_a_recording_is_written_again_only_when_labels_changed(recorded):
    folder, summary = recorded
    (path,) = write_recordings(folder / "out" / "report", summary)
    before = path.stat().st_mtime_ns
    write_recordings(folder / "out" / "report", summary)
    assert path.stat().st_mtime_ns == before
    label([folder / "wall"], folder, [*TEXTS, "red again"], rerun=True)
    assert path.stat().st_mtime_ns > before


def test_without_rerun_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "mllm_for3d_ros\[rerun\]"'):
        require_rerun()
