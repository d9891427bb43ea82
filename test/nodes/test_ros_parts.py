import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from ros_stand_ins import hide

from mllm_for3d_ros.nodes.ros_parts import find_part


class Broken:
    """An importer of a module that is there and fails, as cv_bridge built for another numpy does."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "cv_bridge" else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        raise self.error


def test_a_part_that_is_there_is_used_and_one_that_is_not_is_silently_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_part("json", pytest.fail) is sys.modules["json"]
    hide(monkeypatch, "cv_bridge")
    assert find_part("cv_bridge", pytest.fail) is None


@pytest.mark.parametrize(
    "error",
    [
        ImportError("numpy.core.multiarray failed to import"),
        AttributeError("_ARRAY_API not found"),
        ModuleNotFoundError("No module named 'cv2'", name="cv2"),
    ],
)
def test_a_broken_part_is_named(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(error), *sys.meta_path])
    said: list[str] = []
    assert find_part("cv_bridge", said.append) is None
    assert len(said) == 1 and said[0].startswith("cv_bridge is installed but does not work") and str(error) in said[0]
