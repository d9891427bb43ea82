"""A run over a local Ray gives the stores of a run in one process, also where processes are lost."""

import os
import socket
import sys
from functools import partial
from pathlib import Path

import mortal_teacher
import pytest
from color_teacher import ColorTeacher
from label_support import TEXTS, files, label, wall_bag
from mortal_teacher import MortalTeacher

from mllm_for3d_ros.errors import ClusterError, MissingExtraError
from mllm_for3d_ros.labeling.cluster import Cluster, OnCluster, label_on_cluster
from mllm_for3d_ros.labeling.progress import Progress
from mllm_for3d_ros.labeling.runner import Listener
from mllm_for3d_ros.labeling.settings import Asked, LabelJob
from mllm_for3d_ros.labeling.summary import SOME_FAILED, RunSummary
from mllm_for3d_ros.teachers.cache.cached_teacher import TeacherSource

WORKERS = 2


def spread(bags, folder: Path, deadly: str = "", on_gpus: bool = False, **told) -> RunSummary:
    """Label into ``folder``/out on the cluster, as ``label_support.label`` does in this process."""
    source = TeacherSource(ColorTeacher().fingerprint, partial(MortalTeacher, folder / "notes", deadly))
    job = LabelJob(tuple(bags), tuple(Asked(text) for text in TEXTS), folder / "out", report=False)
    return label_on_cluster(job, Cluster("", source, folder / "cache", on_gpus), **told)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_told_at_once(scheme, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        source = TeacherSource(ColorTeacher().fingerprint, ColorTeacher)
        job = LabelJob((), (Asked("a chair"),), tmp_path / "out", report=False)
        with pytest.raises(ClusterError, match=f"^nobody listens at {address} .*; start a cluster with"):
            label_on_cluster(job, Cluster(address, source, tmp_path / "cache", False))


@pytest.fixture(scope="module")
def cluster():
    """A Ray of two workers on this machine, which believes that it has a GPU."""
    import ray

    paths = [str(Path(mortal_teacher.__file__).parent), os.environ.get("PYTHONPATH", "")]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))  # the workers import from there
        environment.setenv("RAY_raylet_start_wait_time_s", "300")  # on busy machines
        ray.init(num_cpus=WORKERS, num_gpus=1, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Bags, and the files of a run in one process."""
    folder = tmp_path_factory.mktemp("alone")
    bags = [wall_bag(folder / name, step=step) for name, step in (("slow", 0.06), ("fast", 0.1), ("wide", 0.14))]
    summary = label(bags, folder)
    return bags, files(folder / "out"), summary


@pytest.mark.slow
def test_two_workers_make_the_stores_of_one_process(tmp_path, cluster, alone):
    bags, expected, summary = alone
    told: list[Progress] = []
    run = spread([*bags, tmp_path / "gone"], tmp_path, listener=Listener(told.append))
    assert list(run.failed) == [str(tmp_path / "gone")]
    assert files(tmp_path / "out") == expected
    assert run.frames == summary.frames and run.teacher_calls >= summary.teacher_calls > 0
    assert run.exit_status == SOME_FAILED and "does not exist" in run.failed[str(tmp_path / "gone")]
    assert str(os.getpid()) not in (tmp_path / "notes").read_text().split()
    assert [scene.source for scene in run.scenes] == [str(bag) for bag in bags]
    assert told[-1].progress == pytest.approx(1.0) and told[-1].bag_count == 4


@pytest.mark.slow
@pytest.mark.parametrize("on_gpus", [False, True])
def test_a_process_that_is_killed_changes_nothing(tmp_path, cluster, alone, on_gpus):
    bags, expected, _ = alone
    run = spread(bags, tmp_path, deadly=TEXTS[1], on_gpus=on_gpus)
    assert (tmp_path / "notes.died").exists() and run.failed == {}
    assert files(tmp_path / "out") == expected


@pytest.mark.slow
def test_the_workers_share_a_teacher_on_a_gpu_and_the_answers(tmp_path, cluster, alone):
    bags, expected, summary = alone
    # The first frames of the bags are alike: workers that come to them at the same time both ask.
    assert spread(bags, tmp_path, on_gpus=True).teacher_calls >= summary.teacher_calls
    assert files(tmp_path / "out") == expected
    assert len(set((tmp_path / "notes").read_text().split())) == 1
    again = label(bags, tmp_path)
    assert (again.teacher_calls, again.frames) == (0, 0)


@pytest.mark.slow
def test_a_run_that_is_cancelled_stops_its_workers_and_goes_on_later(tmp_path, cluster, alone):
    bags, expected, _ = alone
    assert spread(bags, tmp_path, cancelled=lambda: True).status == "cancelled"
    assert spread(bags, tmp_path).status == "finished"
    assert files(tmp_path / "out") == expected


@pytest.mark.slow
def test_a_cluster_that_is_lost_is_told_in_one_line(tmp_path, cluster, alone, monkeypatch):
    import ray.exceptions

    def lost(run):
        raise ray.exceptions.RayActorError

    monkeypatch.setattr(OnCluster, "_results", lost)
    with pytest.raises(ClusterError, match=r"^the run was lost on Ray: RayActorError: .+; run it again to go on$"):
        spread(alone[0], tmp_path)


def test_without_ray_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mllm_for3d_ros\[ray\]"'):
        spread([], tmp_path)
