"""From training scenes to a student with thresholds: what every way of training it shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.student.calibration import calibrate
from mllm_for3d_ros.student.distributed import World
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.scene_files import SceneFiles
from mllm_for3d_ros.student.settings import StudentSettings
from mllm_for3d_ros.student.training import StudentTraining
from mllm_for3d_ros.student.training_log import TrainingLog

HELD_OUT = 16
"""One training scene in this many is kept for the student's thresholds."""


@dataclass(frozen=True)
class Fitted:
    """A trained student: averaged network on the CPU, its thresholds, and the figures that they reached.

    scenes: how many it was trained on. skipped: steps without finite gradients.
    """

    network: StudentNetwork
    thresholds: dict[str, float]
    figures: dict[str, float]
    scenes: int
    skipped: int


@dataclass(frozen=True)
class Place:
    """Where a training keeps its things: ``<name>_training.pt`` and its logs in ``folder``."""

    folder: Path
    name: str = "student"
    tensorboard: bool = False
    save_every: int = 100


def split(paths: Sequence[Path], held_out: int = HELD_OUT) -> tuple[list[Path], list[Path]]:
    """Scenes to train on, and those kept out for the thresholds: every ``held_out``-th, at least one.

    Raises:
        TrainingError: there are not two scenes.
    """
    if len(paths) < 2:
        raise TrainingError(f"{len(paths)} training scenes; give two or more: some are kept out for the thresholds")
    kept_out = list(paths[::held_out])
    return [path for path in paths if path not in set(kept_out)], kept_out


def fit(
    paths: Sequence[Path],
    bank: Sequence[str],
    network: StudentNetwork,
    settings: StudentSettings,
    place: Place,
    encoder: SentenceEncoder,
    world: World | None = None,
    held_out: int = HELD_OUT,
) -> Fitted:
    """Train ``network`` on all but some of the scenes, and set its thresholds on those.

    Args:
        paths: files of training scenes.
        bank: texts that scenes without texts speak of.
        network: with its initial weights.
        settings: hyperparameters.
        place: of checkpoint and logs; a run that was interrupted there goes on.
        encoder: of texts, the one that the network's query projector reads.
        world: this process among those that train together; only the first writes and reports.
        held_out: one scene in so many is kept for the thresholds.

    Raises:
        TrainingError: the scenes do not do, or the numbers are not finite.
        CheckpointError: ``place`` holds another training.
    """
    here = world or World()
    used, kept_out = split(paths, held_out)
    scenes = SceneFiles(used, bank)
    embeddings = torch.from_numpy(encoder.encode(scenes.texts))
    state = place.folder / f"{place.name}_training.pt"
    training = StudentTraining(scenes, embeddings, network, state, settings, here)
    trained = _run(training, settings, place, here.leads)
    trained = trained.to("cpu")
    calibration = SceneFiles(kept_out, bank)
    embeddings = torch.from_numpy(encoder.encode(calibration.texts))
    thresholds, figures = calibrate(trained, calibration, embeddings)
    return Fitted(trained, thresholds, figures, len(used), training.skipped)


def _run(training: StudentTraining, settings: StudentSettings, place: Place, leads: bool) -> StudentNetwork:
    if not leads:
        return training.run(lambda step, losses: None, place.save_every)
    log = TrainingLog(place.folder, place.name, place.tensorboard)
    with tqdm(total=settings.steps, desc=place.name, unit="step") as bar:
        if log.note:
            bar.write(log.note)

        def report(step: int, losses: dict[str, float]) -> None:
            log.add(step, losses, settings.learning_rate * settings.rate_at(step - 1))
            bar.set_postfix_str(_said(losses, training.skipped), refresh=False)
            bar.update(step - bar.n)

        trained = training.run(report, place.save_every)
    log.close()
    return trained


def _said(losses: dict[str, float], skipped: int) -> str:
    words = [f"{name} {value:.3f}" for name, value in losses.items()]
    return " ".join([*words, f"skipped {skipped}"] if skipped else words)
