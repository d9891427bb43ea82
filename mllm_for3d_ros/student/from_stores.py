"""A student from label stores: what ``mllm-for3d train CONFIG`` does."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import read_card, save_checkpoint
from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.language.sentence_encoder import ADAPTER_HASH, SentenceEncoder, copy_adapter
from mllm_for3d_ros.student.config import NOTHING, SHIPPED, TrainConfig
from mllm_for3d_ros.student.distributed import World, join_world
from mllm_for3d_ros.student.fitting import Fitted, Place, fit, split
from mllm_for3d_ros.student.network import NETWORKS, StudentNetwork
from mllm_for3d_ros.student.prediction import CHECKPOINT
from mllm_for3d_ros.student.rivalry import Meaning
from mllm_for3d_ros.student.settings import StudentSettings
from mllm_for3d_ros.student.store_scenes import find_stores, kept_scenes, store_teachers


def train_from_stores(config: TrainConfig, command: str) -> Path | None:
    """Train as ``config`` says, and write model, card and logs; under torchrun, together with its other processes.

    Args:
        config: of the training.
        command: the command line that asked for it, for the card.

    Returns:
        the model's file; None from all but the first of several processes.

    Raises:
        TrainingError: the configuration or the scenes do not do, or the numbers are not finite.
        LabelStoreError: a folder holds no label store, or a store is damaged.
        CheckpointError: the model to start from is missing or does not fit, or ``output`` holds another training.
    """
    with join_world(config.device) as world:
        if world.leads and world.note:
            print(world.note)
        stores = find_stores(config.data)
        network, start = start_network(config)
        encoder = _encoder(config, world.device)
        settle = config.settle and config.start != NOTHING
        paths = _scenes(
            stores, config.output / "scenes", Meaning(network.projector, encoder) if settle else None, world
        )
        used, kept_out = split(paths, config.held_out)
        settings = config.settings(len(used), world.size)
        place = Place(config.output, config.name, config.tensorboard, config.save_every)
        fitted = fit(paths, (), network, settings, place, encoder, world, config.held_out)
        if not world.leads:
            return None
        path = config.output / f"{config.name}.safetensors"
        card = _card(config, settings, world, fitted, stores, len(kept_out)) | start
        if ADAPTER_HASH in start:
            copy_adapter(_start(config).parent, config.output)
        save_checkpoint(path, fitted.network.state_dict(), card | {"command": command})
        return path


def start_network(config: TrainConfig) -> tuple[StudentNetwork, dict[str, Any]]:
    """The network with its initial weights, and what its card says of them.

    A start of another kind than the network asked for gives its query projector; the 3D network then starts anew.

    Raises:
        TrainingError: there is no network of that name.
        CheckpointError: the model to start from is missing or does not fit.
    """
    if config.network not in NETWORKS:
        raise TrainingError(f"unknown network {config.network!r}: choose one of {', '.join(NETWORKS)}")
    if config.start == NOTHING:
        return _untrained(config.concepts, config), {"classes": []}
    path = _start(config)
    stored, card = StudentNetwork.of_checkpoint(path)
    said = {"classes": card.get("classes", []), "started_from": f"{path.stem} {card['sha256'][:16]}"}
    said |= {ADAPTER_HASH: card[ADAPTER_HASH]} if ADAPTER_HASH in card else {}
    if stored.kind == config.network:
        stored.judge = stored.reading = None  # what it knows of presence holds for the weights that it was fitted to
        return stored, said
    network = _untrained(stored.projector.classes, config)
    network.projector.load_state_dict(stored.projector.state_dict())
    return network, said | {"started_from": f"{said['started_from']} (its query projector)"}


def _untrained(concepts: int, config: TrainConfig) -> StudentNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(config.training.seed)
        return StudentNetwork(concepts, config.network)


def command_line(arguments: Sequence[str]) -> str:
    """The command line as one would type it."""
    return shlex.join(["mllm-for3d", *arguments])


def _encoder(config: TrainConfig, device: str) -> SentenceEncoder:
    """The encoder that the query projector of ``start_network`` reads."""
    if config.start == NOTHING:
        return SentenceEncoder.load(device=device)
    return SentenceEncoder.of_checkpoint(_start(config), read_card(_start(config)), device)


def _start(config: TrainConfig) -> Path:
    """The model to start from."""
    return models_dir() / CHECKPOINT if config.start == SHIPPED else Path(config.start)


def _scenes(stores: Sequence[Path], cache: Path, meaning: Meaning | None, world: World) -> list[Path]:
    """Training scenes of the stores; the first process makes those that are missing, the others wait for it."""
    if world.leads:
        paths = kept_scenes(stores, cache, meaning)
        world.wait()
        return paths
    world.wait()
    return kept_scenes(stores, cache, meaning)


def _card(
    config: TrainConfig,
    settings: StudentSettings,
    world: World,
    fitted: Fitted,
    stores: Sequence[Path],
    kept_out: int,
) -> dict[str, Any]:
    return {
        "kind": "student",
        "date": datetime.date.today().isoformat(),
        "network": config.network,
        "settings": settings.as_json(),
        "processes": world.size,
        "data": f"{fitted.scenes} scenes of label stores, {kept_out} more for the thresholds",
        "stores": [str(store) for store in stores],
        "settled": config.settle and config.start != NOTHING,
        "labels": f"pseudo-labels of {', '.join(store_teachers(stores))}",
        "thresholds": fitted.thresholds,
        "pseudo_label_figures": fitted.figures,
        "skipped_steps": fitted.skipped,
        "licence": config.licence,
    }
