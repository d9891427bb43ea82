"""Several processes that train one network, on this machine's CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from student_scene import toy_scene

from mllm_for3d_ros.student.distributed import World, join_world

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "train_rank.py"


def test_two_processes_learn_from_different_scenes_and_agree(tmp_path):
    for seed in range(4):
        toy_scene(seed).save(tmp_path / f"scene_{seed}.npz")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(tmp_path), str(tmp_path), "2"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    one, other = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    for part in ("network", "average"):
        assert all(torch.equal(value, other[part][name]) for name, value in one[part].items())
    assert len(one["losses"]) == len(other["losses"]) == 2
    assert one["losses"] != other["losses"]


def test_alone_nothing_is_sent():
    with join_world("cpu") as world:
        assert world == World(0, 1, "cpu") and world.leads
        value = torch.ones(2)
        world.average([value])
        world.share([value])
        world.agree(3, "steps done")
        world.wait()
    assert value.tolist() == [1, 1]


@pytest.mark.parametrize("shapes", [[()], [(2, 3), (), (4,)]])
def test_what_comes_back_lands_where_it_was(shapes):
    tensors = [torch.zeros(shape) for shape in shapes]
    flat = torch.arange(float(sum(tensor.numel() for tensor in tensors)))
    World._scatter(flat, tensors)
    assert torch.equal(torch.cat([tensor.reshape(-1) for tensor in tensors]), flat)
