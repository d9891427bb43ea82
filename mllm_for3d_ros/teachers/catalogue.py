"""The teachers and segmenters that are known: what each needs, and whether we have run its real weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.options import TeacherOptions

COMPACT_CHECKPOINT = "teacher_compact.safetensors"
DEFAULT_SEGMENTER = "facebook/sam2.1-hiera-large"
PROPOSERS = ("qwen-vl", "openai")
"""Teachers that can think of instructions for a scene."""
DEFAULT_CLIP = "openai/clip-vit-large-patch14"
LIBRARY_PREFIX = "library:"
"""Before a .pth file: run it with the segment_anything library itself."""


@dataclass(frozen=True)
class TeacherRow:
    """A teacher of the table.

    summary: how it answers. model: its default weights (Hub id), None where they ship with the package or
    the user must name them. also: further weights that its defaults need. extras: of the package.
    licence: of the default weights. memory_gb: for the defaults in bfloat16, reckoned from the number of
    parameters, 0 if little. verified: whether we have run the real weights, and not only tiny ones in the
    same layout. gated: the Hub hands them out only to those who accepted their licence.
    """

    name: str
    summary: str
    model: str | None
    also: tuple[str, ...]
    extras: tuple[str, ...]
    licence: str
    memory_gb: float
    verified: bool = False
    gated: bool = False


@dataclass(frozen=True)
class SegmenterRow:
    """A kind of SAM for ``--sam``: where to get it; fields as in ``TeacherRow``."""

    name: str
    model: str
    extras: tuple[str, ...]
    licence: str
    memory_gb: float
    verified: bool = False


TEACHERS = (
    TeacherRow(
        "compact",
        "the embedded segmenter, trained on synthetic rooms; knows their classes only",
        None,
        (),
        ("learn",),
        "Apache-2.0",
        0.0,
        verified=True,
    ),
    TeacherRow(
        "qwen-vl",
        "Qwen3-VL or Qwen2.5-VL (Qwen/Qwen2.5-VL-7B-Instruct) names boxes and points, a SAM draws the masks",
        "Qwen/Qwen3-VL-8B-Instruct",
        (DEFAULT_SEGMENTER,),
        ("learn",),
        "Apache-2.0",
        21.0,
    ),
    TeacherRow(
        "lisa",
        "LISA: a [SEG] token that SAM turns to a mask, as in the paper",
        "xinlai/LISA-7B-v1",
        (DEFAULT_CLIP,),
        ("learn", "lisa"),
        "built on LLaMA and LLaVA: their terms",
        18.0,
    ),
    TeacherRow(
        "sam3",
        "SAM 3 finds a noun phrase taken from the instruction",
        "facebook/sam3",
        (),
        ("learn",),
        "SAM License",
        6.0,
        gated=True,
    ),
    TeacherRow(
        "openai",
        "a VLM behind an OpenAI-compatible endpoint names boxes and points, a local SAM draws the masks",
        None,
        (DEFAULT_SEGMENTER,),
        ("learn", "openai"),
        "that of the endpoint's model",
        2.0,
    ),
)
SEGMENTERS = (
    SegmenterRow("sam2", DEFAULT_SEGMENTER, ("learn",), "Apache-2.0", 2.0),
    SegmenterRow("sam", "facebook/sam-vit-huge", ("learn",), "Apache-2.0", 4.0),
    SegmenterRow("sam-hq", "syscv-community/sam-hq-vit-huge", ("learn",), "Apache-2.0", 4.0),
    SegmenterRow("sam3 tracker", "facebook/sam3", ("learn",), "SAM License", 5.0),
    SegmenterRow("segment-anything", "sam_vit_h_4b8939.pth", ("learn",), "Apache-2.0", 4.0),
)


@dataclass(frozen=True)
class TeacherName:
    """What ``--teacher NAME[:model-id-or-folder]`` says: a row of the table, and the weights, None for the default."""

    row: TeacherRow
    model: str | None


def parse_name(text: str) -> TeacherName:
    """Read ``NAME[:model-id-or-folder]``; the model may hold colons itself, as in ``openai:qwen2.5vl:7b``.

    Raises:
        TeacherError: there is no teacher of that name.
    """
    name, _, model = text.partition(":")
    row = next((row for row in TEACHERS if row.name == name.strip()), None)
    if row is None:
        known = ", ".join(row.name for row in TEACHERS)
        raise TeacherError(f"unknown teacher {name!r}: choose one of {known}, and give weights as NAME:model-or-folder")
    return TeacherName(row, model.strip() or None)


def require_proposer(text: str) -> None:
    """Refuse a teacher that cannot propose instructions.

    Raises:
        TeacherError: it is none of ``PROPOSERS``, or there is no teacher of that name.
    """
    name = parse_name(text).row.name
    if name not in PROPOSERS:
        raise TeacherError(
            f"teacher {name} cannot propose instructions, only {' and '.join(PROPOSERS)} can; give --instructions"
        )


def needed_weights(chosen: TeacherName, options: TeacherOptions) -> tuple[str, ...]:
    """Hub ids, folders and files that the teacher reads; the compact one's ships with the package."""
    row = chosen.row
    replaced = {DEFAULT_SEGMENTER: options.segmenter, DEFAULT_CLIP: options.clip}
    also = tuple(replaced.get(model) or model for model in row.also)
    main = () if row.model is None else (chosen.model or row.model,)
    return (*main, *(model.removeprefix(LIBRARY_PREFIX) for model in also), *filter(None, [options.phrases]))


def compact_checkpoint(chosen: TeacherName) -> Path:
    """The file of the compact teacher: the one named, else the shipped one.

    Raises:
        CheckpointError: the package's models are not installed.
    """
    return Path(chosen.model).expanduser() if chosen.model else models_dir() / COMPACT_CHECKPOINT
