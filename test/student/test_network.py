"""Networks are shaped by their checkpoint, not by today's vocabulary; what tells presence."""

import math

import pytest
import torch

from mllm_for3d_ros.checkpoint import save_checkpoint
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student import network as network_module
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.network import PRESENCE_TOP, StudentNetwork
from mllm_for3d_ros.student.reading import Reading


@pytest.mark.parametrize("classes", [2, 20, len(CLASS_NAMES)])
def test_a_checkpoint_keeps_its_number_of_concepts(classes):
    tensors = StudentNetwork(classes).state_dict()
    network = StudentNetwork.shaped_like(tensors)
    network.load_state_dict(tensors)
    assert network.projector.classes == classes
    assert TextHead.shaped_like(tensors, "projector.").classes == classes


def test_a_checkpoint_without_a_text_head_is_one_clear_error():
    with pytest.raises(CheckpointError, match=r"text_head\.prototypes"):
        TextHead.shaped_like({}, "text_head.")


def judged_network() -> StudentNetwork:
    """A network with a judge that was never fitted."""
    torch.manual_seed(0)
    network = StudentNetwork(3)
    read = network.evidence(torch.zeros(1, 5), torch.zeros(1, 5), torch.zeros(1, 4), torch.zeros(3))
    network.judge, network.reading = Judge(read.shape[1], 4), Reading()
    return network.eval()


def asked(network: StudentNetwork) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Embeddings of 200 voxels, mask logits and attention of three instructions."""
    embeddings, attention = torch.randn(200, 64), torch.softmax(torch.randn(3, 4), 1)
    return embeddings, network.mask_logits(embeddings, attention @ network.projector.concepts), attention


def presence(network: StudentNetwork, embeddings: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
    """[Q] of instructions with ``attention``."""
    scores = network.scores(embeddings)
    posterior = network.posterior_of(scores)
    named, weights = network.inquiries(attention)
    logits, claims = named @ scores.T, network.claims(posterior, named)
    return network.answer(weights, network.presence(logits, claims, named, posterior.amax(0)), logits, claims)[0]


def test_the_judge_tells_of_each_concept_and_an_instruction_is_their_mean():
    network, named = judged_network(), torch.eye(3, 4)
    embeddings, attention = asked(network)[0], torch.tensor([[0.5, 0.1, 0.3, 0.1], [0.2, 0.2, 0.5, 0.1]])
    of_concepts = presence(network, embeddings, named)
    torch.testing.assert_close(presence(network, embeddings, attention), attention[:, :3] @ of_concepts)
    scores, posterior = network.scores(embeddings), network.posterior(embeddings)
    read = network.evidence(named @ scores.T, network.claims(posterior, named), named, posterior.amax(0))
    torch.testing.assert_close(of_concepts, network.judge(read, named).sigmoid())


def test_without_a_judge_the_presence_head_tells():
    network = judged_network()
    embeddings, logits, attention = asked(network)
    network.judge = network.reading = None
    expected = network.presence_logits(embeddings, logits, attention).sigmoid()
    torch.testing.assert_close(presence(network, embeddings, attention), expected, atol=1e-5, rtol=1e-5)


def test_a_sentence_that_may_mean_two_things_means_the_one_that_is_there():
    network, weights = StudentNetwork(3), torch.tensor([[0.6, 0.4]])
    logits, claims = torch.tensor([[4.0, -4.0], [-4.0, 4.0]]), torch.tensor([[0.9, 0.0], [0.0, 0.9]])
    presence, masks = network.answer(weights, torch.tensor([0.01, 0.95]), logits, claims)
    assert presence[0] == pytest.approx(0.6 * 0.01 + 0.4 * 0.95)
    assert masks[0, 1] > 0.9 and masks[0, 0] < 0.1
    presence, masks = network.answer(weights, torch.zeros(2), logits, claims)
    assert presence[0] == 0 and masks.isfinite().all()


def test_what_is_none_of_the_concepts_is_not_there():
    network = judged_network()
    assert presence(network, asked(network)[0], torch.tensor([[0.0, 0.0, 0.0, 1.0]])).tolist() == [0.0]


def test_a_voxel_that_another_concept_explains_better_counts_for_less():
    logits, claims = torch.tensor([[2.0, 2.0, -2.0]]), torch.tensor([[0.9, 0.1, 0.9]])
    alone, rivalled, unlike = StudentNetwork(3).mask_probability(logits, claims)[0].tolist()
    assert alone > rivalled > 0 and alone > unlike > 0
    assert alone == pytest.approx((0.9 / (1 + math.exp(-2.0))) ** 0.5, rel=1e-5)


def test_what_else_is_in_the_scene_is_evidence():
    network = judged_network()
    read = network.evidence(torch.zeros(2, 9), torch.zeros(2, 9), torch.ones(2, 4) / 4, torch.tensor([0.5, 0.0, 1.0]))
    assert torch.equal(read[0], read[1])
    torch.testing.assert_close(read[0, -3:], torch.tensor([0.0, -11.51, 11.51]), atol=0.1, rtol=0)


def test_a_judge_comes_back_with_its_checkpoint(tmp_path):
    network, path = judged_network(), tmp_path / "student.safetensors"
    save_checkpoint(path, network.state_dict(), {"kind": "student"})
    read, _ = StudentNetwork.of_checkpoint(path)
    embeddings, _, attention = asked(network)
    there = presence(network, embeddings, attention)
    torch.testing.assert_close(presence(read.eval(), embeddings, attention), there, atol=0.02, rtol=0)
    assert StudentNetwork.shaped_like(StudentNetwork(3).state_dict()).judge is None


def test_what_is_known_to_be_absent_leaves_its_voxels_to_the_others():
    network, scores = judged_network(), torch.randn(50, 4)
    among_all, among_two = network.posterior_of(scores), network.posterior_of(scores, torch.tensor([0, 1, 0]) > 0)
    assert (among_two[:, 1] == 0).all()
    assert (among_two[:, [0, 2]] > among_all[:, [0, 2]]).all()


def test_logits_of_an_instruction_are_the_mean_of_its_concepts():
    network = judged_network()
    embeddings, logits, attention = asked(network)
    torch.testing.assert_close(attention @ network.scores(embeddings).T, logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("voxels", [1, 64, 99, 6400, 6401, 7000])
def test_the_strongest_voxels_are_found_by_blocks(voxels):
    values = torch.randn(3, voxels).round(decimals=1)  # with ties
    highest = values.sort(dim=1, descending=True).values[:, : max(PRESENCE_TOP)]
    assert torch.equal(network_module._strongest(values), highest)


def test_what_tells_presence_are_means_of_the_strongest_voxels():
    network = StudentNetwork(3).eval()
    logits, claims, attention = torch.randn(2, 400), torch.rand(2, 400), torch.softmax(torch.randn(2, 4), 1)
    read = network.evidence(logits, claims, attention, torch.rand(3))
    for column, top in enumerate(PRESENCE_TOP):
        torch.testing.assert_close(read[:, 1 + column], logits.topk(top).values.mean(1))
        torch.testing.assert_close(read[:, 4 + column], claims.topk(top).values.logit().clamp(-12, 12).mean(1))


def test_scores_and_their_totals_give_the_posterior():
    network = StudentNetwork(5).eval()
    scores = network.scores(8 * torch.randn(50, 64))
    posterior = (scores[:, :-1] - network.totals(scores)[:, None]).exp()
    torch.testing.assert_close(posterior, network.posterior_of(scores), atol=1e-6, rtol=1e-4)
