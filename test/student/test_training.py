"""Training of the student on pseudo-labels, and its answers afterwards."""

from itertools import pairwise

import pytest
import torch
from student_scene import toy_scene

from mllm_for3d_ros.errors import CheckpointError, TrainingError
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM
from mllm_for3d_ros.language.text_head import fit_text_head
from mllm_for3d_ros.student.calibration import calibrate
from mllm_for3d_ros.student.losses import PRESENT, contrast_loss, presence_loss, semantic_loss, spatial_loss
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.scene_files import SceneFiles
from mllm_for3d_ros.student.settings import StudentSettings
from mllm_for3d_ros.student.training import StudentTraining


def stored_scenes(folder, count: int = 4):
    paths = [folder / f"scene_{i:05d}.npz" for i in range(count)]
    for seed, path in enumerate(paths):
        toy_scene(seed).save(path)
    return paths


def phrase_embeddings() -> torch.Tensor:
    return torch.nn.functional.normalize(
        torch.randn(3, EMBEDDING_DIM, generator=torch.Generator().manual_seed(0)), dim=1
    )


def test_the_student_learns_what_is_where_and_what_is_not_there(tmp_path):
    scenes = SceneFiles(stored_scenes(tmp_path), ["red", "green", "nothing"])
    torch.manual_seed(0)
    network = StudentNetwork(classes=2)
    fit_text_head(network.projector, phrase_embeddings(), torch.arange(3), steps=50)
    settings = StudentSettings(steps=40, learning_rate=5e-3, ema=0.9)
    losses = []
    training = StudentTraining(scenes, phrase_embeddings(), network, tmp_path / "state.pt", settings)
    trained = training.run(lambda step, parts: losses.append(sum(parts.values())))
    assert losses[-1] < 0.5 * losses[0]
    thresholds, figures = calibrate(trained, scenes, phrase_embeddings())
    assert figures["mean_iou_to_pseudo_labels"] > 0.8
    assert figures["balanced_presence_accuracy"] > 0.9
    assert 0 < thresholds["presence"] < 1


def training(folder, name="state", **changes) -> StudentTraining:
    paths = sorted(folder.glob("scene_*.npz")) or stored_scenes(folder)
    torch.manual_seed(0)
    settings = StudentSettings(**{"steps": 6, "learning_rate": 5e-3, "ema": 0.9} | changes)
    scenes = SceneFiles(paths, ["red", "green", "nothing"])
    return StudentTraining(scenes, phrase_embeddings(), StudentNetwork(classes=2), folder / f"{name}.pt", settings)


def quiet(step: int, losses: dict[str, float]) -> None:
    """Report to nobody."""


def assert_same(one: StudentTraining, other: StudentTraining) -> None:
    for mine, its in ((one.network, other.network), (one.average, other.average)):
        theirs = its.state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in mine.state_dict().items())


def test_a_run_that_was_interrupted_is_the_same_to_the_bit_as_one_that_was_not(tmp_path):
    straight = training(tmp_path, "straight")
    straight.run(quiet)
    training(tmp_path, "broken").run(quiet, until=3)
    torch.manual_seed(99)  # what other code does with random numbers makes no difference
    resumed = training(tmp_path, "broken")
    steps: list[int] = []
    resumed.run(lambda step, losses: steps.append(step))
    assert steps == [4, 5, 6]
    assert_same(straight, resumed)


def test_another_seed_is_another_result(tmp_path):
    one, other = training(tmp_path, "one", steps=1), training(tmp_path, "other", steps=1, seed=1)
    one.run(quiet)
    other.run(quiet)
    with pytest.raises(AssertionError):
        assert_same(one, other)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    training(tmp_path).run(quiet, until=1)
    with pytest.raises(CheckpointError, match=r"settings batch was 2, now it is 1\); delete it"):
        training(tmp_path, batch=1).run(quiet)


