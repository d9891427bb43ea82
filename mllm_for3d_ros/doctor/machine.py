"""The machine: compute device, models, the sparse engine, and the messages of this package."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.device import choose_device
from mllm_for3d_ros.doctor.finding import Finding, bad, good, of_error, warning
from mllm_for3d_ros.errors import CheckpointError, DeviceError, MLLMFor3DError

INTERFACES = {
    "mllm_for3d_ros.msg": "ReasoningMask",
    "mllm_for3d_ros.srv": "Segment",
    "mllm_for3d_ros.action": "LabelBag",
    "tf2_msgs.msg": "TFMessage",
    "sensor_msgs.msg": "PointCloud2",
}
OPTIONAL = {"vision_msgs": "Detection3DArray is not published", "moveit_msgs": "planners get no CollisionObject"}
_BUILD = "run `make setup`, or build the workspace and source its install/setup.bash"


def check_machine(device: str, model: Path | None) -> list[Finding]:
    """All checks of this module; the model is loaded and asked once, which takes seconds."""
    return [check_device(device), *check_files(), check_model(model), check_engine(), *check_interfaces()]


def check_device(device: str) -> Finding:
    """Whether the ``device`` asked for can be used."""
    try:
        choice = choose_device(device)
    except DeviceError as error:
        return of_error("device", error)
    if choice.note is None:
        return good("device", choice.device)
    if device == "auto":
        return good("device", choice.note)
    return bad("device", choice.note, "set the parameter device to auto or cpu, or install a PyTorch built for CUDA")


def check_files() -> list[Finding]:
    """Whether the shipped checkpoints are those that their cards speak of."""
    from mllm_for3d_ros.model_info import model_info

    try:
        found = sorted(models_dir().glob("*.safetensors"))
        damaged = [path.name for path in found if not model_info(path)["sha256_matches"]]
    except CheckpointError as error:
        return [of_error("models", error)]
    if damaged:
        remedy = "restore models/ from the release or the repository (is Git LFS set up?)"
        return [bad("models", f"{', '.join(damaged)} is not the file that its card speaks of", remedy)]
    return [good("models", ", ".join(path.stem for path in found))]


def check_model(model: Path | None) -> Finding:
    """Whether the student and the sentence encoder load; ``model`` None is the shipped one."""
    try:
        from mllm_for3d_ros.answering.loading import load_answerer

        answerer, _ = load_answerer(model, "cpu")
    except (MLLMFor3DError, ImportError) as error:
        if isinstance(error, ImportError):
            return bad("student", f"it cannot be loaded ({error})", 'pip install ".[learn]" as in docs/build.md')
        return of_error("student", error)
    return good("student", f"{answerer.fingerprint} loads")


def check_engine() -> Finding:
    """Whether the sparse convolution engine is built for this processor."""
    try:
        from mllm_for3d_ros.student.sparse.engine import engine

        found = engine()
    except ImportError as error:
        return bad("engine", f"PyTorch cannot be imported ({error})", 'pip install ".[learn]" as in docs/build.md')
    except DeviceError as error:
        return of_error("engine", error)
    if found is None:
        return warning("engine", "the sparse engine is not built: maps are encoded at half the speed", _BUILD)
    return good("engine", "the sparse engine is built")


def check_interfaces() -> list[Finding]:
    """Whether messages can be imported and have the type support that DDS needs."""
    findings = []
    for module, name in INTERFACES.items():
        try:
            kind = getattr(importlib.import_module(module), name)
            type(kind).__import_type_support__()
        except (ImportError, AttributeError) as error:
            findings.append(bad("messages", f"{module}.{name} cannot be used ({error})", _BUILD))
        except Exception as error:  # rosidl's UnsupportedTypeSupport derives from Exception alone
            findings.append(bad("messages", f"{module}.{name} has no type support ({error})", _BUILD))
    if not findings:
        findings.append(good("messages", f"{', '.join(INTERFACES.values())} are built"))
    missing = [f"{name} is not installed: {loss}" for name, loss in OPTIONAL.items() if not _is_there(name)]
    return findings + [good("messages", line) for line in missing]


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
