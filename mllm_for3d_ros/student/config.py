"""The configuration of ``mllm-for3d train CONFIG``: YAML or TOML, checked as it is read. See config/student.yaml."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from mllm_for3d_ros.device import DEVICES
from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.student.augmentation import AugmentationSettings
from mllm_for3d_ros.student.network import COMPACT
from mllm_for3d_ros.student.settings import PRECISIONS, LossWeights, StudentSettings

SUFFIXES = (".yaml", ".yml", ".toml")
SHIPPED, NOTHING = "shipped", "nothing"
T = TypeVar("T")


@dataclass(frozen=True)
class TrainConfig:
    """One training from label stores.

    data: folders with label stores. output: folder for the model and its logs. name: of the model's files.
    network: one of ``network.NETWORKS``. start: "shipped", "nothing", or a student's .safetensors to go on from.
    concepts: of a query projector that starts from nothing. settle: whether instructions that mean different things
    settle their claims first, see ``rivalry``; needs a start. held_out: one scene in so many is kept for the
    thresholds. epochs: instead of steps. device: "auto", "cuda" or "cpu". save_every: steps. licence: of the
    weights, for the card.
    """

    data: tuple[Path, ...]
    output: Path = Path("out/student")
    name: str = "student"
    network: str = COMPACT
    start: str = SHIPPED
    concepts: int = 64
    settle: bool = True
    held_out: int = 16
    epochs: float | None = None
    device: str = "auto"
    save_every: int = 100
    tensorboard: bool = False
    licence: str = "Apache-2.0"
    training: StudentSettings = field(default_factory=StudentSettings)

    def settings(self, scenes: int, ranks: int) -> StudentSettings:
        """The settings with the steps of ``epochs`` over so many scenes, where those are given."""
        if self.epochs is None:
            return self.training
        return replace(self.training, steps=max(1, round(self.epochs * scenes / (self.training.batch * ranks))))


def read_config(path: Path) -> TrainConfig:
    """The configuration in ``path``; relative folders in it are those of the working directory.

    Raises:
        TrainingError: the file cannot be read, or a field is unknown, missing, of a wrong type or out of range.
    """
    try:
        return _config(_parsed(path))
    except (ValueError, TypeError) as cause:
        raise TrainingError(f"{path}: {cause}; config/student.yaml shows every field") from cause


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise TrainingError(f"configuration {path} cannot be read ({cause}); give a YAML or TOML file") from cause
    content = _toml(text) if path.suffix == ".toml" else _yaml(text)
    if not isinstance(content, dict):
        raise ValueError("the file must hold fields with values")
    return content


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as cause:
        raise ValueError(f"is no YAML ({' '.join(str(cause).split())})") from cause


def _toml(text: str) -> Any:
    try:
        toml = importlib.import_module("tomllib")
    except ImportError as cause:
        raise ValueError("TOML needs Python 3.11; write the same as YAML") from cause
    return toml.loads(text)


def _config(content: Mapping[str, Any]) -> TrainConfig:
    """Fields of the groups ``training``, ``losses`` and ``augmentation`` go into settings of their own."""
    content = dict(content)
    losses = _filled(LossWeights(), content.pop("losses", {}), "losses")
    augmentation = _filled(AugmentationSettings(), content.pop("augmentation", {}), "augmentation")
    projector_rate = 1.0 if content.get("start") == NOTHING else StudentSettings.projector_rate
    defaults = StudentSettings(projector_rate=projector_rate, losses=losses, augmentation=augmentation)
    training = _filled(defaults, content.pop("training", {}), "training")
    data = content.pop("data", None)
    data = [data] if isinstance(data, str) else data
    if not isinstance(data, list) or not data or not all(isinstance(item, str) for item in data):
        raise ValueError("data must name one or more folders of label stores")
    if "output" in content:
        content["output"] = Path(str(content["output"]))
    epochs = content.pop("epochs", None)
    config = _filled(TrainConfig(tuple(map(Path, data)), training=training), content, "the file")
    if epochs is not None:
        config = replace(config, epochs=_number("epochs", epochs))
    _check(config)
    return config


def _filled(settings: T, content: Any, where: str) -> T:
    """``settings`` with the values of ``content``, which must be of the types that they replace."""
    if not isinstance(content, Mapping):
        raise ValueError(f"{where} must hold fields with values")
    known = {f.name: getattr(settings, f.name) for f in fields(settings)}  # type: ignore[arg-type]
    changes = {}
    for name, value in content.items():
        if name not in known or isinstance(known[name], (LossWeights, AugmentationSettings, StudentSettings)):
            raise ValueError(f"{where} has no field {name!r}; it has {', '.join(sorted(known))}")
        changes[name] = _as(type(known[name]), name, value)
    filled: T = replace(settings, **changes)  # type: ignore[type-var]
    return filled


def _as(kind: type, name: str, value: Any) -> Any:
    if kind is float:
        return _number(name, value)
    if type(value) is not kind and not (issubclass(kind, Path) and isinstance(value, Path)):
        raise ValueError(f"{name} must be {kind.__name__}, got {value!r}")
    return value


def _number(name: str, value: Any) -> float:
    """YAML reads 1e-3 as text; so do people."""
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError) as cause:
        raise ValueError(f"{name} must be a number, got {value!r}") from cause


def _check(config: TrainConfig) -> None:
    training = config.training
    shares = {"warm_up": training.warm_up, "final_rate": training.final_rate, "token_share": training.token_share}
    shares |= {"confidence_floor": training.confidence_floor, "ema": training.ema}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must lie in 0..1, got {share}")
    counts = {"steps": training.steps, "batch": training.batch, "loss_voxels": training.loss_voxels}
    counts |= {"concepts": config.concepts, "save_every": config.save_every}
    above = counts | {"learning_rate": training.learning_rate, "max_gradient": training.max_gradient}
    for name, number in (above if config.epochs is None else above | {"epochs": config.epochs}).items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0, got {number}")
    if config.held_out < 2:
        raise ValueError(f"held_out must be at least 2, got {config.held_out}: some scenes must be left to train on")
    if training.precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {training.precision!r}")
    if config.device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {config.device!r}")