def test_a_step_without_finite_gradients_is_skipped_and_counted(tmp_path):
    run = training(tmp_path, steps=2)
    before = {name: value.clone() for name, value in run.network.named_parameters()}
    run.network.bias.register_hook(lambda gradient: gradient * float("nan"))
    seen: list[dict[str, float]] = []
    run.run(lambda step, losses: seen.append(losses))
    assert run.skipped == 2 and seen == [{}, {}]
    assert all(torch.equal(value, before[name]) for name, value in run.network.named_parameters())


def test_too_many_skipped_steps_end_the_training_with_what_is_wrong(tmp_path):
    run = training(tmp_path, steps=20)
    run.network.bias.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match="nor are: semantic, contrast, presence"):
        run.run(quiet)


def test_bfloat16_goes_the_same_way(tmp_path):
    losses: dict[str, list[dict[str, float]]] = {}
    for precision in ("float32", "bf16"):
        seen = losses.setdefault(precision, [])
        run = training(tmp_path, precision, steps=1, precision=precision)
        run.run(lambda step, parts, seen=seen: seen.append(parts))
        assert all(value.dtype is torch.float32 for value in run.network.parameters())
    for name, value in losses["float32"][0].items():
        assert losses["bf16"][0][name] == pytest.approx(value, rel=0.05, abs=0.01)
    assert losses["bf16"] != losses["float32"]


def test_a_training_without_scenes_says_how_to_make_some(tmp_path):
    with pytest.raises(TrainingError, match="mllm-for3d train scenes"):
        StudentTraining(SceneFiles([]), phrase_embeddings(), StudentNetwork(2), tmp_path / "s.pt", StudentSettings())


def test_the_rate_rises_then_falls_as_a_cosine():
    settings = StudentSettings(steps=100, warm_up=0.1, final_rate=0.2)
    rates = [settings.rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[55] == pytest.approx(0.6) and rates[-1] == pytest.approx(0.2, abs=1e-3)


def test_unknown_voxels_cost_nothing():
    target, weight = torch.zeros(1, 4), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    good = torch.tensor([[-9.0, -9.0, 9.0, 9.0]])
    assert semantic_loss(good, target, weight, torch.zeros(1)) < 1e-2
    assert contrast_loss(good, target, weight) < 1e-2


@pytest.mark.parametrize("presence", [0.0, 1.0])
def test_what_is_trusted_less_costs_less(presence):
    target, wrong = torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([[9.0, 9.0, -9.0, -9.0]])
    trusted, doubted = torch.ones(1, 4), torch.tensor([[1.0, 0.1, 1.0, 1.0]])
    for loss in (
        lambda w: semantic_loss(wrong, target, w, torch.tensor([presence])),
        lambda w: contrast_loss(wrong, target, w),
    ):
        assert loss(doubted) < 0.5 * loss(trusted)


def test_an_instruction_takes_no_part_in_a_voxel_that_it_knows_nothing_of():
    target = torch.tensor([[1.0], [0.0]])
    logits = torch.tensor([[6.0], [6.0]], requires_grad=True)
    loss = contrast_loss(logits, target, torch.tensor([[1.0], [0.0]]))
    loss.backward()
    assert loss < 0.1 and logits.grad[1] == 0 and torch.isfinite(logits.grad).all()


def test_another_instruction_on_the_same_voxel_is_a_negative():
    target, weight = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.ones(2, 2)
    alone, contested = torch.tensor([[6.0, 6.0], [-6.0, -6.0]]), torch.tensor([[6.0, 6.0], [6.0, 6.0]])
    assert contrast_loss(alone, target, weight) < 0.1 < contrast_loss(contested, target, weight)


def test_losses_of_nothing_are_zero():
    assert spatial_loss(torch.ones(3, 2), torch.ones(3, 2), torch.zeros(3, dtype=torch.bool)) == 0


def test_an_undecided_presence_teaches_nothing():
    assert presence_loss(torch.tensor([5.0]), torch.tensor([PRESENT])) == 0
