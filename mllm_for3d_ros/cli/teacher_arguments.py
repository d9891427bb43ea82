"""The options of every verb that runs a teacher."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mllm_for3d_ros.cli.arguments import non_negative_int, positive_float, positive_int

if TYPE_CHECKING:
    from mllm_for3d_ros.teachers.cache import AnswerCache
    from mllm_for3d_ros.teachers.options import TeacherOptions

_DTYPES = ("auto", "float32", "bfloat16", "float16")
_COORDINATES = ("auto", "relative", "absolute")


def add_teacher_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the teacher, its options and the folder of the answer cache."""
    group = parser.add_argument_group("teacher", "`mllm-for3d teachers` lists them and what each needs")
    add = group.add_argument
    add("--teacher", default="compact", metavar="NAME[:MODEL]", help="and its weights: a Hub id or a folder")
    add_model_arguments(group)
    add("--cache", type=Path, metavar="DIR", help="answer cache; default: $MLLM_FOR3D_CACHE or the user's cache folder")


def add_model_arguments(group: argparse._ActionsContainer) -> None:
    """Declare how teachers are loaded and run; see ``TeacherOptions``."""
    add = group.add_argument
    add("--sam", metavar="MODEL", help="SAM behind qwen-vl and openai: Hub id, folder, .pth file or library:FILE.pth")
    add("--phrases", metavar="MODEL", help="text model that names the noun phrase for sam3; default: our own rules")
    add("--clip", metavar="MODEL", help="CLIP tower of lisa, Hub id or folder; default: the one its config names")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    add("--dtype", default="auto", choices=_DTYPES, help="auto: bfloat16 on a GPU, float32 on a CPU")
    add("--attn", metavar="NAME", help="attention of transformers, e.g. flash_attention_2; default: sdpa")
    add("--four-bit", action="store_true", help="load the language model in 4 bit (extra `quantized`)")
    add("--max-pixels", type=positive_int, metavar="N", help="shrink images to so many pixels for the VLM")
    add("--batch-size", type=positive_int, default=4, metavar="N", help="views in one forward pass")
    add("--base-url", metavar="URL", help="of the endpoint of openai, e.g. http://localhost:8000/v1")
    add("--model", metavar="ID", help="model of the endpoint, as in --teacher openai:ID")
    add("--coordinates", default="auto", choices=_COORDINATES, help="of the endpoint's model: 0..1000 or pixels")
    add("--concurrency", type=positive_int, default=8, metavar="N", help="requests in flight")
    add("--timeout", type=positive_float, default=60.0, metavar="S", help="seconds for one request")
    add("--retries", type=non_negative_int, default=3, metavar="N", help="after the first try")
    add("--allow-download", action="store_true", help="fetch missing weights from the Hub")
    add(
        "--trust-remote-code",
        action="store_true",
        help="run code that comes with a checkpoint, with all your rights; warns as it does",
    )


def teacher_options(args: argparse.Namespace) -> TeacherOptions:
    """The options of ``load_teacher``."""
    from mllm_for3d_ros.teachers.options import TeacherOptions

    return TeacherOptions(
        device=args.device,
        dtype=args.dtype,
        segmenter=args.sam,
        attn_implementation=args.attn,
        four_bit=args.four_bit,
        max_pixels=args.max_pixels,
        batch_size=args.batch_size,
        base_url=args.base_url,
        model=args.model,
        coordinates=args.coordinates,
        concurrency=args.concurrency,
        timeout_s=args.timeout,
        retries=args.retries,
        phrases=args.phrases,
        clip=args.clip,
        allow_download=args.allow_download,
        trust_remote_code=args.trust_remote_code,
    )


def open_cache(args: argparse.Namespace) -> AnswerCache:
    """The answer cache of ``--cache``, to be closed after use.

    Raises:
        CacheError: it cannot be opened.
    """
    from mllm_for3d_ros.teachers.cache import AnswerCache

    return AnswerCache(args.cache)
