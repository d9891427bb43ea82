"""Parameters of a node: name, default, what it means, and which values make sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from mllm_for3d_ros.errors import MLLMFor3DError

Value = bool | int | float | str

RELIABILITY = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}
DURABILITY = {"volatile": DurabilityPolicy.VOLATILE, "transient_local": DurabilityPolicy.TRANSIENT_LOCAL}


class ParameterError(MLLMFor3DError):
    """A parameter has a value that makes no sense."""


@dataclass(frozen=True)
class Parameter:
    """A parameter that is read once at start; numbers between ``low`` and ``high``, texts of ``choices``."""

    name: str
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: Sequence[str] = ()

    def descriptor(self) -> ParameterDescriptor:
        """What ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=True)
        if self.choices:
            descriptor.additional_constraints = f"one of: {', '.join(self.choices)}"
        if self.low is not None and self.high is not None:
            if isinstance(self.default, int):
                descriptor.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high))]
            else:
                descriptor.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high)]
        return descriptor

    @property
    def allowed(self) -> str:
        """The values that make sense, for an error."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        kind = {bool: "true or false", int: "a whole number", float: "a number with a point", str: "a text"}
        span = f" from {self.low:g} to {self.high:g}" if self.low is not None and self.high is not None else ""
        return f"{kind[type(self.default)]}{span}"


def declare(node: Node, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Declare the parameters and return their values by name.

    Raises:
        ParameterError: one of them was given a value of another type or outside of its range.
    """
    values: dict[str, Any] = {}
    for parameter in parameters:
        try:
            value = node.declare_parameter(parameter.name, parameter.default, parameter.descriptor()).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            given = node._parameter_overrides.get(parameter.name)
            shown = repr(given.value) if given is not None else "its value"
            raise ParameterError(f"parameter {parameter.name} is {shown}: give {parameter.allowed}") from error
        if parameter.choices and value not in parameter.choices:
            raise ParameterError(f"parameter {parameter.name} is {value!r}: give {parameter.allowed}")
        values[parameter.name] = value
    unknown = sorted(set(node._parameter_overrides) - set(values) - {"use_sim_time"})
    unknown = [
        name for name in unknown if not name.startswith("qos_overrides") and name != "start_type_description_service"
    ]
    if unknown:
        node.get_logger().warning(f"no parameter {', '.join(unknown)}: choose from {', '.join(sorted(values))}")
    return values


def qos(reliability: str, durability: str, depth: int) -> QoSProfile:
    """Keep-last QoS with the names that the parameters use."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=RELIABILITY[reliability],
        durability=DURABILITY[durability],
    )


LATCHED = qos("reliable", "transient_local", 1)
