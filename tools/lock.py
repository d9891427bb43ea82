"""Write requirements.lock: the exact version of every package, for each Python that is supported.

    python tools/lock.py PYTHON [PYTHON ...]    # e.g. the python3 of 3.10, 3.11, 3.12 and 3.13

Each interpreter's pip resolves pyproject.toml (all extras and the build requirements) without
installing; a package whose version depends on the Python gets one line a version. Packages that
only a CUDA build of torch needs are left out: torch itself pins them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GPU_ONLY = re.compile(r"^(cuda-|nvidia-|triton$)")
NOT_LOCKED = {"quantized", "segment-anything", "tensorboard"}
"""Extras that want CUDA or torchvision, or that only add a log."""
HEADER = """\
# Exact versions for `make`, written by tools/lock.py from pyproject.toml; do not edit by hand.
"""


def requirements() -> list[str]:
    """Every requirement of pyproject.toml: build, run time and all extras that every machine can take."""
    import tomllib

    data = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [needs for name, needs in data["project"]["optional-dependencies"].items() if name not in NOT_LOCKED]
    return [*data["build-system"]["requires"], *data["project"]["dependencies"], *(r for e in extras for r in e)]


def resolve(python: str, wanted: list[str]) -> tuple[str, dict[str, str]]:
    """Let the pip of ``python`` resolve ``wanted``; returns ("3.11", {name: version})."""
    version = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        pip = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", report.name]
        subprocess.run([*pip, *wanted], check=True)
        installs = json.loads(Path(report.name).read_text())["install"]
    found = {}
    for item in installs:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        if not GPU_ONLY.match(name):
            found[name] = item["metadata"]["version"].split("+")[0]  # no local label: any build of that version
    return version, found


def merge(resolved: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Lock lines of {python version: {name: version}}, with a marker where not all Pythons agree."""
    pythons_of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for python, packages in resolved.items():
        for name, version in packages.items():
            pythons_of[name][version].append(python)
    lines = []
    for name, versions in sorted(pythons_of.items()):
        for version, pythons in sorted(versions.items()):
            marker = " or ".join(f'python_version == "{p}"' for p in pythons)
            everywhere = len(pythons) == len(resolved)
            lines.append(f"{name}=={version}" + ("" if everywhere else f" ; {marker}"))
    return lines


def main() -> None:
    """Resolve with the interpreters named on the command line and write the lock file."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    wanted = requirements()
    resolved = {}
    for python in sys.argv[1:]:
        version, packages = resolve(python, wanted)
        print(f"Python {version}: {len(packages)} packages", flush=True)
        resolved[version] = packages
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(merge(resolved)) + "\n")


if __name__ == "__main__":
    main()
