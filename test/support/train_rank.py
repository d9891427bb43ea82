"""One of the processes that torchrun starts: trains on toy scenes, and writes down the weights that it ends with.

torchrun ... train_rank.py SCENES RESULT STEPS
"""

import sys
from pathlib import Path

import torch

from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM
from mllm_for3d_ros.student.distributed import join_world
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.scene_files import SceneFiles
from mllm_for3d_ros.student.settings import StudentSettings
from mllm_for3d_ros.student.training import StudentTraining

folder, result, steps = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
with join_world("cpu") as world:
    scenes = SceneFiles(sorted(folder.glob("scene_*.npz")), ["red", "green", "nothing"])
    embeddings = torch.randn(3, EMBEDDING_DIM, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(world.rank)  # ranks begin apart; they must end together
    training = StudentTraining(
        scenes,
        embeddings,
        StudentNetwork(classes=2),
        result / "state.pt",
        StudentSettings(steps=steps, batch=1, ema=0.9),
        world,
    )
    losses: list[dict[str, float]] = []
    training.run(lambda step, parts: losses.append(parts))
    state = {"network": training.network.state_dict(), "average": training.average.state_dict(), "losses": losses}
    torch.save(state, result / f"rank{world.rank}.pt")
