"""Build ROS 2 interface packages (msg, srv, action) with the ROS wheels, without CMake.

The generators of rosidl write C and Python code; the C/C++ compiler makes of it the libraries that
rclpy loads. ``build_interfaces`` fills an importable package folder: the Python modules, one
extension module, and the libraries next to it, which find each other through RPATH ``$ORIGIN``.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KINDS = ("msg", "srv", "action")
GENERATOR_C = "rosidl_generator_c"
GENERATOR_PY = "rosidl_generator_py"
FASTRTPS = "rosidl_typesupport_fastrtps_c"
INTROSPECTION = "rosidl_typesupport_introspection_c"
DISPATCH = "rosidl_typesupport_c"


@dataclass(frozen=True)
class InterfacePackage:
    """A ROS package's name, its folder, and its interface files relative to it ("msg/A.msg")."""

    name: str
    source: Path
    files: tuple[str, ...]

    @staticmethod
    def find(name: str, source: Path) -> InterfacePackage:
        """The package ``name`` with every interface file found in ``source``."""
        found = [p.relative_to(source).as_posix() for kind in KINDS for p in (source / kind).glob(f"*.{kind}")]
        return InterfacePackage(name, source, tuple(sorted(found)))


@dataclass(frozen=True)
class GeneratedCode:
    """Where the generators wrote: one tree each, since two of them use the same file names."""

    depends: tuple[str, ...]
    c_code: Path
    introspection: Path
    dispatch: Path
    python: Path


def build_interfaces(package: InterfacePackage, destination: Path, work: Path) -> None:
    """Generate, compile and link ``package`` into the package folder ``destination``.

    Args:
        package: what to build.
        destination: folder of the importable package; created if missing, replaced where it is not.
        work: scratch folder, emptied first.

    Raises:
        RuntimeError: a package it depends on or a compiler is missing, or a command failed.
    """
    work, destination = work.resolve(), destination.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    code = _generate(package, work)
    libraries = _Linker(package, code, work / "lib").link(_compile(package, code))
    destination.mkdir(parents=True, exist_ok=True)
    for library in libraries:  # replaced, not overwritten: a running process may have the old one mapped
        os.replace(library, destination / library.name)
    for kind in KINDS:
        shutil.rmtree(destination / kind, ignore_errors=True)
        if (code.python / kind).is_dir():
            shutil.copytree(code.python / kind, destination / kind, ignore=shutil.ignore_patterns("*.c", "*.o"))


def _ros_prefix() -> Path:
    """Folder with the lib, include and share folders of the ROS wheels."""
    import rosidl_generator_c  # <prefix>/lib/python3.X/site-packages/rosidl_generator_c/__init__.py

    return Path(rosidl_generator_c.__file__).resolve().parents[4]


def _included_packages(folder: Path) -> set[str]:
    """Names of the packages that the .idl files below ``folder`` include."""
    return {name for path in folder.rglob("*.idl") for name in re.findall(r'#include "(\w+)/', path.read_text())}


def _closure(share: Path, names: set[str]) -> tuple[str, ...]:
    """``names`` and all interface packages that they depend on."""
    waiting, seen = sorted(names), []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        if not (share / name).is_dir():
            wheel = "ros-" + name.replace("_", "-")
            raise RuntimeError(f"interface package {name} is not installed: add {wheel} to the build requirements")
        seen.append(name)
        waiting += sorted(_included_packages(share / name))
    return tuple(seen)


def _implied_packages(files: Sequence[str]) -> set[str]:
    """Packages that services and actions need without including them."""
    implied: set[str] = set()
    if any(f.endswith((".srv", ".action")) for f in files):
        implied |= {"service_msgs", "builtin_interfaces"}
    if any(f.endswith(".action") for f in files):
        implied |= {"action_msgs", "unique_identifier_msgs"}
    return implied


