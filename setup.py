"""Build hook of pip: besides the Python modules, the ROS interfaces, the sparse engine and the ament share folder.

On a robot ``colcon build`` uses CMakeLists.txt instead and never runs this file.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from setuptools import Distribution, find_namespace_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "tools"))

from engine_build import FOLDER as ENGINE_FOLDER  # noqa: E402
from engine_build import build_engine  # noqa: E402
from rosidl_build import KINDS, InterfacePackage, build_interfaces  # noqa: E402

NAME = "mllm_for3d_ros"
SHARE = f"share/{NAME}"
SHARE_FOLDERS = ("launch", "config", "examples", "models", "rviz", *KINDS)
WITHOUT_A_WHEEL = tuple(sorted(path.name for path in (HERE / "interfaces").iterdir()))
"""Message packages of ROS distributions that PyPI lacks; we build what we use of them."""


def is_foreign(package: str) -> bool:
    """Whether the real package (of a ROS distribution) is there, so that ours must not shadow it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return False
    return spec.origin is None or NAME not in Path(spec.origin).read_text()


INTERFACES = InterfacePackage.find(NAME, HERE)
MODULE_FOLDERS = {NAME: HERE / NAME}
INTERFACE_PACKAGES = [INTERFACES]
for missing in WITHOUT_A_WHEEL:
    if not is_foreign(missing):
        folder = HERE / "interfaces" / missing
        MODULE_FOLDERS[missing] = folder / missing
        INTERFACE_PACKAGES.append(InterfacePackage.find(missing, folder))


class BuildModulesAndLibraries(build_py):
    """Also builds interfaces and sparse engine: into the wheel, or beside the sources for ``pip install -e``."""

    def run(self) -> None:
        """Copy the modules, then generate and compile the interfaces and compile the engine."""
        super().run()
        scratch = Path(self.get_finalized_command("build").build_temp)
        for package in INTERFACE_PACKAGES:
            target = MODULE_FOLDERS[package.name] if self.editable_mode else Path(self.build_lib) / package.name
            build_interfaces(package, target, scratch / "rosidl" / package.name)
        modules = HERE if self.editable_mode else Path(self.build_lib)
        build_engine(modules / ENGINE_FOLDER, scratch / "sparse_engine")


class BinaryDistribution(Distribution):
    """The wheel holds compiled libraries, so it is bound to a platform."""

    def has_ext_modules(self) -> bool:
        """Always true: setuptools knows nothing of our libraries."""
        return True


def write_interface_index() -> str:
    """Write the list that ``ros2 interface list`` reads; returns its path relative to this file."""
    path = HERE / "build" / "rosidl_interfaces" / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{file}\n" for file in INTERFACES.files))
    return path.relative_to(HERE).as_posix()


def share_files() -> list[tuple[str, list[str]]]:
    """(target folder, files) of everything installed outside of the Python package."""
    files: dict[str, list[str]] = {SHARE: ["package.xml"], f"lib/{NAME}": []}
    files[f"lib/{NAME}"] = sorted(p.relative_to(HERE).as_posix() for p in (HERE / "scripts").iterdir())
    for folder in SHARE_FOLDERS:
        for path in sorted(p for p in (HERE / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"):
            relative = path.relative_to(HERE)
            files.setdefault(f"{SHARE}/{relative.parent.as_posix()}", []).append(relative.as_posix())
    index = "share/ament_index/resource_index"
    files[f"{index}/packages"] = [f"resource/{NAME}"]
    files[f"{index}/rosidl_interfaces"] = [write_interface_index()]
    return sorted(files.items())


# Generated code is built, never copied from the source tree, where `pip install -e` may have left an old one.
GENERATED = [f"{NAME}.{kind}*" for kind in KINDS]
modules = find_namespace_packages(str(HERE), include=[f"{NAME}*"], exclude=[*GENERATED, "*.csrc"])
setup(
    packages=modules + [name for name in MODULE_FOLDERS if name != NAME],
    package_dir={name: folder.relative_to(HERE).as_posix() for name, folder in MODULE_FOLDERS.items()},
    data_files=share_files(),
    distclass=BinaryDistribution,
    cmdclass={"build_py": BuildModulesAndLibraries},
)
