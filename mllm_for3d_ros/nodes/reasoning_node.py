"""A map and instructions in, 3D masks out. Topics and parameters: docs/nodes.md."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.msg import Instruction, ReasoningMask
from mllm_for3d_ros.nodes.conversion import header_message
from mllm_for3d_ros.nodes.diagnostics import Diagnostics
from mllm_for3d_ros.nodes.instruction_desk import DeskFull, InstructionDesk, Request, Verdict
from mllm_for3d_ros.nodes.latched import LatchedWhenHeard
from mllm_for3d_ros.nodes.map_keeper import EncodedMap, MapKeeper
from mllm_for3d_ros.nodes.mask_messages import (
    InstanceNames,
    Outcome,
    add_answer,
    heatmap_cloud,
    marker_array,
    mask_cloud,
    mask_message,
)
from mllm_for3d_ros.nodes.model import SHIPPED, AnswererFactory, ModelChoice, load_answerer
from mllm_for3d_ros.nodes.parameters import Parameter, declare, qos
from mllm_for3d_ros.nodes.requests import MAX_NAME, Rejection, RequestReader
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.speaker import Speaker, describe
from mllm_for3d_ros.nodes.watchdog import Watchdog, steady_timer
from mllm_for3d_ros.types import Mask3D, Status

PARAMETERS = (
    Parameter("model", SHIPPED, "The shipped model (student, or empty), or the path of a .safetensors checkpoint"),
    Parameter("device", "auto", "Where the model runs; falls back to cpu and says so", choices=("auto", "cuda", "cpu")),
    Parameter("threads", 1, "CPU threads of the model", 1, 256),
    Parameter("voxel_size", 0.025, "Edge of the voxels that the model works on, m; the mapper's", 0.005, 1.0),
    Parameter("mask_threshold", 0.0, "Voxel probability of the mask; 0: calibrated in the model", 0.0, 1.0),
    Parameter("presence_threshold", 0.0, "Presence below which there is no target; 0: calibrated", 0.0, 1.0),
    Parameter("default_timeout", 0.0, "Wait of instructions that name no timeout, s; 0: none", 0.0, 3600.0),
    Parameter("queue_size", 32, "Instructions that may wait, and that may be kept", 1, 1000),
    Parameter("map_reliability", "reliable", "QoS reliability of the map", choices=("best_effort", "reliable")),
    Parameter("map_durability", "transient_local", "QoS of the map", choices=("volatile", "transient_local")),
    Parameter("warn_period", 5.0, "Seconds between two warnings of one kind", 0.1, 3600.0),
    Parameter("silent_after", 10.0, "Seconds without any map that are worth a warning", 0.5, 3600.0),
)
_COPIED_TEXT = 2000
MASK_QOS = qos("reliable", "transient_local", 10)


class ReasoningNode(Node):
    """Encodes each newest map in one thread and answers instructions on it in another.

    Args:
        answerer_factory: loads the model; tests give another.
        arguments: for rclpy's Node.

    Raises:
        ParameterError: a parameter makes no sense.
        CheckpointError: the model cannot be loaded.
    """

    def __init__(self, answerer_factory: AnswererFactory = load_answerer, **arguments: Any) -> None:
        super().__init__("reasoning_node", **arguments)
        self._p = declare(self, PARAMETERS)
        self._speaker = Speaker(self.get_logger().warning, self._p["warn_period"])
        self._answerer = answerer_factory(self._choice(), self.get_logger().warning)
        self._counts: Counter[str] = Counter()
        self._names = InstanceNames()
        self._reader = RequestReader(self._p["default_timeout"])
        self._desk = InstructionDesk(self._p["queue_size"])
        self._keeper = MapKeeper(self._answerer.encode, self._p["voxel_size"], self._map_changed, self._map_failed)
        self._outputs_lock = threading.Lock()
        self._mask = self.create_publisher(ReasoningMask, "~/mask", MASK_QOS)
        self._points = LatchedWhenHeard(self, PointCloud2, "~/mask/points")
        self._heatmap = LatchedWhenHeard(self, PointCloud2, "~/mask/heatmap")
        self._markers = LatchedWhenHeard(self, MarkerArray, "~/mask/markers")
        self._watchdog = Watchdog(self, self._speaker, self._p["silent_after"], only_first=True)
        map_qos = qos(self._p["map_reliability"], self._p["map_durability"], 1)
        self._watchdog.subscribe(PointCloud2, "map/points", self._keeper.offer, map_qos)
        words = qos("reliable", "volatile", self._p["queue_size"])
        self._watchdog.subscribe(Instruction, "instruction", self.take_instruction, words, watch=False)
        self._watchdog.subscribe(
            String, "instruction/text", lambda m: self.take_instruction(Instruction(text=m.data)), words, watch=False
        )
        self._thread = threading.Thread(target=self._answer_all, name="answers", daemon=True)
        self._thread.start()
        self._timer = steady_timer(self, 0.5, self._poll_outputs)
        self._diagnostics = Diagnostics(self, self.figures, lambda: self._watchdog.problems)
        self.get_logger().info(
            f"ready: model {self._answerer.fingerprint}, map from {self.resolve_topic_name('map/points')}, "
            f"instructions from {self.resolve_topic_name('instruction')}"
        )

    def _choice(self) -> ModelChoice:
        model = self._p["model"]
        checkpoint = None if model in ("", SHIPPED) else Path(model)
        return ModelChoice(checkpoint, self._p["device"], self._p["threads"])

    def _map_changed(self, encoded: EncodedMap | None) -> None:
        self._desk.map_is(None if encoded is None else encoded.stamp_ns)

    def _map_failed(self, error: Exception) -> None:
        self._counts["maps_failed"] += 1
        self._speaker.warn("map", f"a map could not be used, the one before it stays: {describe(error)}")

    def take_instruction(self, message: Instruction) -> None:
        """Queue, reject or cancel; an answer follows in any case."""
        self._counts["instructions"] += 1
        if message.op in (Instruction.OP_CANCEL, Instruction.OP_CANCEL_ALL):
            return self._cancel(message)
        name = self._reader.name(message)
        try:
            self._desk.submit(self._reader.read(message, name))
        except Rejection as error:
            self._reject(message, name, error.code, str(error))
        except DeskFull as error:
            self._reject(message, name, "busy", str(error))
        return None

    def _cancel(self, message: Instruction) -> None:
        if message.op == Instruction.OP_CANCEL:
            gone = self._desk.cancel(message.requester, message.id)
            if not gone:
                why = f"no instruction {message.id[:MAX_NAME]!r} of this requester waits: check id and requester"
                self._reject(message, message.id, "nothing_to_cancel", why)
        else:
            gone = self._desk.cancel_all(message.requester)
        for request in gone:
            self._say(request, self._outcome(Status.CANCELLED, "Cancelled on request."))

    def _reject(self, message: Instruction, name: str, code: str, why: str) -> None:
        requester, text = message.requester[:MAX_NAME], message.text[:_COPIED_TEXT]
        request = Request(requester, name[:MAX_NAME], text, time.monotonic())
        self._say(request, self._outcome(Status.REJECTED, why, error_code=code))

    def _answer_all(self) -> None:
        """Answer one request after the other; runs in a thread of its own."""
        while (turn := self._desk.next()) is not None:
            request, verdict = turn
            try:
                self._answer(request, verdict)
            except Exception as error:  # the next instruction may fare better
                self._speaker.error("answer", error)
                outcome = self._outcome(
                    Status.ERROR, f"The model failed: {describe(error)}", error_code="inference_failed"
                )
                self._say(request, outcome)

    def _answer(self, request: Request, verdict: Verdict) -> None:
        started = time.monotonic()
        encoded = self._keeper.current
        queue_s = started - request.arrived
        if verdict is not Verdict.ANSWER or encoded is None:
            return self._say(request, self._refusal(request, verdict, encoded, queue_s))
        frame = encoded.cloud.frame_id
        if request.viewpoint_frame not in ("", frame):
            why = f"the viewpoint is in frame {request.viewpoint_frame!r} and the map in {frame!r}: transform it first"
            return self._say(request, self._outcome(Status.REJECTED, why, error_code="viewpoint_frame"))
        try:
            answer = self._answerer.answer(
                encoded.scene,
                request.text,
                mask_threshold=request.threshold or self._p["mask_threshold"] or None,
                presence_threshold=self._p["presence_threshold"] or None,
                max_instances=request.max_instances,
                viewpoint=None if request.viewpoint is None else np.array(request.viewpoint),
            )
        except InstructionError as error:
            return self._say(request, self._outcome(Status.REJECTED, str(error), error_code="text_invalid"))
        outcome = self._outcome(
            answer.status,
            answer.explanation,
            error_code="map_too_small" if answer.status == Status.NOT_READY else "",
            frame_id=frame,
            stamp_ns=encoded.stamp_ns,
            epoch=encoded.cloud.epoch,
            version=encoded.stamp_ns,
            method=ReasoningMask.METHOD_STUDENT,
            queue_s=queue_s,
            inference_s=time.monotonic() - started,
        )
        return self._say(request, outcome, encoded, answer)

    def _refusal(self, request: Request, verdict: Verdict, encoded: EncodedMap | None, queue_s: float) -> Outcome:
        """Why there is no answer yet."""
        problem = "; ".join(self._watchdog.problems) or "start the mapper, or wait until it has seen something"
        version = 0 if encoded is None else encoded.stamp_ns
        why = (
            f"No map yet: {problem}."
            if encoded is None
            else f"The map has version {version} and {request.min_version} was asked for: give a longer timeout."
        )
        status = Status.TIMEOUT if verdict is Verdict.TIMEOUT else Status.NOT_READY
        if status == Status.TIMEOUT:
            why = f"After {request.timeout_s:.1f} s: {why}"
        code = "no_map" if encoded is None else "map_too_old"
        return self._outcome(status, why, error_code=code, version=version, queue_s=queue_s)

    def _outcome(self, status: Status, explanation: str, **more: Any) -> Outcome:
        return Outcome(status, explanation, fingerprint=self._answerer.fingerprint, **more)

    def _say(
        self, request: Request, outcome: Outcome, encoded: EncodedMap | None = None, answer: Mask3D | None = None
    ) -> None:
        """Publish an outcome, and the answer's clouds and markers."""
        message = mask_message(request, outcome)
        with self._outputs_lock:
            self._counts[outcome.status.name.lower()] += 1
            if encoded is None or answer is None:
                self._mask.publish(message)
                return
            cloud = encoded.cloud
            ids = self._names.name(cloud.epoch, answer.instances)
            self._mask.publish(add_answer(message, cloud, answer, ids, request.include_points))
            header = header_message(cloud.frame_id, encoded.stamp_ns)
            self._points.offer(lambda: mask_cloud(cloud, answer, ids, header))
            self._heatmap.offer(lambda: heatmap_cloud(cloud, answer, header))
            self._markers.offer(lambda: marker_array(answer.instances, ids, request.text, header))

    def _poll_outputs(self) -> None:
        with self._outputs_lock:
            for output in (self._points, self._heatmap, self._markers):
                output.poll()

    def figures(self) -> dict[str, object]:
        """What the diagnostics show."""
        encoded = self._keeper.current
        return {
            "model": self._answerer.fingerprint,
            "map_version": 0 if encoded is None else encoded.stamp_ns,
            "map_voxels": 0 if encoded is None else len(encoded.cloud),
            "encode_ms": "" if encoded is None else f"{encoded.seconds * 1000:.0f}",
            "maps_encoded": self._keeper.encoded,
            "maps_replaced": self._keeper.replaced,
            "maps_failed": self._counts["maps_failed"],
            "instructions": self._counts["instructions"],
            "waiting": self._desk.waiting,
            "kept": self._desk.kept,
        } | {status.name.lower(): self._counts[status.name.lower()] for status in Status if status != Status.UNSET}

    def close(self) -> None:
        """Stop the threads."""
        self._desk.close()
        self._keeper.close()
        self._thread.join(2.0)


def main(argv: Sequence[str] | None = None, answerer_factory: AnswererFactory = load_answerer) -> int:
    """Run the node until Ctrl-C; returns the exit status, 1 if the model cannot be loaded."""
    return run_node(lambda: ReasoningNode(answerer_factory), argv)


if __name__ == "__main__":
    sys.exit(main())
