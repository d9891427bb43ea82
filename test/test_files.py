"""Files are there whole or not at all."""

from pathlib import Path

import pytest

from mllm_for3d_ros.files import remove_partial, write_whole


def test_content_replaces_content_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    for content in (b"one", b"two"):
        write_whole(target, content)
        assert target.read_bytes() == content
    assert list(tmp_path.iterdir()) == [target]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_whole(target, b"one")
    with pytest.raises(TypeError):
        write_whole(target, "text")  # type: ignore[arg-type]
    assert target.read_bytes() == b"one" and list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_goes_and_what_others_name_alike_stays(tmp_path: Path) -> None:
    ours, theirs, folder = (tmp_path / name for name in (".a.json.123-0a1b2c3d.partial", ".b.partial", ".bag.partial"))
    ours.write_bytes(b"")
    theirs.write_bytes(b"")
    folder.mkdir()
    remove_partial(tmp_path)
    assert sorted(tmp_path.iterdir()) == [theirs, folder]