def _generate(package: InterfacePackage, work: Path) -> GeneratedCode:
    """Run every generator; returns where the code lies."""
    import rosidl_adapter
    import rosidl_generator_c
    import rosidl_generator_type_description
    import rosidl_typesupport_c
    import rosidl_typesupport_fastrtps_c
    import rosidl_typesupport_introspection_c
    from rosidl_generator_py.generate_py_impl import generate_py

    share, name = _ros_prefix() / "share", package.name
    idl = work / "idl" / name
    for file in package.files:
        rosidl_adapter.convert_to_idl(package.source.resolve(), name, Path(file), idl)
    idl_files = sorted(p.relative_to(idl).as_posix() for p in idl.rglob("*.idl"))
    depends = _closure(share, (_included_packages(idl) | _implied_packages(package.files)) - {name})

    def arguments(generator: str, output: Path, **more: object) -> str:
        path = work / f"{generator}.json"
        values = {
            "package_name": name,
            "output_dir": str(output),
            "target_dependencies": [],
            "template_dir": str(share / generator / "resource"),
            "idl_tuples": [f"{idl}:{file}" for file in idl_files],
            "ros_interface_files": [str(package.source / file) for file in package.files],
            "ros_interface_dependencies": [f"{d}:{p}" for d in depends for p in (share / d).rglob("*.idl")],
        }
        path.write_text(json.dumps(values | more))
        return str(path)

    hashes = work / "type_description" / name
    rosidl_generator_type_description.generate_type_hash(
        arguments("rosidl_generator_type_description", hashes, include_paths=[f"{d}:{share / d}" for d in depends])
    )
    hashed = {"type_description_tuples": [f"{i}:{hashes / i.removesuffix('.idl')}.json" for i in idl_files]}
    trees = ("c", "introspection", "dispatch", "python")
    c_code, introspection, dispatch, python = (work / tree / name for tree in trees)
    rosidl_generator_c.generate_c(arguments(GENERATOR_C, c_code, **hashed))
    rosidl_typesupport_fastrtps_c.generate_typesupport_fastrtps_c(arguments(FASTRTPS, c_code, **hashed))
    rosidl_typesupport_introspection_c.generate_c(arguments(INTROSPECTION, introspection, **hashed))
    rosidl_typesupport_c.generate_c(arguments(DISPATCH, dispatch, **hashed), [FASTRTPS, INTROSPECTION])
    generate_py(arguments(GENERATOR_PY, python, **hashed), [DISPATCH])
    for generator, tree in ((GENERATOR_C, c_code), (FASTRTPS, c_code), (INTROSPECTION, introspection)):
        _write_visibility_header(share, generator, name, tree)
    return GeneratedCode(depends, c_code, introspection, dispatch, python)


def _write_visibility_header(share: Path, generator: str, name: str, tree: Path) -> None:
    """Fill in the header that CMake would configure."""
    header = f"{generator}__visibility_control.h"
    text = (share / generator / "resource" / f"{header}.in").read_text()
    (tree / "msg").mkdir(parents=True, exist_ok=True)
    (tree / "msg" / header).write_text(
        text.replace("@PROJECT_NAME_UPPER@", name.upper()).replace("@PROJECT_NAME@", name)
    )


def _run(command: list[str]) -> None:
    """Run a compiler command.

    Raises:
        RuntimeError: it is missing, or failed; the message holds what it printed.
    """
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError(f"compiler {command[0]} not found: install build-essential, or set CC and CXX") from None
    if result.returncode != 0:
        raise RuntimeError(f"{command[0]} failed on {command[-1]}:\n{result.stderr}")


def _compilers() -> tuple[list[str], list[str]]:
    """The C and the C++ compiler as command lines, from CC and CXX where set."""
    return os.environ.get("CC", "cc").split(), os.environ.get("CXX", "c++").split()


