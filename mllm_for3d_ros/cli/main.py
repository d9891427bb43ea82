"""Entry point of ``mllm-for3d``: finds the verb, runs it, and turns errors into one line.

A verb is a module ``mllm_for3d_ros/cli/<verb>.py`` with ``HELP``, ``add_arguments(parser)`` and
``run(args) -> int``, and a row in ``VERBS``. The module is imported only when the verb is called, so
``mllm-for3d --help`` costs no heavy import.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from mllm_for3d_ros import __version__
from mllm_for3d_ros.errors import MLLMFor3DError

PROG = "mllm-for3d"
EXIT_ERROR = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT


@dataclass(frozen=True)
class Verb:
    """A row of the help: what is typed (also the module's name), one line of help, and an example."""

    name: str
    help: str
    example: str


VERBS = (
    Verb("ask", "map a recording and answer instructions on it", 'ask my_bag "somewhere to sit" --out out/ask'),
    Verb("demo", "show the whole path on a synthetic room, over ROS topics", "demo --seed 10003"),
    Verb("label", "label recordings in 3D with a 2D teacher", 'label my_bag --instructions "somewhere to sit"'),
    Verb(
        "export",
        "write labels in the layouts of Reason3D, Instruct3D, PLY or COCO",
        "export out/label --format coco --out out/coco",
    ),
    Verb("play", "publish a bag's messages on their topics", "play my_bag --rate 2.0"),
    Verb("doctor", "say what is wrong with machine, topics and TF, and the remedy", "doctor --camera realsense"),
    Verb("rooms", "make recordings of synthetic rooms with ground truth", "rooms make --seed 10000 --out out/room"),
    Verb("train", "train a student from labels, or the shipped models", "train config/student.yaml"),
    Verb("model", "show what a model file is and where it comes from", "model info models/student.safetensors"),
    Verb("teachers", "list the 2D teachers, what each needs and whether it can run here", "teachers"),
    Verb("cache", "show or prune the stored answers of teachers", "cache info"),
    Verb("eval", "measure a checkpoint on held-out rooms", "eval rooms --seeds 10000:10005"),
)


class VerbModule(Protocol):
    """What a verb's module provides."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; returns the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None takes those of the process.

    Returns:
        The exit status: the verb's own, 2 for an error that the user can act on, 130 for Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    verbs = available_verbs()
    parser = _parser(verbs)
    options, unknown = parser.parse_known_args(arguments[:1])
    if unknown:
        parser.error(f"unknown option {unknown[0]}")
    if options.verb is None:
        parser.print_help()
        return EXIT_ERROR
    verb = next((v for v in verbs if v.name == options.verb), None)
    if verb is None:
        parser.error(f"unknown verb {options.verb!r}: choose from {', '.join(v.name for v in verbs)}")
    return _run(verb, arguments[1:])


def available_verbs() -> tuple[Verb, ...]:
    """The verbs whose module is there."""
    return tuple(v for v in VERBS if importlib.util.find_spec(f"{__package__}.{v.name}") is not None)


def _parser(verbs: Sequence[Verb]) -> argparse.ArgumentParser:
    width = max((len(v.name) for v in verbs), default=0)
    listing = "\n".join(f"  {v.name:{width}}  {v.help}" for v in verbs)
    examples = "\n".join(f"  {PROG} {v.example}" for v in verbs)
    parser = argparse.ArgumentParser(
        prog=PROG,
        usage=f"{PROG} [--version] VERB ...",
        description="Say what you need, get its 3D mask in the map frame.",
        epilog=f"verbs:\n{listing}\n\nexamples:\n{examples}\n\n`{PROG} VERB --help` explains a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    parser.add_argument("verb", nargs="?", help=argparse.SUPPRESS)
    return parser


def _run(verb: Verb, arguments: list[str]) -> int:
    """Load the verb's module and run it; prints an expected error as one line."""
    try:
        module = cast(VerbModule, importlib.import_module(f"{__package__}.{verb.name}"))
        parser = argparse.ArgumentParser(
            prog=f"{PROG} {verb.name}",
            description=module.HELP,
            epilog=f"example:\n  {PROG} {verb.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(parser)
        return module.run(parser.parse_args(arguments))
    except MLLMFor3DError as error:
        print(f"{PROG}: error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
