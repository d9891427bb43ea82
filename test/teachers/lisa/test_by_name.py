"""``--teacher lisa:FOLDER`` behind the cache."""

from named_teacher import ask_twice
from tiny_lisa import NONE, ONE
from tiny_sam import picture

from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.registry import fingerprint_of


def test_lisa_by_name(checkpoint, tmp_path, monkeypatch):
    folder, clip = checkpoint
    name, options = f"lisa:{folder}", TeacherOptions(device="cpu", clip=str(clip))
    images = [picture(48, 64, seed) for seed in range(3)]
    found = ask_twice(name, options, images, ONE, tmp_path / "one", monkeypatch)
    assert all(answer.abstained is None and answer.features is not None for answer in found)
    monkeypatch.undo()
    silent = ask_twice(name, options, images, NONE, tmp_path / "none", monkeypatch)
    assert all("no [SEG]" in str(answer.abstained) for answer in silent)


def test_the_clip_tower_is_part_of_the_fingerprint(checkpoint):
    folder, clip = checkpoint
    names = {str(fingerprint_of(f"lisa:{folder}", TeacherOptions(clip=str(tower)))) for tower in (clip, folder)}
    assert len(names) == 2
