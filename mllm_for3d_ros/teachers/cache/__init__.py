"""The answer cache: a teacher is asked once for every (view, instruction), ever."""

from mllm_for3d_ros.teachers.cache.answer_cache import AnswerCache, default_folder
from mllm_for3d_ros.teachers.cache.cached_teacher import CachedTeacher

__all__ = ["AnswerCache", "CachedTeacher", "default_folder"]