def _compile(package: InterfacePackage, code: GeneratedCode) -> dict[str, list[str]]:
    """Compile all generated code; returns the object files per library."""
    import numpy as np

    include = _ros_prefix() / "include"
    folders = [code.c_code.parent, code.introspection.parent, code.dispatch.parent]
    folders += [p for p in include.iterdir() if p.is_dir() and not p.name.startswith("python")]
    names = [*folders, include, sysconfig.get_path("include"), sysconfig.get_path("platinclude"), np.get_include()]
    flags = ["-O2", "-fPIC", "-DNDEBUG", "-w", *(f"-I{folder}" for folder in names)]
    flags += [f"-D{library.upper()}_BUILDING_DLL_{package.name}" for library in (GENERATOR_C, FASTRTPS, INTROSPECTION)]
    cc, cxx = _compilers()

    def compile_one(source: Path) -> str:
        target = source.with_suffix(source.suffix + ".o")
        compiler = [*cxx, "-std=c++17"] if source.suffix == ".cpp" else [*cc, "-std=gnu11"]
        _run([*compiler, *flags, "-o", str(target), "-c", str(source)])
        return str(target)

    sources = {
        GENERATOR_C: sorted(code.c_code.rglob("*.c")),
        FASTRTPS: sorted(code.c_code.rglob("*.cpp")),
        INTROSPECTION: sorted(code.introspection.rglob("*.c")),
        DISPATCH: sorted(code.dispatch.rglob("*.c*")),
        GENERATOR_PY: sorted(code.python.rglob("*_s.c")),
        "extension": [code.python / f"_{package.name}_s.ep.{DISPATCH}.c"],
    }
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return {library: list(pool.map(compile_one, files)) for library, files in sources.items()}


class _Linker:
    """Links the libraries of one interface package into ``folder``."""

    def __init__(self, package: InterfacePackage, code: GeneratedCode, folder: Path) -> None:
        self._name, self._depends, self._folder = package.name, code.depends, folder
        self._ros_libraries = _ros_prefix() / "lib"
        folder.mkdir(parents=True)

    def link(self, objects: dict[str, list[str]]) -> list[Path]:
        """Link everything, in the order of dependence; returns the libraries."""
        own_c = self._own(GENERATOR_C)
        needs = {
            GENERATOR_C: ["rosidl_runtime_c", "rcutils"],
            FASTRTPS: [own_c, FASTRTPS, "rosidl_typesupport_fastrtps_cpp", "fastcdr", "rmw", "rosidl_runtime_c"],
            INTROSPECTION: [own_c, INTROSPECTION, "rosidl_runtime_c"],
            DISPATCH: [own_c, DISPATCH, "rosidl_runtime_c"],
            GENERATOR_PY: [own_c],
        }
        made = []
        for library, wanted in needs.items():
            wanted = wanted + [f"{package}__{library}" for package in self._depends]
            made.append(self._shared(f"lib{self._own(library)}.so", objects[library], wanted))
        # The extension pulls in all of our libraries, so that rosidl's dlopen("lib<package>__<kind>.so")
        # finds them by SONAME, wherever they lie.
        every = [*(self._own(library) for library in needs), DISPATCH]
        made.append(self._shared(f"{self._name}_s__{DISPATCH}.so", objects["extension"], every))
        return made

    def _own(self, library: str) -> str:
        return f"{self._name}__{library}"

    def _shared(self, file_name: str, objects: list[str], wanted: list[str]) -> Path:
        """Link one shared library against those ``wanted`` that exist (some packages lack some kinds)."""
        folders = (self._ros_libraries, self._folder)
        present = [name for name in wanted if any((folder / f"lib{name}.so").exists() for folder in folders)]
        target = self._folder / file_name
        _run(
            [
                *_compilers()[1],
                "-shared",
                *objects,
                *(f"-L{folder}" for folder in folders),
                f"-Wl,-soname,{file_name}",
                "-Wl,--disable-new-dtags",
                # next to this library, or in <prefix>/lib as seen from <prefix>/lib/python3.X/site-packages/<package>
                "-Wl,-rpath,$ORIGIN:$ORIGIN/../../..",
                f"-Wl,-rpath-link,{self._ros_libraries}",
                "-Wl,--allow-shlib-undefined",
                "-Wl,--no-as-needed",
                *(f"-l{name}" for name in present),
                "-o",
                str(target),
            ]
        )
        return target
