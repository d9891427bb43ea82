"""LISA: a multimodal language model whose [SEG] token prompts SAM; the paper's teacher."""

from mllm_for3d_ros.teachers.lisa.teacher import LisaTeacher

__all__ = ["LisaTeacher"]
