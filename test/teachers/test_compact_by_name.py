"""``--teacher compact`` behind the cache."""

from named_teacher import ask_twice
from tiny_sam import picture

from mllm_for3d_ros.teachers.options import TeacherOptions


def test_compact_by_name(tmp_path, monkeypatch):
    images = [picture(120, 160, seed) for seed in range(2)]
    answers = ask_twice("compact", TeacherOptions(), images, "the sofa", tmp_path, monkeypatch)
    assert all(answer.features is not None and answer.features.shape == (64, 60, 80) for answer in answers)
