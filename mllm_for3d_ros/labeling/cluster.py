"""A run spread over a Ray cluster: a recording is a task, a teacher on a GPU an actor, the answer cache is shared.

The bag is labelled by the same code as in one process (``bags.label_bag``), so the stores are the same. A task whose
worker is lost is run again and goes on from what is finished on disk and in the cache.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import ClusterError, MissingExtraError
from mllm_for3d_ros.labeling.bags import Bag, Outcome, Spent, bags_of
from mllm_for3d_ros.labeling.cluster_actors import Desk, TeacherActor, label_on_worker
from mllm_for3d_ros.labeling.progress import Cancelled, Progress, Stage
from mllm_for3d_ros.labeling.runner import Listener, run_job
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.labeling.summary import RunSummary
from mllm_for3d_ros.teachers.cache.cached_teacher import TeacherSource

POLL_S = 0.5
"""How often progress is told, and it is asked whether to stop."""
_ANSWERS_WITHIN = 10.0
"""Seconds that a cluster has to take a connection."""
LOSSES = 3
"""Times that a recording is begun again, and an actor started again, after its process was lost."""
CALLS_AT_ONCE = 8
"""Of the desk, so that one worker's long write does not keep the others from reading."""


@dataclass(frozen=True)
class Cluster:
    """Where a run is spread to.

    address: of a Ray cluster; "" starts one on this machine for the run, or takes that of $RAY_ADDRESS. A Ray that
    the process has initialised already is used as it is. source: of the teacher. cache: folder of the answers, on
    a disk of this machine. on_gpus: teachers are actors that hold a GPU each, if the cluster has GPUs; else each
    worker loads its own.
    """

    address: str
    source: TeacherSource
    cache: Path
    on_gpus: bool = True


