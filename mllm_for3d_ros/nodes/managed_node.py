"""What the nodes of this package have in common: lifecycle, parameters, warnings and diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

from mllm_for3d_ros.nodes.diagnostics import Diagnostics, Part, memory_mib
from mllm_for3d_ros.nodes.freed_memory import GIVE_BACK_S, give_back_freed
from mllm_for3d_ros.nodes.parameters import Change, Parameter, Parameters
from mllm_for3d_ros.nodes.speaker import Speaker, describe
from mllm_for3d_ros.nodes.timers import steady_timer

COMMON_PARAMETERS = (
    Parameter("autostart", True, "Configure and activate at start, without a lifecycle manager", change=Change.NEVER),
    Parameter("warn_period", 5.0, "Seconds between two warnings of one kind", 0.1, 3600.0, change=Change.ALWAYS),
)
_RECENT_S = 5.0
_ENTITIES = ("publisher", "subscription", "service", "client", "timer")


class ManagedNode(LifecycleNode):
    """A lifecycle ("managed") node.

    A subclass says in ``configure`` what lives until cleanup and in ``activate`` what lives until
    deactivation. Topics, services and timers that they create are destroyed on the way back; whatever
    else has to end is registered on the ``ExitStack`` that they are given. An exception in them is one
    line in the log, undoes what they did, and leaves the node in the state it was in.

    Args:
        name: of the node.
        parameters: its own, beside ``COMMON_PARAMETERS``.
        arguments: for rclpy's Node.

    Raises:
        ParameterError: a parameter makes no sense.
    """

    def __init__(self, name: str, parameters: Iterable[Parameter], **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self._configured: ExitStack | None = None
        self._active: ExitStack | None = None
        self._starting = self._finalized = False
        self._failure: Exception | None = None
        table = (*COMMON_PARAMETERS, *parameters)
        self.parameters = Parameters(self, table, self.contradiction, lambda: self._configured is not None)
        self.speaker = Speaker(self.get_logger().warning, self.parameters["warn_period"])
        self.add_post_set_parameters_callback(lambda changes: self.parameters_changed({c.name for c in changes}))
        self._diagnostics = Diagnostics(self, self._all_figures, self._all_problems, self._all_parts)
        steady_timer(self, GIVE_BACK_S, give_back_freed)

    def configure(self, scope: ExitStack) -> None:
        """Make what lives until cleanup."""

    def activate(self, scope: ExitStack) -> None:
        """Make what lives until deactivation: the inputs, and the threads that work on them."""

    def contradiction(self, values: Mapping[str, Any]) -> str:
        """Why parameters do not fit each other, or ""; called before ``configure``, and before they change."""
        return ""

    def parameters_changed(self, names: set[str]) -> None:
        """Called when parameters were set after the start; overriding methods call this one too."""
        if "warn_period" in names:
            self.speaker.period_s = self.parameters["warn_period"]

    def figures(self) -> Mapping[str, object]:
        """What the diagnostics show; called while configured."""
        return {}

    def problems(self) -> Sequence[str]:
        """Lines that make the diagnostics a warning; called while active. By default what there was to warn of."""
        return self.speaker.recent(_RECENT_S)

    def parts(self) -> Sequence[Part]:
        """Further rows of the diagnostics, such as the inputs; called while active."""
        return ()

    @property
    def state(self) -> str:
        """The lifecycle state: "unconfigured", "inactive", "active" or "finalized"."""
        if self._finalized:
            return "finalized"
        if self._configured is None:
            return "unconfigured"
        return "inactive" if self._active is None else "active"

    def start(self) -> None:
        """Configure and activate, if the parameter ``autostart`` says so.

        Raises:
            Exception: what ``configure`` or ``activate`` raised.
        """
        if not self.parameters["autostart"]:
            self.get_logger().info("unconfigured: autostart is false, waiting for a lifecycle manager")
            return
        self._starting = True
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() != TransitionCallbackReturn.SUCCESS:
                raise self._failure or RuntimeError("rclpy refuses the transition; its log says why")
        self._starting = False

    def close(self) -> None:
        """End what the node does, from any state; called before the node is destroyed."""
        self._leave_active()
        self._leave_configured()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; called by rclpy, as the methods below."""
        self._configured = self._enter("configure", self.configure)
        return _result(self._configured)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate."""
        self._active = self._enter("activate", self.activate)
        return _result(self._active)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo ``activate``."""
        self._leave_active()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo ``configure``."""
        self._leave_configured()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo whatever was done, for good."""
        self.close()
        self._finalized = True
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo whatever was done; the node can be configured again."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def _enter(self, what: str, work: Callable[[ExitStack], None]) -> ExitStack | None:
        """What ends ``work`` again; None if it failed."""
        with ExitStack() as scope:
            scope.callback(_destroy_new, self, _entities(self))
            try:
                work(scope)
            except Exception as error:  # the manager is told; the node must go on
                if self._starting:
                    self._failure = error
                else:
                    self.get_logger().error(f"cannot {what}: {describe(error)}")
                return None
            return scope.pop_all()

    def _leave_active(self) -> None:
        scope, self._active = self._active, None
        if scope is not None:
            scope.close()

    def _leave_configured(self) -> None:
        scope, self._configured = self._configured, None
        if scope is not None:
            scope.close()

    def _all_figures(self) -> Mapping[str, object]:
        own = self.figures() if self._configured is not None else {}
        return {"state": self.state, "memory_mib": f"{memory_mib():.0f}"} | dict(own)

    def _all_problems(self) -> Sequence[str]:
        return self.problems() if self._active is not None else ()

    def _all_parts(self) -> Sequence[Part]:
        return self.parts() if self._active is not None else ()


def _result(scope: ExitStack | None) -> TransitionCallbackReturn:
    return TransitionCallbackReturn.FAILURE if scope is None else TransitionCallbackReturn.SUCCESS


def _entities(node: Node) -> dict[str, set[Any]]:
    """Publishers, subscriptions and the like of a node, by kind."""
    return {kind: set(getattr(node, f"{kind}s")) for kind in _ENTITIES}


def _destroy_new(node: Node, before: Mapping[str, set[Any]]) -> None:
    """Destroy what a node has beyond ``before``."""
    for kind, entities in _entities(node).items():
        for entity in entities - before[kind]:
            getattr(node, f"destroy_{kind}")(entity)
