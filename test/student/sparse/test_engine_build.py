"""The engine as it is built: forced instruction sets, and memory errors under AddressSanitizer."""

import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from mllm_for3d_ros.student.sparse.engine import ISA_VARIABLE

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "mllm_for3d_ros/student/sparse/csrc"
RUN = """
import sys, torch
from mllm_for3d_ros.student.sparse import SubmanifoldConv, build_levels, use_backend
from mllm_for3d_ros.student.sparse.engine import engine
torch.manual_seed(0)
coords = torch.unique(torch.randint(-6, 6, (600, 3)), dim=0).int()
level = build_levels(coords, 1)[0]
layer, rows = SubmanifoldConv(37, 71), torch.randn(len(level), 37, requires_grad=True)
found = []
for name in ("cpp", "torch"):
    with use_backend(name):
        result = layer(rows, level)
    found.append([result, *torch.autograd.grad(result.square().sum(), (rows, layer.weight))])
for ours, theirs in zip(*found):
    torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=1e-4)
assert (engine().pack_split(torch.ones(1, 64, 64)) is not None) == (engine().instruction_set == "amx")
print(engine().instruction_set)
"""


def engine_build() -> types.ModuleType:
    """The module tools/engine_build.py."""
    spec = importlib.util.spec_from_file_location("engine_build", ROOT / "tools/engine_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_with(instruction_set: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {ISA_VARIABLE: instruction_set, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("instruction_set", ["amx", "avx512", "avx2", "baseline"])
def test_a_forced_instruction_set_gives_the_same_numbers(instruction_set):
    result = run_with(instruction_set)
    if "which this processor or build lacks" in result.stderr:
        assert instruction_set != "baseline"  # every processor has that one
        return
    assert result.stdout.split() == [instruction_set], result.stderr


def test_an_unknown_instruction_set_is_refused():
    result = run_with("mmx")
    assert result.returncode != 0
    assert "set it to one of amx, avx512, avx2, baseline" in result.stderr


def test_odd_sizes_touch_no_memory_of_others(tmp_path):
    checks = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    library = engine_build().build_engine(tmp_path, tmp_path / "objects", checks)
    driver = tmp_path / "driver"
    source = Path(__file__).with_name("odd_sizes.cpp")
    compiler = os.environ.get("CXX", "c++").split()
    command = [*compiler, "-std=c++17", *checks, str(source), str(library), f"-Wl,-rpath,{tmp_path}", "-o", str(driver)]
    subprocess.run(command, check=True, capture_output=True)
    waiting = os.environ | {"OMP_WAIT_POLICY": "passive"}  # many short loops, maybe beside other processes
    result = subprocess.run([str(driver)], env=waiting, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[-1] == "done"


def test_a_missing_or_failing_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeError, match="no-such-compiler not found: install build-essential"):
        engine_build().build_engine(tmp_path, tmp_path / "objects")
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(RuntimeError, match="false failed"):
        engine_build().build_engine(tmp_path, tmp_path / "objects")


def test_both_builds_compile_the_same_sources_with_the_same_vectors():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert all(f"csrc/{source.name}" in cmake for source in SOURCES.glob("*.cpp"))
    for name, flags in engine_build().VECTOR_FLAGS.items():
        assert f'csrc/{name} PROPERTIES COMPILE_OPTIONS "{";".join(flags)}"' in " ".join(cmake.split())


def test_flags_that_the_compiler_does_not_know_are_left_out():
    knows = engine_build()._knows
    assert knows(["c++"], []) and knows(["c++"], ["-O3"])
    assert not knows(["c++"], ["-mno-such-units"])
