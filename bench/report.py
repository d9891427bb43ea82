"""What every benchmark prints last: one line of JSON with its figures and the machine they are from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path


def _processor() -> str:
    """Name of the processor, as the kernel says it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float:
    """GB of main memory."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def machine() -> dict[str, object]:
    """The machine in a few words: processor, cores, memory, system, Python, and how busy it is."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": _memory_gb(),
        "system": platform.system() + " " + platform.release(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


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
