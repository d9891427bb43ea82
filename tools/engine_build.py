"""Build the sparse convolution engine with the C++ compiler, without CMake (which builds it for colcon).

    python tools/engine_build.py [TARGET_FOLDER]

One source is compiled once for each instruction set; which one runs is chosen at run time.
"""

from __future__ import annotations

import concurrent.futures
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("mllm_for3d_ros/student/sparse")
SOURCES = ROOT / FOLDER / "csrc"
LIBRARY = "libsparse_engine.so"
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fopenmp", "-ffp-contract=fast", "-Wall", "-Wextra")
VECTOR_FLAGS = {
    "amx.cpp": ("-mavx512f", "-mfma", "-mprefer-vector-width=512", "-mamx-tile", "-mamx-bf16"),
    "avx512.cpp": ("-mavx512f", "-mfma", "-mprefer-vector-width=512"),
    "avx2.cpp": ("-mavx2", "-mfma"),
}
"""Of x86-64; on other processors, and without flags that the compiler does not know, these sources are empty."""


def build_engine(destination: Path, work: Path, extra_flags: Sequence[str] = ()) -> Path:
    """Compile and link the engine; returns the library in ``destination``.

    Args:
        destination: folder, created if missing; a library that is there is replaced, not overwritten.
        work: scratch folder.
        extra_flags: for the compiler and the linker, after the usual ones.

    Raises:
        RuntimeError: there is no compiler, or it failed; the message holds what it printed.
    """
    work.mkdir(parents=True, exist_ok=True)
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    compiler = os.environ.get("CXX", "c++").split()

    def compile_one(source: Path) -> str:
        target = work / f"{source.stem}.o"
        vectors = VECTOR_FLAGS.get(source.name, ()) if x86 else ()
        vectors = vectors if _knows(compiler, vectors) else ()
        _run([*compiler, *FLAGS, *vectors, *extra_flags, "-c", str(source), "-o", str(target)])
        return str(target)

    sources = sorted(SOURCES.glob("*.cpp"))
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        objects = list(pool.map(compile_one, sources))
    linked = work / LIBRARY
    _run([*compiler, "-shared", "-fopenmp", *extra_flags, *objects, "-o", str(linked)])
    destination.mkdir(parents=True, exist_ok=True)
    target = destination / LIBRARY
    waiting = destination / f".{LIBRARY}.new"  # the scratch may lie on another file system
    waiting.write_bytes(linked.read_bytes())
    waiting.chmod(0o755)
    os.replace(waiting, target)
    return target


def _knows(compiler: Sequence[str], flags: Sequence[str]) -> bool:
    """Whether the compiler takes ``flags``; GCC knows matrix units from version 11 on."""
    command = [*compiler, *flags, "-E", "-x", "c++", os.devnull]
    try:
        return not flags or subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return True  # compiling says what is missing


def _run(command: Sequence[str]) -> None:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError(f"compiler {command[0]} not found: install build-essential, or set CXX") from None
    if result.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{result.stderr}")


if __name__ == "__main__":
    print(build_engine(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / FOLDER, ROOT / "build" / "sparse_engine"))
