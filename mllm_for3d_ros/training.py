"""The stages that make the shipped models, from phrases and rooms to safetensors with cards.

Teacher and student see disjoint rooms (see ``seeds``). The student's stage reads pseudo-labels only, but for its
supervised twin (labels "truth"), which is there to be compared with and is never shipped.
"""

from __future__ import annotations

import datetime
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import torch
from tqdm import tqdm

from mllm_for3d_ros.checkpoint import load_checkpoint, read_card, save_checkpoint
from mllm_for3d_ros.evaluation.text_benchmark import text_accuracy
from mllm_for3d_ros.language.sentence_encoder import ADAPTER_HASH, SentenceEncoder, copy_adapter
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.phrase_bank import phrase_tensors
from mllm_for3d_ros.rooms.views import ROOMS_PER_SHARD, load_shards, render_shard
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.scene_stages import PSEUDO, REFINED, TRUTH, scene_paths
from mllm_for3d_ros.seeds import TEACHER, check_seeds
from mllm_for3d_ros.student.calibration import calibrate
from mllm_for3d_ros.student.fitting import Place, fit, split
from mllm_for3d_ros.student.judge import FILE as JUDGE_FILE
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.prediction import CHECKPOINT as STUDENT_FILE
from mllm_for3d_ros.student.scene_files import SceneFiles
from mllm_for3d_ros.student.scene_store import FRAMES, TrainingScene
from mllm_for3d_ros.student.settings import StudentSettings
from mllm_for3d_ros.teachers.compact.network import PixelEmbedder
from mllm_for3d_ros.teachers.compact.teacher import CHECKPOINT as TEACHER_FILE
from mllm_for3d_ros.teachers.compact.training import TeacherSettings, TeacherTraining
from mllm_for3d_ros.text_training import load_text, text_head_of

VIEWS_PER_ROOM = 8
STUDENT_NAMES = {PSEUDO: "student", REFINED: "student", TRUTH: "student_truth"}
RUN_NAMES = {PSEUDO: "student", REFINED: "student_refined", TRUTH: "student_truth"}


def render_views(work: Path, rooms: int, workers: int) -> None:
    """Render the teacher's views; shards that exist are kept."""
    seeds = range(TEACHER.start, TEACHER.start + rooms)
    check_seeds(seeds, TEACHER, "the teacher")
    folder = work / "views"
    folder.mkdir(parents=True, exist_ok=True)
    starts = seeds[::ROOMS_PER_SHARD]
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(render_shard, start, VIEWS_PER_ROOM, folder) for start in starts]
        for job in tqdm(jobs, desc="rendering", unit="shard"):
            job.result()


def train_teacher(work: Path, models: Path, steps: int, seed: int, start: Path | None = None) -> None:
    """Train the compact teacher on the rendered views and write model and card."""
    head, encoder = load_text(work)
    views = load_shards(work / "views")
    settings = TeacherSettings(steps=steps, seed=seed)
    torch.manual_seed(seed)
    network = PixelEmbedder()
    if start is not None:
        tensors, _ = load_checkpoint(start / TEACHER_FILE, "teacher")
        own = {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
        network.load_state_dict(own, strict=False)  # older models know no geometry: that part starts anew
    training = TeacherTraining(views, phrase_tensors("train", encoder), head, network, work, settings)
    with tqdm(total=steps, desc="teacher", unit="step") as bar:
        trained = training.run(lambda step, loss: _advance(bar, step, f"loss {loss:.3f}"))
    tensors = {f"network.{k}": v for k, v in trained.state_dict().items()}
    tensors |= {f"text_head.{k}": v for k, v in head.state_dict().items()}
    adapter = copy_adapter(work, models)
    save_checkpoint(
        models / TEACHER_FILE,
        tensors,
        _card("teacher", settings, start / TEACHER_FILE if start else None)
        | {
            "data": f"{len(views)} RGB-D views of {len(views) // VIEWS_PER_ROOM} Rooms from seed {TEACHER.start} on",
            "labels": "2D class masks of rendered views; phrases of the training bank",
            ADAPTER_HASH: adapter,
            "text": text_accuracy(head, encoder),
        },
    )


def train_student(
    work: Path, models: Path, steps: int, seed: int, start: Path | None = None, labels: str = PSEUDO
) -> None:
    """Train the student on the pseudo-labels, set its thresholds, and write model and card.

    ``labels``: "truth" trains the supervised twin on ``work``/scenes_truth, and writes student_truth.safetensors.
    """
    paths = scene_paths(work, labels)
    text_head = text_head_of(models / TEACHER_FILE)
    torch.manual_seed(seed)
    network = StudentNetwork(text_head.classes)
    settings = StudentSettings(steps=steps, seed=seed)
    if start is not None:
        settings = replace(settings, learning_rate=settings.learning_rate / 2)
        tensors, _ = load_checkpoint(start / STUDENT_FILE, "student")
        network.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("projector.")}, strict=False)
    network.projector.load_state_dict(text_head.state_dict())
    texts = [phrase.text for phrase in bank("train")]
    teacher_card = read_card(models / TEACHER_FILE)
    encoder = SentenceEncoder.of_checkpoint(models / TEACHER_FILE, teacher_card)
    fitted = fit(paths, texts, network, settings, Place(work, RUN_NAMES[labels]), encoder)
    said = {ADAPTER_HASH: teacher_card[ADAPTER_HASH]} if ADAPTER_HASH in teacher_card else {}
    save_checkpoint(
        models / f"{STUDENT_NAMES[labels]}.safetensors",
        fitted.network.state_dict(),
        _card("student", settings, start / STUDENT_FILE if start else None, _asked(labels))
        | {
            "data": f"{fitted.scenes} Rooms recordings of {FRAMES} frames from seed {_seed_of(paths[0])} on",
            "labels": _labels_said(labels, models, work, tagged=TrainingScene.load(paths[0]).tags is not None),
            **said,
            "thresholds": fitted.thresholds,
            _figures_field(labels): fitted.figures,
            "skipped_steps": fitted.skipped,
        },
    )


