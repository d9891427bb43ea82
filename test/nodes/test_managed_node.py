"""A managed node in a ROS context of its own; no other process takes part."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from std_msgs.msg import String

from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.parameters import Change, Parameter, ParameterError

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
TABLE = (
    Parameter("size", 1.0, "Size, m", 0.5, 2.0),
    Parameter("mode", "soft", "Mode", choices=("soft", "hard"), change=Change.ALWAYS),
    Parameter("least", 1, "Least", 0, 10, change=Change.ALWAYS),
    Parameter("most", 5, "Most", 0, 10, change=Change.ALWAYS),
    Parameter("box", [0.0, 0.0], "Corners", -1.0, 1.0),
    Parameter("folder", "~/maps", "Folder"),
)


class Example(ManagedNode):
    """Notes what it does."""

    def __init__(self, **arguments: Any) -> None:
        self.done: list[str] = []
        self.trouble: dict[str, Exception] = {}
        super().__init__("example", TABLE, **arguments)

    def contradiction(self, values: Mapping[str, Any]) -> str:
        return "" if values["least"] <= values["most"] else "least must not exceed most"

    def configure(self, scope: ExitStack) -> None:
        self.done.append("configure")
        self.create_publisher(String, "~/out", 1)
        scope.callback(self.done.append, "cleanup")
        self._fail("configure")

    def activate(self, scope: ExitStack) -> None:
        self.done.append("activate")
        self.create_subscription(String, "in", print, 1)
        self.create_timer(1e6, print)
        scope.callback(self.done.append, "deactivate")
        self._fail("activate")

    def _fail(self, what: str) -> None:
        if what in self.trouble:
            raise self.trouble.pop(what)

    def parameters_changed(self, names: set[str]) -> None:
        super().parameters_changed(names)
        self.done.append(f"changed {', '.join(sorted(names))}")


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "95")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    made = Context()
    rclpy.init(args=[], context=made)
    yield made
    rclpy.try_shutdown(context=made)


@pytest.fixture
def node(context: Context) -> Iterator[Example]:
    made = Example(context=context)
    yield made
    made.close()
    made.destroy_node()


def entities(node: ManagedNode) -> tuple[int, int, int]:
    return len(list(node.publishers)), len(list(node.subscriptions)), len(list(node.timers))


def set_to(node: Example, name: str, value: object) -> str:
    """Why it was refused, "" if it was not."""
    (result,) = node.set_parameters([RosParameter(name, value=value)])
    assert result.successful == (result.reason == "")
    return str(result.reason)


def test_what_a_state_makes_ends_with_it(node: Example) -> None:
    bare = entities(node)
    node.start()
    assert node.state == "active" and entities(node) == (bare[0] + 1, bare[1] + 1, bare[2] + 1)
    assert node.trigger_deactivate() == SUCCESS and node.state == "inactive"
    assert entities(node) == (bare[0] + 1, bare[1], bare[2])
    assert node.trigger_activate() == node.trigger_deactivate() == node.trigger_cleanup() == SUCCESS
    assert node.state == "unconfigured" and entities(node) == bare
    again = ["activate", "deactivate"]
    assert node.done == ["configure", *again, *again, "cleanup"]


def test_closing_ends_everything_once(node: Example) -> None:
    node.start()
    node.close()
    node.close()
    assert node.done == ["configure", "activate", "deactivate", "cleanup"] and node.state == "unconfigured"


def test_shutdown_from_active_ends_everything(node: Example) -> None:
    node.start()
    assert node.trigger_shutdown() == SUCCESS
    assert node.done[2:] == ["deactivate", "cleanup"] and node.state == "finalized"


def test_a_failing_transition_is_undone_and_can_be_tried_again(node: Example) -> None:
    bare = entities(node)
    node.trouble = {"configure": ZeroDivisionError("by zero"), "activate": OSError("no camera")}
    assert node.trigger_configure() == FAILURE and node.state == "unconfigured" and entities(node) == bare
    assert node.trigger_configure() == SUCCESS
    configured = entities(node)
    assert node.trigger_activate() == FAILURE and node.state == "inactive" and entities(node) == configured
    assert node.trigger_activate() == SUCCESS and node.state == "active"


@pytest.mark.parametrize("what", ["configure", "activate"])
def test_a_failing_start_raises_what_made_it_fail(node: Example, what: str) -> None:
    node.trouble = {what: OSError("no camera")}
    with pytest.raises(OSError, match="no camera"):
        node.start()


def test_without_autostart_a_node_waits_to_be_told(context: Context) -> None:
    node = Example(context=context, parameter_overrides=[RosParameter("autostart", value=False)])
    node.start()
    assert node.state == "unconfigured" and not node.done
    node.destroy_node()


def test_parameters_that_may_change_do_and_are_told(node: Example) -> None:
    node.start()
    assert set_to(node, "mode", "hard") == set_to(node, "warn_period", 2.0) == ""
    assert node.parameters["mode"] == "hard" and node.speaker.period_s == 2.0
    assert node.done[-2:] == ["changed mode", "changed warn_period"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mode", "brittle", "mode is 'brittle': give one of soft, hard"),
        ("mode", 3, "type"),
        ("size", 9.0, "out of range"),
        ("size", 2.0, "may be set while the node is unconfigured: deactivate and clean up"),
        ("least", 6, "least must not exceed most"),
        ("autostart", False, "read-only"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(node: Example, name: str, value: object, said: str) -> None:
    node.start()
    before = node.parameters[name]
    assert said in set_to(node, name, value)
    assert node.parameters[name] == before


def test_unconfigured_nodes_take_what_is_read_at_configuration(node: Example) -> None:
    assert set_to(node, "size", 2.0) == set_to(node, "box", [-1.0, 1.0]) == ""
    assert "give a list of 2 numbers with a point from -1 to 1" in set_to(node, "box", [0.0])
    assert "[0.0, 3.0]" in set_to(node, "box", [0.0, 3.0])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("size", "big", "size is 'big': give a number with a point from 0.5 to 2"),
        ("least", 7, "least must not exceed most"),
        ("box", [0.0], r"box is .*: give a list of 2"),
    ],
)
def test_a_node_that_is_given_nonsense_does_not_start(context: Context, name: str, value: object, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Example(context=context, parameter_overrides=[RosParameter(name, value=value)])


def test_paths_may_begin_with_the_home_folder(node: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/robot")
    assert node.parameters.path("folder") == Path("/homes/robot/maps")
    for text, path in (("/data/~maps", Path("/data/~maps")), ("", None)):
        assert set_to(node, "folder", text) == "" and node.parameters.path("folder") == path
    assert set_to(node, "folder", "~nobody_of_that_name/maps") == ""
    with pytest.raises(ParameterError, match="folder is '~nobody_of_that_name/maps': no such home folder"):
        node.parameters.path("folder")


def test_descriptions_ranges_and_times_of_change_are_declared(node: Example) -> None:
    size, mode = node.describe_parameter("size"), node.describe_parameter("mode")
    assert size.description == "Size, m" and not size.read_only
    assert (size.floating_point_range[0].from_value, size.floating_point_range[0].to_value) == (0.5, 2.0)
    assert mode.additional_constraints == "one of: soft, hard; may be set at any time"
    assert node.describe_parameter("autostart").read_only
