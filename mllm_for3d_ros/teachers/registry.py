"""From ``--teacher NAME[:model-id-or-folder]`` to a teacher, and to the fingerprint of its answers.

``fingerprint_of`` loads no model and imports neither torch nor transformers, so that a run whose answers
are all cached costs no start of a model. It names weights, prompt and settings as asked for; what the
machine decides (bfloat16 on a GPU, float32 on a CPU) is left out, so that answers outlive a change of
machine. Endpoints and model ids come from ``TeacherOptions`` and the name alone.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from mllm_for3d_ros.checkpoint import read_card
from mllm_for3d_ros.teachers.base import Fingerprint, Teacher
from mllm_for3d_ros.teachers.cache import AnswerCache, CachedTeacher
from mllm_for3d_ros.teachers.cache.cached_teacher import VIEWS_PER_COMMIT, TeacherSource
from mllm_for3d_ros.teachers.catalogue import (
    DEFAULT_SEGMENTER,
    LIBRARY_PREFIX,
    TeacherName,
    compact_checkpoint,
    parse_name,
)
from mllm_for3d_ros.teachers.extras import needed_extras, require_extras
from mllm_for3d_ros.teachers.grounding import Grounder
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.weights import resolve_weights, weights_hash

_DIGITS = 16
"""Hex digits of a hash that a fingerprint shows."""


def load_teacher(name: str, options: TeacherOptions | None = None) -> Teacher:
    """The teacher ``NAME[:model-id-or-folder]``, ready to answer.

    Raises:
        TeacherError: unknown name; an extra or weights are missing, and the message has the command to run.
        CheckpointError: the compact teacher's or the sentence encoder's files are missing or damaged.
        DeviceError: there is no such device.
    """
    chosen, options = parse_name(name), options or TeacherOptions()
    require_extras(chosen.row.name, needed_extras(chosen, options))
    return _LOADERS[chosen.row.name](chosen, options)


def fingerprint_of(name: str, options: TeacherOptions | None = None) -> Fingerprint:
    """Under what the answers of ``load_teacher(name, options)`` are cached; large weights are hashed only once.

    Raises:
        TeacherError: unknown name, or the weights are not there.
        CheckpointError: the compact teacher's files are missing.
    """
    chosen, options = parse_name(name), options or TeacherOptions()
    return _FINGERPRINTS[chosen.row.name](chosen, options)


def cached_teacher(
    name: str,
    options: TeacherOptions,
    cache: AnswerCache,
    progress: Callable[[int], None] | None = None,
) -> CachedTeacher:
    """The teacher behind ``cache``; it is loaded at the first view that the cache does not know.

    Raises:
        TeacherError, CheckpointError: see ``fingerprint_of``.
    """
    return teacher_source(name, options).cached(cache, progress)


def teacher_source(name: str, options: TeacherOptions) -> TeacherSource:
    """How any process gets the teacher.

    Raises:
        TeacherError, CheckpointError: see ``fingerprint_of``.
    """
    # Whole batches, and enough views that no request waits for the end of a small lot.
    batch = max(options.batch_size, 1)
    batches = -(-max(VIEWS_PER_COMMIT, 2 * options.concurrency) // batch)
    return TeacherSource(fingerprint_of(name, options), functools.partial(load_teacher, name, options), batches * batch)


def _load_compact(chosen: TeacherName, options: TeacherOptions) -> Teacher:
    from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher

    return CompactTeacher.load(compact_checkpoint(chosen), views_kept=options.views_kept)


def _load_qwen_vl(chosen: TeacherName, options: TeacherOptions) -> Teacher:
    from mllm_for3d_ros.teachers.qwen_vl import QwenVL

    return _grounded(QwenVL.load(_model(chosen), options), options)


def _load_openai(chosen: TeacherName, options: TeacherOptions) -> Teacher:
    from mllm_for3d_ros.teachers.openai_vlm import OpenAIVLM

    return _grounded(OpenAIVLM(_endpoint(chosen, options)), options)


def _load_lisa(chosen: TeacherName, options: TeacherOptions) -> Teacher:
    from mllm_for3d_ros.teachers.lisa.teacher import LisaTeacher

    return LisaTeacher.load(_model(chosen), options)


def _load_sam3(chosen: TeacherName, options: TeacherOptions) -> Teacher:
    from mllm_for3d_ros.teachers.sam3 import Sam3Teacher

    return Sam3Teacher.load(_model(chosen), options)


def _grounded(grounder: Grounder, options: TeacherOptions) -> Teacher:
    """Boxes and points of ``grounder`` to masks."""
    from mllm_for3d_ros.teachers.grounded_sam import GroundedSam
    from mllm_for3d_ros.teachers.sam.segmenter import Segmenter

    return GroundedSam(grounder, Segmenter.load(options.segmenter or DEFAULT_SEGMENTER, options))


def _fingerprint_compact(chosen: TeacherName, options: TeacherOptions) -> Fingerprint:
    card = read_card(compact_checkpoint(chosen))
    return Fingerprint("compact", str(card.get("sha256"))[:_DIGITS], geometry=True)


def _fingerprint_qwen_vl(chosen: TeacherName, options: TeacherOptions) -> Fingerprint:
    from mllm_for3d_ros.teachers.qwen_vl import fingerprint_of

    return _with_segmenter(fingerprint_of(_model(chosen), options), options)


def _fingerprint_openai(chosen: TeacherName, options: TeacherOptions) -> Fingerprint:
    from mllm_for3d_ros.teachers.openai_vlm import endpoint_fingerprint

    return _with_segmenter(endpoint_fingerprint(_endpoint(chosen, options)), options)


def _fingerprint_lisa(chosen: TeacherName, options: TeacherOptions) -> Fingerprint:
    from mllm_for3d_ros.teachers.lisa.teacher import fingerprint_of

    return fingerprint_of(_model(chosen), options)


def _fingerprint_sam3(chosen: TeacherName, options: TeacherOptions) -> Fingerprint:
    from mllm_for3d_ros.teachers.sam3 import fingerprint_of

    return fingerprint_of(_model(chosen), options)


_LOADERS: dict[str, Callable[[TeacherName, TeacherOptions], Teacher]] = {
    "compact": _load_compact,
    "qwen-vl": _load_qwen_vl,
    "lisa": _load_lisa,
    "sam3": _load_sam3,
    "openai": _load_openai,
}
_FINGERPRINTS: dict[str, Callable[[TeacherName, TeacherOptions], Fingerprint]] = {
    "compact": _fingerprint_compact,
    "qwen-vl": _fingerprint_qwen_vl,
    "lisa": _fingerprint_lisa,
    "sam3": _fingerprint_sam3,
    "openai": _fingerprint_openai,
}


def _model(chosen: TeacherName) -> str:
    """The weights of a teacher whose row has a default."""
    return chosen.model or chosen.row.model or ""


def _endpoint(chosen: TeacherName, options: TeacherOptions) -> TeacherOptions:
    """Options with the endpoint's model that the name says, if it says one."""
    return dataclasses.replace(options, model=chosen.model or options.model)


def _with_segmenter(asked: Fingerprint, options: TeacherOptions) -> Fingerprint:
    """``asked`` with the SAM half; the library's masks differ a little from those of transformers."""
    segmenter = options.segmenter or DEFAULT_SEGMENTER
    file = segmenter.removeprefix(LIBRARY_PREFIX)
    kind = "" if file == segmenter else LIBRARY_PREFIX.rstrip(":")
    weights = weights_hash(resolve_weights(file, options, "segmenter"))[:_DIGITS]
    return dataclasses.replace(asked, weights=f"{asked.weights}+{kind}{weights}")