def set_thresholds(work: Path, models: Path, labels: str = PSEUDO) -> dict[str, float]:
    """Set the thresholds of the student in ``models`` anew on the kept-out scenes of ``work``; returns its figures.

    For a student whose text side was replaced: presence is then told from other attention. The threshold of a judge of
    presence stays: ``train presence`` sets it.
    """
    path = models / f"{STUDENT_NAMES[labels]}.safetensors"
    network, card = StudentNetwork.of_checkpoint(path)
    _, kept_out = split(scene_paths(work, labels))
    scenes = SceneFiles(kept_out, [phrase.text for phrase in bank("train")])
    embeddings = torch.from_numpy(SentenceEncoder.of_checkpoint(path, card).encode(scenes.texts))
    thresholds, figures = calibrate(network.eval(), scenes, embeddings)
    if network.judge is not None:
        thresholds["presence"] = card["thresholds"]["presence"]
    save_checkpoint(path, network.state_dict(), card | {"thresholds": thresholds, _figures_field(labels): figures})
    return figures


def _seed_of(scene: Path) -> int:
    return int(scene.stem.removeprefix("scene_"))


def _figures_field(labels: str) -> str:
    return "ground_truth_figures" if labels == TRUTH else "pseudo_label_figures"


def _asked(labels: str) -> str:
    """The option of the command line that asks for ``labels``."""
    return "" if labels == PSEUDO else f" --labels {labels}"


def _labels_said(labels: str, models: Path, work: Path, tagged: bool) -> str:
    if labels == TRUTH:
        return "supervised by 3D ground truth: for comparison only"
    teacher_card = read_card(models / TEACHER_FILE)
    mixed = ", mixed with the answers of a student trained on them" if labels == REFINED else ""
    if labels == REFINED and (work / JUDGE_FILE).exists():
        mixed += f", presence by judge {read_card(work / JUDGE_FILE)['sha256'][:16]}"
    if tagged:
        mixed += ", what is there by tags of the images"
    return f"pseudo-labels lifted from teacher {teacher_card['sha256'][:16]}{mixed}; no 3D annotation"


def _card(
    kind: str, settings: TeacherSettings | StudentSettings, start: Path | None, options: str = ""
) -> dict[str, object]:
    """What every card says; ``start`` is the checkpoint that the training went on from."""
    command = f"mllm-for3d train {kind} --steps {settings.steps} --seed {settings.seed}{options}"
    card: dict[str, object] = {
        "kind": kind,
        "date": datetime.date.today().isoformat(),
        "classes": list(CLASS_NAMES),
        "settings": asdict(settings),
        "command": command + (" --start FOLDER" if start else ""),
        "licence": "Apache-2.0",
    }
    if start is not None:
        card["started_from"] = f"{start.stem} {read_card(start)['sha256'][:16]}"
    return card


def _advance(bar: tqdm, step: int, text: str) -> None:
    bar.set_postfix_str(text, refresh=False)
    bar.update(step - bar.n)
