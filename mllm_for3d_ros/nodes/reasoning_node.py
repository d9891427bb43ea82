"""A map and instructions in, 3D masks out. Topics and parameters: docs/nodes.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String

from mllm_for3d_ros.msg import Instruction
from mllm_for3d_ros.nodes.answer_loop import AnswerLoop, AnswerLoops
from mllm_for3d_ros.nodes.answer_outputs import AnswerOutputs
from mllm_for3d_ros.nodes.answers import Answer, AnswerMaker, Engine, StudentEngine, Thresholds
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.diagnostics import Part
from mllm_for3d_ros.nodes.freed_memory import give_back_model
from mllm_for3d_ros.nodes.instruction_desk import DeskFull, Request
from mllm_for3d_ros.nodes.key_views import KeyViews
from mllm_for3d_ros.nodes.lifted_engine import LiftedEngine
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.map_keeper import EncodedMap, MapKeeper
from mllm_for3d_ros.nodes.model import (
    SHIPPED,
    AnswererFactory,
    ModelChoice,
    TeacherFactory,
    gpu_memory_mib,
    load_answerer,
    teacher_loader,
)
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.promise import promise
from mllm_for3d_ros.nodes.reasoning_parameters import PARAMETERS
from mllm_for3d_ros.nodes.requests import MAX_NAME, Rejection, RequestReader
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.speaker import describe
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.start import end
from mllm_for3d_ros.nodes.timers import steady_timer
from mllm_for3d_ros.nodes.transforms import TransformListener, Transforms
from mllm_for3d_ros.nodes.view_collector import ViewCollector
from mllm_for3d_ros.nodes.watchdog import Watchdog
from mllm_for3d_ros.srv import Segment
from mllm_for3d_ros.types import Instance, Status

_COPIED_TEXT = 2000
_BURST = 2000  # instructions that may arrive while the node looks elsewhere: none of them may go unanswered
_POSE_PATIENCE_S = 1.0
_POLL_S = 0.5


class ReasoningNode(ManagedNode):
    """Encodes each newest map in one thread and answers instructions on it in another.

    Args:
        answerer_factory: loads the model; tests give another.
        teacher_factory: the same for the teacher.
        arguments: for rclpy's Node.

    Raises:
        ParameterError: a parameter makes no sense.
    """

    def __init__(
        self,
        answerer_factory: AnswererFactory = load_answerer,
        teacher_factory: TeacherFactory = teacher_loader,
        **arguments: Any,
    ) -> None:
        self._load, self._teacher_factory = answerer_factory, teacher_factory
        self._loops: AnswerLoops | None = None
        self._keeper: MapKeeper | None = None
        self._views: KeyViews | None = None
        self._watchdog: Watchdog | None = None
        self._transforms: Transforms | None = None
        self._epoch = ""
        self._model: dict[str, object] = {}
        self._counts: Counter[str] = Counter()
        self._times = StageTimes()
        self._reader = RequestReader()
        super().__init__("reasoning_node", PARAMETERS, **arguments)

    def configure(self, scope: ExitStack) -> None:
        """Make the outputs, and the inputs for instructions: while inactive, each is told so."""
        self._outputs = AnswerOutputs(self, self.get_logger().info, self.speaker.warn)
        self._asked = Watchdog(self, self.speaker, only_first=True)
        words = qos("reliable", "volatile", _BURST)
        self._asked.subscribe(Instruction, "instruction", self.take_instruction, words, watch=False)
        self._asked.subscribe(
            String, "instruction/text", lambda m: self.take_instruction(Instruction(text=m.data)), words, watch=False
        )
        self.create_service(
            Segment, "~/segment", self._segment, qos_profile=words, callback_group=ReentrantCallbackGroup()
        )
        steady_timer(self, _POLL_S, self._outputs.poll)

    def activate(self, scope: ExitStack) -> None:
        """Load the model and listen to the map.

        Raises:
            CheckpointError: the model cannot be loaded.
            TeacherError: there is no such teacher, or its weights are missing.
        """
        answerer = self._load(self._choice(), self.get_logger().warning)
        self._model = {"model": answerer.fingerprint, "device": answerer.student.device}
        scope.callback(self._forget)
        self._keeper = keeper = MapKeeper(
            answerer.encode, self.parameters["voxel_size"], self._map_changed, self._map_failed
        )
        scope.callback(keeper.close)
        self._watchdog = Watchdog(self, self.speaker, self.parameters["silent_after"], only_first=True)
        lifted = self._lifted_loop(scope, keeper, self._watchdog)
        self._loops = loops = AnswerLoops(self._answer_with(keeper, StudentEngine(answerer), self._thresholds), lifted)
        scope.callback(self._stop_answering, loops)
        map_qos = qos(self.parameters["map_reliability"], self.parameters["map_durability"], 1)
        self._watchdog.subscribe(PointCloud2, "map/points", keeper.offer, map_qos)
        self.get_logger().info(
            f"ready: model {answerer.fingerprint}, map from {self.resolve_topic_name('map/points')}, "
            f"instructions from {self.resolve_topic_name('instruction')}"
        )

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo ``activate``; the model's memory is free then."""
        done = super().on_deactivate(state)
        give_back_model()
        return done

    def _lifted_loop(self, scope: ExitStack, keeper: MapKeeper, watchdog: Watchdog) -> AnswerLoop | None:
        """Answers of the teacher, if there is one, on key views out of the mapper's inputs."""
        name = self.parameters["teacher"]
        if not name:
            return None
        load = self._teacher_factory(name, self.parameters["device"])
        self._views = views = KeyViews(self.parameters["key_views"])
        collector = ViewCollector(self, watchdog, views, lambda: keeper.frame_id)
        scope.callback(collector.close)
        self._transforms = collector.transforms
        engine = LiftedEngine(name, load, lambda: views.frames, self.parameters["lifted_views"])
        return self._answer_with(keeper, engine, Thresholds)

    def _answer_with(self, keeper: MapKeeper, engine: Engine, thresholds: Callable[[], Thresholds]) -> AnswerLoop:
        maker = AnswerMaker(engine, keeper.newest, self._transform, thresholds, self._obstacles)
        return AnswerLoop("answers", self.parameters["queue_size"], maker, self._say, self._unsaid)

    def _choice(self) -> ModelChoice:
        checkpoint = None if self.parameters["model"] == SHIPPED else self.parameters.path("model")
        return ModelChoice(checkpoint, self.parameters["device"], self.parameters["threads"])

    def _thresholds(self) -> Thresholds:
        return Thresholds(self.parameters["mask_threshold"] or None, self.parameters["presence_threshold"] or None)

    def _forget(self) -> None:
        """Let go of the model and the map."""
        self._loops = self._keeper = self._views = self._watchdog = self._transforms = None
        self._model = {}

    def _stop_answering(self, loops: AnswerLoops) -> None:
        for request in loops.close():
            self._say(request, self._inactive())

    def _inactive(self) -> Answer:
        why = "The node is not active: activate it (ros2 lifecycle set), and ask again."
        return Answer(Status.NOT_READY, why, "inactive")

    def _map_changed(self, encoded: EncodedMap | None) -> None:
        if encoded is not None:
            self._times.add("encode", encoded.seconds)
            if self._views is not None and encoded.cloud.epoch != self._epoch:
                self._views.clear()
            self._epoch = encoded.cloud.epoch
        if self._loops is not None:
            self._loops.map_is(None if encoded is None else encoded.version)

    def _map_failed(self, error: Exception) -> None:
        self._counts["maps_failed"] += 1
        self.speaker.warn("map", f"a map could not be used, the one before it stays: {describe(error)}")

    async def _segment(self, request: Any, response: Any) -> Any:
        """The service: waits for the answer without holding up anything else."""
        answer, reply = promise(self)
        self.take_instruction(request.instruction, reply)
        mask = await answer
        response.mask, response.message = mask, mask.explanation
        response.success = mask.status in (Status.OK, Status.NO_TARGET)
        return response

    def take_instruction(self, message: Instruction, reply: Callable[[Any], object] | None = None) -> None:
        """Queue, reject or cancel; an answer follows in any case, and goes to ``reply`` too."""
        self._counts["instructions"] += 1
        name = self._reader.name(message)
        try:
            if reply is not None and message.op != Instruction.OP_ANSWER:
                raise Rejection("unknown_op", "the service takes OP_ANSWER alone: publish other instructions")
            if message.op in (Instruction.OP_CANCEL, Instruction.OP_CANCEL_ALL):
                self._cancel(message)
            else:
                self._submit(self._reader.read(message, name, self.parameters["default_timeout"], reply))
        except Rejection as error:
            self._reject(message, name, error.code, str(error), reply)
        except DeskFull as error:
            self._reject(message, name, "busy", str(error), reply)

    def _submit(self, request: Request) -> None:
        if self._loops is None:
            return self._say(request, self._inactive())
        for replaced in self._loops.submit(request):
            self._say(replaced, Answer(Status.CANCELLED, "Another instruction with this id has taken its place."))
        return None

    def _cancel(self, message: Instruction) -> None:
        if self._loops is None:
            raise Rejection("nothing_to_cancel", "the node is not active: nothing waits")
        for request in self._loops.cancel(message):
            self._say(request, Answer(Status.CANCELLED, "Cancelled on request."))

    def _reject(
        self, message: Instruction, name: str, code: str, why: str, reply: Callable[[Any], object] | None
    ) -> None:
        requester, text = message.requester[:MAX_NAME], message.text[:_COPIED_TEXT]
        request = Request(requester, name[:MAX_NAME], text, 0.0, stamp_ns(message.header.stamp), reply=reply)
        encoded = None if self._keeper is None else self._keeper.current
        self._say(request, Answer(Status.REJECTED, why, code, encoded))

    def _transform(self, target: str, source: str, at_ns: int) -> np.ndarray:
        """A pose in the map; /tf is listened to from the first one on, for it costs 100 messages a second."""
        if self._transforms is None:
            self._transforms = TransformListener(self)
        grace_ns = round(2 * _POSE_PATIENCE_S * 1e9)  # what is asked first is asked before anything was heard
        return self._transforms.wait_for(target, source, at_ns, _POSE_PATIENCE_S, grace_ns)

    def _say(self, request: Request, answer: Answer) -> None:
        if answer.mask is not None:
            self._times.add("queue", answer.queue_s)
            self._times.add("answer", answer.inference_s)
        with self._times.measure("publish"):
            self._outputs.publish(request, answer, self._observed)

    def _observed(self, instance: Instance) -> float:
        return 0.0 if self._views is None else self._views.observed_fraction(instance)

    def _unsaid(self, request: Request, error: Exception) -> None:
        self.speaker.error("answer", error)
        why = f"The answer could not be published: {describe(error)}"
        try:
            self._outputs.publish(request, Answer(Status.ERROR, why, "inference_failed"))
        except Exception as again:  # the thread that answers goes on: the next instruction may fare better
            self.speaker.error("unsaid", again)

    def _obstacles(self) -> list[str]:
        """What keeps the map away."""
        return [] if self._watchdog is None else list(self._watchdog.problems)

    def parts(self) -> Sequence[Part]:
        """The inputs, for the diagnostics."""
        return [*self._asked.parts(), *(() if self._watchdog is None else self._watchdog.parts())]

    def figures(self) -> Mapping[str, object]:
        """What the diagnostics show."""
        figures: dict[str, object] = self._model | {"gpu_memory_mib": f"{gpu_memory_mib():.0f}"} | self._times.figures()
        if self._keeper is not None:
            encoded = self._keeper.current
            figures |= {
                "map_version": 0 if encoded is None else encoded.version,
                "map_epoch": "" if encoded is None else encoded.cloud.epoch,
                "map_voxels": 0 if encoded is None else len(encoded.cloud),
                "maps_encoded": self._keeper.encoded,
                "maps_replaced": self._keeper.replaced,
            }
        if self._views is not None:
            figures["key_views"] = len(self._views.frames)
        if self._loops is not None:
            figures |= self._loops.figures()
        counts = {name: self._counts[name] for name in ("instructions", "maps_failed")}
        return figures | counts | self._outputs.figures()


def main(
    argv: Sequence[str] | None = None,
    answerer_factory: AnswererFactory = load_answerer,
    teacher_factory: TeacherFactory = teacher_loader,
) -> int:
    """Run the node until Ctrl-C; returns the exit status, 1 if the model cannot be loaded."""
    return run_node(lambda: ReasoningNode(answerer_factory, teacher_factory), argv)


if __name__ == "__main__":
    end(main())
