"""What every benchmark prints last: one line of JSON with its figures and the machine they are from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mllm_for3d_ros.evaluation.machine import machine


def report(bench: str, results: Mapping[str, float]) -> None:
    """Print the figures for people, then the line of JSON.

    Args:
        bench: name of the benchmark.
        results: figures by name, the unit at the end of the name (``_ms``, ``_s``) or none for ratios.
    """
    width = max(map(len, results), default=0)
    for name, value in results.items():
        print(f"{name:{width}}  {value:.4g}")
    rounded = {name: float(f"{value:.6g}") for name, value in results.items()}
    print(json.dumps({"bench": bench, "machine": machine(), "results": rounded}), flush=True)