def label_on_cluster(
    job: LabelJob,
    cluster: Cluster,
    listener: Listener | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> RunSummary:
    """``runner.label_recordings`` on a Ray cluster, all of whose nodes see recordings and labels at the same paths.

    Raises:
        MissingExtraError: ray is not installed.
        ClusterError: the cluster cannot be reached, or is lost; what is finished is kept.
        LabelStoreError: see ``runner.label_recordings``.
    """
    told = listener or Listener()
    with _session(cluster.address) as ray:
        try:
            return run_job(job, lambda: OnCluster(ray, job, cluster, told.progress, cancelled), told)
        except ray.exceptions.RayError as cause:
            raise ClusterError(f"the run was lost on Ray: {_said(cause)}; run it again to go on") from cause


class OnCluster:
    """Labels on the workers of a Ray cluster; follows ``Labeller``."""

    def __init__(
        self,
        ray: Any,
        job: LabelJob,
        cluster: Cluster,
        tell: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """``ray``: the module, initialised."""
        self.teacher = str(cluster.source.fingerprint)
        self._ray, self._job, self._cluster = ray, job, cluster
        self._tell, self._cancelled = tell, cancelled
        self._start, self._spent = time.monotonic(), Spent()
        self._finished: set[int] = set()
        self._label = ray.remote(label_on_worker).options(max_retries=LOSSES)
        self._reports: dict[int, Progress] = {}
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        desk = self._actor(Desk, scheduling_strategy=here, max_concurrency=CALLS_AT_ONCE)
        self._desk = desk.remote(cluster.cache.absolute())
        gpus = int(ray.cluster_resources().get("GPU", 0)) if cluster.on_gpus else 0
        held = self._actor(TeacherActor, num_gpus=1)
        self._teachers = [held.remote(cluster.source) for _ in range(min(gpus, len(job.recordings)))]

    def outcomes(self) -> Iterator[tuple[Bag, Outcome]]:
        """See Labeller; the actors end with it, and free their GPUs."""
        try:
            yield from self._results()
        finally:
            for actor in (self._desk, *self._teachers):
                self._ray.kill(actor)

    def _results(self) -> Iterator[tuple[Bag, Outcome]]:
        running = {self._begin(bag): bag for bag in bags_of(self._job)}
        stopping = False
        while running:
            finished, _ = self._ray.wait(list(running), timeout=POLL_S)
            self._reports = self._ray.get(self._desk.progress.remote())
            if not stopping and self._cancelled():
                stopping = True
                self._ray.get(self._desk.stop.remote())
            for reference in finished:
                bag = running.pop(reference)
                outcome = self._outcome(reference)
                if outcome is not None:
                    self._finished.add(bag.index)
                    yield bag, outcome
            self._tell(self.now())
        if stopping:
            raise Cancelled

    def spent(self) -> Spent:
        """See Labeller; of recordings that are finished or were stopped."""
        return self._spent

    def now(self) -> Progress:
        """See Labeller; stage and counts of frames and labels are of the recording that was heard of last."""
        count, elapsed = len(self._job.recordings), time.monotonic() - self._start
        if not self._reports:
            return Progress(Stage.OPENING, "", 0, count, 0, 0, 0.0, 0, 0, 0, 0, 0.0, elapsed, None)
        known = self._reports.values()
        index, last = next(reversed(self._reports.items()))
        reached = {number: one.progress for number, one in self._reports.items()} | dict.fromkeys(self._finished, 1.0)
        share = sum(reached.values()) / count
        return replace(
            last,
            bag_index=index,
            bag_count=count,
            frames_per_s=sum(one.frames_per_s for one in known if one.stage == Stage.MAPPING),
            teacher_calls=sum(one.teacher_calls for one in known),
            cache_hits=sum(one.cache_hits for one in known),
            progress=share,
            elapsed_s=elapsed,
            remaining_s=elapsed * (1 - share) / share if share > 0 else None,
        )

    def _actor(self, kind: type, **options: Any) -> Any:
        """An actor that needs no CPU of its own: one started again must not wait for workers that wait for it."""
        return self._ray.remote(kind).options(num_cpus=0, max_restarts=LOSSES, max_task_retries=LOSSES, **options)

    def _begin(self, bag: Bag) -> Any:
        """Hand a recording to the cluster."""
        teacher = self._teachers[bag.index % len(self._teachers)] if self._teachers else None
        cluster = self._cluster
        return self._label.remote(self._job, bag, cluster.source, self._desk, cluster.cache, teacher, Path.cwd())

    def _outcome(self, reference: Any) -> Outcome | None:
        """What came of a recording, None if it was stopped."""
        try:
            outcome, spent = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Outcome(failure=f"lost on Ray: {_said(error)}")
        self._spent += spent
        result: Outcome | None = outcome
        return result


def _said(error: Exception) -> str:
    """The kind of an error of Ray and its last line, as those before are a traceback."""
    return f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"


@contextmanager
def _session(address: str) -> Iterator[Any]:
    """The module ray, connected to a cluster until the end; a connection that was there stays."""
    try:
        import ray
        import ray.exceptions
        import ray.util.scheduling_strategies
    except ImportError as cause:
        raise MissingExtraError('--ray needs the extra ray; run `pip install "mllm_for3d_ros[ray]"`') from cause
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a local cluster would report to its makers
    found = address or os.environ.get("RAY_ADDRESS", "")
    options: dict[str, Any] = {} if found else {"include_dashboard": False}
    _check_somebody_listens(found)
    try:
        ray.init(found or "local", log_to_driver=False, logging_level="ERROR", **options)
    except Exception as cause:  # where it does not start in time, Ray raises a plain one
        reason = " ".join(str(cause).split())
        raise ClusterError(
            f"no Ray cluster at {found or 'this machine'} ({reason}); start one with `ray start --head` and give its "
            "address"
        ) from cause
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_somebody_listens(address: str) -> None:
    """Ray itself would try for minutes, and say nothing; names such as "auto" are its own to find.

    Raises:
        ClusterError: nobody does at host:port or ray://host:port.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_WITHIN).close()
    except (OSError, OverflowError) as cause:
        raise ClusterError(
            f"nobody listens at {address} ({cause}); start a cluster with `ray start --head` and give its address"
        ) from cause
