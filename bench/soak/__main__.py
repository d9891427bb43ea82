"""Soak the nodes: a camera at 640x480 and 30 Hz, /tf at 100 Hz, an instruction every 2 s, over real DDS.

python -m bench.soak [--minutes 10 | --seconds 30] [--empty] [--out out/soak]

Prints what each process used and, last, a line of JSON that is also DIR/result.json.
exit status: 0 all bars are met, 1 some are missed, 2 it could not be measured. --empty measures what is left for the
work: the camera, and a node that only receives.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.soak.meter import Usage
from bench.soak.run import Options, Soak, run_empty, run_soak
from bench.soak.verdict import BARS
from mllm_for3d_ros.cli.arguments import positive_float, positive_int, table
from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.evaluation.machine import machine


def main(argv: list[str] | None = None) -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=positive_float, default=10.0, help="to measure for (default 10)")
    length.add_argument("--seconds", type=positive_float, help="in place of --minutes")
    parser.add_argument("--empty", action="store_true", help="the empty pipeline; no bars")
    parser.add_argument("--seed", type=int, default=10000, help="of the room")
    parser.add_argument("--views", type=positive_int, default=60, help="of the room that the camera shows")
    parser.add_argument("--hold", type=positive_int, default=5, help="images of each view before the next")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), metavar="DIR")
    args = parser.parse_args(argv)
    seconds = args.seconds or 60 * args.minutes
    options = Options(seconds, args.seed, args.views, args.hold, args.out / "logs")
    try:
        if args.empty:
            received, usage, camera = run_empty(options)
            return _write(args.out, {**received, "seconds": seconds}, usage, camera, {})
        soak = run_soak(options)
    except MLLMFor3DError as error:
        print(f"soak: error: {error}", file=sys.stderr)
        return 2
    return _tell(args.out, seconds, soak)


def _tell(out: Path, seconds: float, soak: Soak) -> int:
    missed = soak.figures.missed()
    for name, text in missed.items():
        print(f"soak: missed: {name} is {text}", file=sys.stderr)
    bars = {name: f"{relation} {bar:g}" for name, (relation, bar) in BARS.items()}
    content = {**_rounded(asdict(soak.figures)), "seconds": seconds, "passed": not missed, "bars": bars}
    return _write(out, content, soak.usage, soak.camera, missed)


def _write(
    out: Path,
    content: Mapping[str, Any],
    usage: Mapping[str, Usage],
    camera: Mapping[str, Any],
    missed: Mapping[str, str],
) -> int:
    """Print and store; returns the exit status."""
    rows = [
        [name, f"{used.cpu:.0%}", f"{used.memory_mib:.0f}", f"{used.memory_growth:+.1%}"]
        for name, used in usage.items()
    ]
    print(table(["process", "CPU (one core)", "MiB", "growth"], rows))
    processes = {name: _rounded(asdict(used)) for name, used in usage.items()}
    line = json.dumps({**content, "processes": processes, "camera": camera, "machine": machine()})
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(line + "\n")
    print(line, flush=True)
    return 1 if missed else 0


def _rounded(figures: Mapping[str, float]) -> dict[str, float | int | None]:
    """Fractions to six digits; what is not a finite number is null, as JSON knows no other word for it."""
    return {name: _round(value) for name, value in figures.items()}


def _round(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


if __name__ == "__main__":
    sys.exit(main())
