"""Pages: complete, escaped, loading nothing, written again only when something changed."""

import base64
import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
from label_support import label, wall_bag

from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.report.point_data import UNKNOWN, packed_scene

NASTY = 'the red <script>alert("x")</script> thing'


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    bag = wall_bag(folder / "wall")
    summary = label([bag, folder / "gone & lost"], folder, [NASTY, "a blue thing"], report=True)
    return folder, bag, summary


def test_the_page_of_a_run_names_scenes_failures_and_times(reported):
    folder, _, summary = reported
    page = (folder / "out" / "report.html").read_text()
    assert 'href="report/wall.html"' in page and "gone &amp; lost" in page and "does not exist" in page
    assert all(stage in page for stage in ("mapping", "teacher", "lifting"))
    assert summary.report == str(folder / "out" / "report.html") and summary.stages["report"] > 0


def test_a_name_that_is_no_address_is_quoted_in_its_link(tmp_path):
    label([wall_bag(tmp_path / "hall #2 50%")], tmp_path, ["red"], report=True)
    (link,) = re.findall(r'href="(report/[^"]*)"', (tmp_path / "out" / "report.html").read_text())
    assert "#" not in link and (tmp_path / "out" / unquote(link)).is_file()


def test_the_page_of_a_scene_shows_views_masks_and_what_was_dropped(reported):
    page = (reported[0] / "out" / "report" / "wall.html").read_text()
    assert page.count('alt="fused mask') == 6
    assert page.count('alt="view ') == 2 * len(LabelStore.open(reported[0] / "out" / "wall").views)
    assert "nothing red was asked for" in page and "IoU with the label" in page and "weight ω" in page


def test_pages_load_nothing_and_what_was_said_is_escaped(reported):
    for page in (reported[0] / "out").rglob("*.html"):
        text = page.read_text()
        assert "<script>alert" not in text
        assert not re.search(r'(?:src|href)="(?:https?:)?//|@import|url\((?!data:)', text)


def test_a_page_is_written_again_only_when_labels_changed(reported):
    folder, bag, _ = reported
    path = folder / "out" / "report" / "wall.html"
    before = path.stat().st_mtime_ns
    label([bag], folder, [NASTY, "a blue thing"], report=True)
    assert path.stat().st_mtime_ns == before
    label([bag], folder, [NASTY, "a blue thing", "red again"], report=True)
    assert "red again" in path.read_text()


def test_the_packed_scene_unpacks_to_the_map(reported):
    store = LabelStore.open(reported[0] / "out" / "wall")
    cloud, labels = store.cloud(), [stored.label for stored in store.labels()]
    packed = json.loads(json.dumps(packed_scene(cloud, labels)))
    points = np.frombuffer(base64.b64decode(packed["points"]), "<u2").reshape(-1, 3) / 65535
    found = points * packed["span"] + packed["low"]
    np.testing.assert_allclose(found, cloud.points, atol=max(packed["span"]) / 65535)
    values = np.frombuffer(base64.b64decode(packed["labels"][0]["probability"]), np.uint8)
    known = ~np.isnan(labels[0].probability)
    assert (values[~known] == UNKNOWN).all()
    np.testing.assert_allclose(values[known] / 254, labels[0].probability[known], atol=0.003)
