"""Labels recordings on request: the action label_bag over labeling/. Parameters: docs/nodes.md."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor

from mllm_for3d_ros.action import LabelBag
from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.labeling.plan import plan_run
from mllm_for3d_ros.labeling.progress import Progress
from mllm_for3d_ros.labeling.runner import Listener, label_recordings
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.labeling.summary import ALL_FAILED, CANCELLED, OK, SOME_FAILED, RunSummary
from mllm_for3d_ros.nodes.conversion import duration_message
from mllm_for3d_ros.nodes.label_goals import Limits, job_of, teacher_of
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.parameters import Change, Parameter, ParameterError
from mllm_for3d_ros.nodes.run_place import RunPlace, RunRefused
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.speaker import one_line
from mllm_for3d_ros.nodes.start import end
from mllm_for3d_ros.teachers.cache import AnswerCache, CachedTeacher
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.registry import cached_teacher, fingerprint_of

PARAMETERS = (
    Parameter("data_root", "", "Folder that recordings are read from; labels go to its folder labels"),
    Parameter("teachers", "compact", "Teachers that a goal may name, separated by commas; the first is the default"),
    Parameter("device", "auto", "Where the teacher runs: auto, cpu, cuda or cuda:N"),
    Parameter("cache", "", "Folder of the teachers' stored answers; empty: the user's cache folder"),
    Parameter("feedback_hz", 2.0, "How often feedback is sent at most, Hz", 0.1, 50.0, change=Change.ALWAYS),
)
THREADS = 3
"""One labels, one answers goals and cancellations, one publishes diagnostics."""
STOP_S = 5.0
"""How long is waited for a run to end once it is asked to; launch kills a node 10 s after Ctrl-C."""
STATUS_OF = {
    OK: LabelBag.Result.STATUS_DONE,
    SOME_FAILED: LabelBag.Result.STATUS_PARTIAL,
    ALL_FAILED: LabelBag.Result.STATUS_FAILED,
}
MakeTeacher = Callable[[str, TeacherOptions, AnswerCache, Callable[[int], None]], CachedTeacher]


class LabelingNode(ManagedNode):
    """Runs one goal at a time; a goal that comes meanwhile is aborted with the reason.

    Args:
        make_teacher: loads a teacher; tests give another.
        arguments: for rclpy's Node.

    Raises:
        ParameterError: a parameter makes no sense.
    """

    def __init__(self, make_teacher: MakeTeacher = cached_teacher, **arguments: Any) -> None:
        self._make_teacher = make_teacher
        self._place = RunPlace()
        self._counts: Counter[str] = Counter()
        self._progress: Progress | None = None
        super().__init__("labeling_node", PARAMETERS, **arguments)

    def configure(self, scope: ExitStack) -> None:
        """Check the folder, and offer the action: while inactive, each goal is told so."""
        root = self.parameters.path("data_root")
        if root is None or not root.is_dir():
            raise ParameterError(f"parameter data_root is {str(root or '')!r}: name an existing folder with recordings")
        teachers = tuple(name.strip() for name in self.parameters["teachers"].split(",") if name.strip())
        if not teachers:
            raise ParameterError("parameter teachers is empty: name at least one, for instance compact")
        self._limits = Limits(root.absolute(), teachers)
        self._options = TeacherOptions(device=self.parameters["device"])
        server = ActionServer(  # outlives deactivation, which ends a run whose result is still to be sent
            self,
            LabelBag,
            "~/label_bag",
            self._execute,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )
        scope.callback(server.destroy)
        scope.callback(self._place.close, STOP_S)  # where Ctrl-C comes while another thread deactivates the node

    def activate(self, scope: ExitStack) -> None:
        """Take goals."""
        self._place.open()
        scope.callback(self._end_run)
        self.get_logger().info(
            f"ready: recordings below {self._limits.data_root}, teachers {', '.join(self._limits.teachers)}"
        )

    def figures(self) -> Mapping[str, object]:
        """Goals by what became of them, and how far the present one is."""
        now = self._progress
        present = {} if now is None else {"bag": now.bag, "stage": now.stage.name, "progress": f"{now.progress:.2f}"}
        return {name: self._counts[name] for name in ("goals", "done", "rejected", "failed", "cancelled")} | present

    def _end_run(self) -> None:
        """Ask the run to stop and wait for it."""
        if not self._place.close(STOP_S):
            self.get_logger().warning(
                f"the run has not stopped within {STOP_S:.0f} s and is not waited for; its labels so far are kept"
            )

    def _execute(self, goal: ServerGoalHandle) -> LabelBag.Result:
        """Do what a goal asks for; runs in a thread of the executor."""
        self._counts["goals"] += 1
        started = time.monotonic()
        try:
            with self._place.run() as stop:  # up to the goal's outcome: whoever waits for its end may end the action
                return self._concluded(goal, self._labelled(goal, stop), started)
        except RunRefused as refusal:
            return self._concluded(goal, self._refused(str(refusal)), started)

    def _labelled(self, goal: ServerGoalHandle, stop: threading.Event) -> LabelBag.Result:
        try:
            return self._label(goal, stop)
        except MLLMFor3DError as error:
            return self._failed(str(error))
        except Exception as error:  # the node goes on whatever a recording or a teacher did
            return self._failed(f"unexpected {type(error).__name__}: {error}")
        finally:
            self._progress = None

    def _concluded(self, goal: ServerGoalHandle, result: LabelBag.Result, started: float) -> LabelBag.Result:
        result.elapsed = duration_message(time.monotonic() - started)
        self.get_logger().info(f"label_bag: {result.message}")
        _close(goal, result.status)
        return result

    def _label(self, goal: ServerGoalHandle, stop: threading.Event) -> LabelBag.Result:
        asked = goal.request
        try:
            teacher, job = teacher_of(asked, self._limits), job_of(asked, self._limits)
        except MLLMFor3DError as error:
            return self._refused(str(error))
        if asked.dry_run:
            return self._planned(job, teacher)
        feedback = Feedback(goal, lambda: float(self.parameters["feedback_hz"]))

        def tell(progress: Progress) -> None:
            self._progress = progress
            feedback.tell(progress)

        with AnswerCache(self.parameters.path("cache")) as cache:
            summary = label_recordings(
                job,
                lambda answered: self._make_teacher(teacher, self._options, cache, answered),
                Listener(tell),
                lambda: goal.is_cancel_requested or stop.is_set(),
            )
        return self._result(job, summary)

    def _result(self, job: LabelJob, summary: RunSummary) -> LabelBag.Result:
        cancelled = summary.status == CANCELLED
        status = LabelBag.Result.STATUS_CANCELLED if cancelled else STATUS_OF[summary.exit_status]
        self._counts["cancelled" if cancelled else "failed" if status == LabelBag.Result.STATUS_FAILED else "done"] += 1
        written = sum(scene.written for scene in summary.scenes)
        said = f"{written} labels written for {len(summary.scenes)} of {len(job.recordings)} recordings"
        return LabelBag.Result(
            status=status,
            message=said + ("; cancelled, set resume to go on" if cancelled else ""),
            store=str(job.out),
            report=summary.report or "",
            bags_done=len(summary.scenes),
            labels_written=written,
            failed_bags=list(summary.failed),
            failure_reasons=[one_line(reason) for reason in summary.failed.values()],
            teacher_calls=summary.teacher_calls,
            cache_hits=summary.cache_hits,
        )

    def _planned(self, job: LabelJob, teacher: str) -> LabelBag.Result:
        plan = plan_run(job, str(fingerprint_of(teacher, self._options)))
        problems = {one.path: one.problem for one in plan.recordings if one.problem}
        self._counts["done"] += 1
        exit_status = OK if not problems else SOME_FAILED if len(problems) < len(plan.recordings) else ALL_FAILED
        return LabelBag.Result(
            status=STATUS_OF[exit_status],
            message=f"would read {plan.frames} frames of {len(plan.recordings)} recordings in about {plan.seconds:.0f} "
            f"s and ask the teacher about at most {plan.most_calls} views",
            store=str(job.out),
            failed_bags=list(problems),
            failure_reasons=[one_line(str(reason)) for reason in problems.values()],
        )

    def _refused(self, reason: str) -> LabelBag.Result:
        self._counts["rejected"] += 1
        return LabelBag.Result(status=LabelBag.Result.STATUS_REJECTED, message=one_line(reason))

    def _failed(self, reason: str) -> LabelBag.Result:
        self._counts["failed"] += 1
        return LabelBag.Result(status=LabelBag.Result.STATUS_FAILED, message=one_line(reason))


class Feedback:
    """Sends how far a goal is, at most ``hz()`` times a second and at every change of stage or recording."""

    def __init__(self, goal: ServerGoalHandle, hz: Callable[[], float]) -> None:
        self._goal, self._hz = goal, hz
        self._next = 0.0
        self._before: tuple[int, int] | None = None

    def tell(self, progress: Progress) -> None:
        """A step was made."""
        now, at = time.monotonic(), (progress.bag_index, int(progress.stage))
        if now < self._next and at == self._before:
            return
        self._next, self._before = now + 1 / self._hz(), at
        self._goal.publish_feedback(feedback_message(progress))


def feedback_message(progress: Progress) -> LabelBag.Feedback:
    """The message of a progress."""
    same = ("bag", "bag_index", "bag_count", "frames_read", "frames_total", "teacher_calls", "cache_hits", "progress")
    return LabelBag.Feedback(
        stage=int(progress.stage),
        remaining=duration_message(progress.remaining_s or 0.0),
        **{name: getattr(progress, name) for name in same},
    )


def _close(goal: ServerGoalHandle, status: int) -> None:
    """Set the action's own outcome: a run that is stopped by a deactivation is aborted, for nobody cancelled it."""
    if status in (LabelBag.Result.STATUS_DONE, LabelBag.Result.STATUS_PARTIAL):
        goal.succeed()
    elif status == LabelBag.Result.STATUS_CANCELLED and goal.is_cancel_requested:
        goal.canceled()
    else:
        goal.abort()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit status."""
    return run_node(LabelingNode, argv, lambda: MultiThreadedExecutor(THREADS))


if __name__ == "__main__":
    end(main())
