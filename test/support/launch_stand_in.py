"""Stand-ins for `launch` and `launch_ros`, which PyPI lacks: as much as our launch files use, with the same signatures.

``described`` runs a launch file as `ros2 launch` does, up to the processes that would be started.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock


@dataclass
class LaunchContext:
    launch_configurations: dict[str, str] = field(default_factory=dict)


@dataclass
class LaunchConfiguration:
    variable_name: str

    def perform(self, context: LaunchContext) -> str:
        return context.launch_configurations[self.variable_name]


@dataclass
class EnvironmentVariable:
    name: str
    default_value: str | None = field(default=None, kw_only=True)

    def perform(self, context: LaunchContext) -> str:
        value = os.environ.get(self.name, self.default_value)
        assert value is not None, f"launch raises here: {self.name} is not set"
        return value


@dataclass
class IfCondition:
    predicate_expression: Any

    def evaluate(self, context: LaunchContext) -> bool:
        text = performed(self.predicate_expression, context).lower()
        assert text in ("true", "false", "1", "0"), f"launch takes no {text!r} for a condition"
        return text in ("true", "1")


@dataclass
class DeclareLaunchArgument:
    name: str
    default_value: str | None = field(default=None, kw_only=True)
    description: str = field(default="", kw_only=True)
    choices: list[str] | None = field(default=None, kw_only=True)


@dataclass
class SetEnvironmentVariable:
    name: str
    value: Any


@dataclass
class OpaqueFunction:
    function: Any = field(kw_only=True)


@dataclass
class ExecuteProcess:
    cmd: list[Any] = field(kw_only=True)
    output: str = field(default="log", kw_only=True)


@dataclass
class OnProcessExit:
    target_action: Any = field(default=None, kw_only=True)
    on_exit: Any = field(default=None, kw_only=True)


@dataclass
class RegisterEventHandler:
    event_handler: OnProcessExit


@dataclass
class PythonLaunchDescriptionSource:
    launch_file_path: str


@dataclass
class IncludeLaunchDescription:
    launch_description_source: PythonLaunchDescriptionSource
    launch_arguments: Any = field(default=(), kw_only=True)


@dataclass
class LaunchDescription:
    entities: list[Any]


@dataclass
class Node:
    executable: str = field(kw_only=True)
    package: str = field(kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    namespace: str | None = field(default=None, kw_only=True)
    parameters: list[Any] = field(default_factory=list, kw_only=True)
    remappings: list[tuple[str, str]] = field(default_factory=list, kw_only=True)
    arguments: list[str] = field(default_factory=list, kw_only=True)
    output: str = field(default="log", kw_only=True)
    condition: IfCondition | None = field(default=None, kw_only=True)


MODULES: Mapping[str, tuple[Any, ...]] = {
    "launch": (LaunchContext, LaunchDescription),
    "launch.actions": (
        DeclareLaunchArgument,
        ExecuteProcess,
        IncludeLaunchDescription,
        OpaqueFunction,
        RegisterEventHandler,
        SetEnvironmentVariable,
    ),
    "launch.conditions": (IfCondition,),
    "launch.event_handlers": (OnProcessExit,),
    "launch.launch_description_sources": (PythonLaunchDescriptionSource,),
    "launch.substitutions": (EnvironmentVariable, LaunchConfiguration),
    "launch_ros": (),
    "launch_ros.actions": (Node,),
}


@dataclass(frozen=True)
class Described:
    """What would be started: the declared arguments, environment, nodes whose condition holds, and other actions."""

    arguments: dict[str, DeclareLaunchArgument]
    environment: dict[str, str]
    nodes: dict[str, Node]
    others: list[Any]


def performed(value: Any, context: LaunchContext) -> str:
    return value if isinstance(value, str) else value.perform(context)


@contextmanager
def stand_ins(share: Path, prefix: Path) -> Iterator[None]:
    """The modules above in place of launch and launch_ros, and our package installed in ``share`` and ``prefix``."""
    modules = {}
    for name, members in MODULES.items():
        modules[name] = ModuleType(name)
        for member in members:
            setattr(modules[name], member.__name__, member)
    packages = "ament_index_python.packages"
    with (
        mock.patch.dict(sys.modules, modules),
        mock.patch(f"{packages}.get_package_share_directory", lambda package: str(share)),
        mock.patch(f"{packages}.get_package_prefix", lambda package: str(prefix)),
    ):
        yield


def described(file: Path, **given: str) -> Described:
    """What a launch file starts with these arguments; call it within ``stand_ins``."""
    spec = importlib.util.spec_from_file_location(file.name.partition(".")[0] + "_launch", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = Described({}, {}, {}, [])
    context = LaunchContext(dict(given))
    _visit(module.generate_launch_description().entities, context, result)
    assert set(given) <= set(result.arguments), "launch refuses arguments that are not declared"
    return result


def _visit(entities: list[Any], context: LaunchContext, result: Described) -> None:
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            result.arguments[entity.name] = entity
            if entity.default_value is not None:
                context.launch_configurations.setdefault(entity.name, entity.default_value)
        elif isinstance(entity, SetEnvironmentVariable):
            result.environment[entity.name] = performed(entity.value, context)
        elif isinstance(entity, OpaqueFunction):
            _visit(entity.function(context) or [], context, result)
        elif isinstance(entity, IncludeLaunchDescription):
            arguments = {name: performed(value, context) for name, value in entity.launch_arguments}
            included = described(Path(entity.launch_description_source.launch_file_path), **arguments)
            result.environment.update(included.environment)
            result.nodes.update(included.nodes)
        elif isinstance(entity, Node):
            if entity.condition is None or entity.condition.evaluate(context):
                result.nodes[entity.executable] = entity
        else:
            result.others.append(entity)
