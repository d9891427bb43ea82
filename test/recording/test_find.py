"""Paths, folders and globs to recordings."""

import pytest

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.find import find_recordings, store_names


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_a_folder_of_bags_stands_for_them(tmp_path):
    touch(tmp_path / "a", "metadata.yaml", "a_0.mcap", "a_1.mcap")
    touch(tmp_path / "scene", "frame-000000.color.png")
    touch(tmp_path / "empty", "notes.txt")
    touch(tmp_path, "b.bag", "c.mcap", "readme.md")
    assert [path.name for path in find_recordings([str(tmp_path)])] == ["a", "b.bag", "c.mcap", "scene"]


def test_parts_of_a_split_bag_are_one(tmp_path):
    touch(tmp_path / "run", "run_0.mcap", "run_1.mcap", "run_10.mcap")
    assert find_recordings([str(tmp_path / "run")]) == [tmp_path / "run"]
    touch(tmp_path / "run", "walk_0.mcap")
    assert len(find_recordings([str(tmp_path / "run")])) == 4


def test_globs_are_expanded_and_repeats_dropped(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    found = find_recordings([f"{tmp_path}/*", str(tmp_path / "a")])
    assert [path.name for path in found] == ["a", "b"]
    with pytest.raises(RecordingError, match="matches no file"):
        find_recordings([f"{tmp_path}/*.mcap"])


def test_what_is_missing_or_holds_nothing_is_kept_to_be_reported(tmp_path):
    touch(tmp_path / "empty")
    given = [str(tmp_path / "empty"), str(tmp_path / "gone")]
    assert [str(path) for path in find_recordings(given)] == given


def test_recordings_of_one_name_get_folders_of_their_own(tmp_path):
    paths = [tmp_path / "one" / "bag", tmp_path / "two" / "bag", tmp_path / "hall.mcap"]
    names = store_names(paths)
    assert len(set(names)) == 3 and names[2] == "hall" and all(name.startswith("bag-") for name in names[:2])
    assert store_names(paths) == names


def test_a_lone_bag_file_does_not_hide_the_recordings_beside_it(tmp_path):
    touch(tmp_path / "kitchen", "metadata.yaml", "kitchen.mcap")
    touch(tmp_path, "cut.mcap")
    assert [path.name for path in find_recordings([str(tmp_path)])] == ["cut.mcap", "kitchen"]


def test_a_folder_may_be_named_like_a_bag_file(tmp_path):
    touch(tmp_path / "kitchen.mcap", "metadata.yaml", "kitchen.mcap_0.mcap")
    assert find_recordings([str(tmp_path)]) == [tmp_path / "kitchen.mcap"]
