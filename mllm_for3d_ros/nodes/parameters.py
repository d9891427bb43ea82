"""Parameters of a node from one table: name, default, meaning, the values that make sense, and when they may change."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from mllm_for3d_ros.errors import MLLMFor3DError

Value = bool | int | float | str | Sequence[float]

RELIABILITY = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}
DURABILITY = {"volatile": DurabilityPolicy.VOLATILE, "transient_local": DurabilityPolicy.TRANSIENT_LOCAL}

_OF_ROS = {"use_sim_time", "start_type_description_service"}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number with a point", str: "a text"}


class ParameterError(MLLMFor3DError):
    """A parameter has a value that makes no sense."""


class Change(enum.Enum):
    """When a parameter may be set anew; the text is what ``ros2 param describe`` shows."""

    NEVER = "read when the node starts"
    UNCONFIGURED = "may be set while the node is unconfigured"
    ALWAYS = "may be set at any time"


@dataclass(frozen=True)
class Parameter:
    """A parameter: numbers lie between ``low`` and ``high``, texts among ``choices``; lists as long as the default."""

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()
    change: Change = Change.UNCONFIGURED

    def descriptor(self) -> ParameterDescriptor:
        """What ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.change is Change.NEVER)
        choices = f"one of: {', '.join(self.choices)}; " if self.choices else ""
        descriptor.additional_constraints = choices + self.change.value
        if self.low is not None and self.high is not None:
            if isinstance(self.default, int):
                descriptor.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high))]
            elif isinstance(self.default, float):
                descriptor.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high)]
        return descriptor

    @property
    def allowed(self) -> str:
        """The values that make sense, for an error."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        kind = _KINDS.get(type(self.default)) or f"a list of {len(self._numbers)} numbers with a point"
        span = f" from {self.low:g} to {self.high:g}" if self.low is not None and self.high is not None else ""
        return kind + span

    @property
    def _numbers(self) -> Sequence[float]:
        return self.default if isinstance(self.default, Sequence) and not isinstance(self.default, str) else ()

    def accepts(self, value: Any) -> bool:
        """Whether a value of the right type makes sense."""
        if self.choices:
            return value in self.choices
        values = value if self._numbers else [value]
        if len(values) != max(1, len(self._numbers)):
            return False
        if self.low is None or self.high is None:
            return all(math.isfinite(v) for v in values if isinstance(v, float))
        return all(self.low <= v <= self.high for v in values)


class Parameters:
    """The declared parameters of a node: ``parameters["name"]`` is the present value.

    Args:
        node: that declares them.
        table: all parameters.
        contradiction: given all values by name, says why they do not fit each other, or "".
        configured: whether parameters that are read at configuration are in use.

    Raises:
        ParameterError: one of them was given a value of another type or outside of its range.
    """

    def __init__(
        self,
        node: Node,
        table: Iterable[Parameter],
        contradiction: Callable[[Mapping[str, Any]], str],
        configured: Callable[[], bool],
    ) -> None:
        self._node, self._contradiction, self._configured = node, contradiction, configured
        self._table = {parameter.name: parameter for parameter in table}
        for parameter in self._table.values():
            self._declare(parameter)
        if reason := contradiction(self.values):
            raise ParameterError(reason)
        self._name_unknown()
        node.add_on_set_parameters_callback(self._check)

    def __getitem__(self, name: str) -> Any:
        return self._node.get_parameter(name).value

    def path(self, name: str) -> Path | None:
        """The path that a text parameter names, with ``~`` for the user's home folder; None if it is empty.

        Raises:
            ParameterError: it begins with ``~`` and a user that there is not.
        """
        text = self[name]
        try:
            return Path(text).expanduser() if text else None
        except RuntimeError as error:
            raise ParameterError(f"parameter {name} is {text!r}: no such home folder, give the whole path") from error

    @property
    def values(self) -> dict[str, Any]:
        """All values by name."""
        return {name: self[name] for name in self._table}

    def _declare(self, parameter: Parameter) -> None:
        try:
            value = self._node.declare_parameter(parameter.name, parameter.default, parameter.descriptor()).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            given = self._node._parameter_overrides.get(parameter.name)
            shown = repr(given.value) if given is not None else "its value"
            raise ParameterError(f"parameter {parameter.name} is {shown}: give {parameter.allowed}") from error
        if not parameter.accepts(value):
            raise ParameterError(f"parameter {parameter.name} is {value!r}: give {parameter.allowed}")

    def _name_unknown(self) -> None:
        given = set(self._node._parameter_overrides) - _OF_ROS - set(self._table)
        if unknown := sorted(name for name in given if not name.startswith("qos_overrides")):
            known = ", ".join(sorted(self._table))
            self._node.get_logger().warning(f"no parameter {', '.join(unknown)}: choose from {known}")

    def _check(self, changes: Sequence[Any]) -> SetParametersResult:
        """Called by rclpy before it sets parameters."""
        own = [change for change in changes if change.name in self._table]
        reasons = [reason for change in own if (reason := self._refusal(self._table[change.name], change.value))]
        if own and not reasons:
            merged = self.values | {change.name: change.value for change in own}
            reasons = [reason for reason in [self._contradiction(merged)] if reason]
        return SetParametersResult(successful=not reasons, reason="; ".join(reasons))

    def _refusal(self, parameter: Parameter, value: Any) -> str:
        if not parameter.accepts(value):
            return f"parameter {parameter.name} is {value!r}: give {parameter.allowed}"
        if parameter.change is Change.UNCONFIGURED and self._configured():
            return f"parameter {parameter.name} {parameter.change.value}: deactivate and clean up the node first"
        return ""


def qos(reliability: str, durability: str, depth: int) -> QoSProfile:
    """Keep-last QoS with the names that the parameters use."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=RELIABILITY[reliability],
        durability=DURABILITY[durability],
    )


LATCHED = qos("reliable", "transient_local", 1)
