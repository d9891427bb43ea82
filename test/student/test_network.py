"""Networks are shaped by their checkpoint, not by today's vocabulary; what tells presence."""

import math

import pytest
import torch

from mllm_for3d_ros.checkpoint import save_checkpoint
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.network import StudentNetwork


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
    network.judge = Judge(read.shape[1], 4)
    return network.eval()


def asked(network: StudentNetwork) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Embeddings of 200 voxels, mask logits and attention of three instructions."""
    embeddings, attention = torch.randn(200, 64), torch.softmax(torch.randn(3, 4), 1)
    return embeddings, network.mask_logits(embeddings, attention @ network.projector.concepts), attention


def test_the_judge_has_the_last_word_on_presence():
    network = judged_network()
    given = asked(network)
    judged = network.presence_logits(*given)
    posterior = network.posterior(given[0])
    read = network.evidence(given[1], network.claims(posterior, given[2]), given[2], posterior.amax(0))
    torch.testing.assert_close(judged, network.judge(read, given[2]))
    network.judge = None
    torch.testing.assert_close(network.presence_logits(*given), read[:, 0])
    assert not torch.allclose(judged, read[:, 0])


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
    given = asked(network)
    torch.testing.assert_close(read.eval().presence_logits(*given), network.presence_logits(*given), atol=0.05, rtol=0)
    assert StudentNetwork.shaped_like(StudentNetwork(3).state_dict()).judge is None


def test_what_is_known_to_be_absent_leaves_its_voxels_to_the_others():
    network, embeddings = judged_network(), torch.randn(50, 64)
    among_all, among_two = network.posterior(embeddings), network.posterior(embeddings, torch.tensor([0, 1, 0]) > 0)
    assert (among_two[:, 1] == 0).all()
    assert (among_two[:, [0, 2]] > among_all[:, [0, 2]]).all()


def test_logits_of_an_instruction_are_the_mean_of_its_concepts():
    network = judged_network()
    embeddings, logits, attention = asked(network)
    torch.testing.assert_close(attention @ network.scores(embeddings).T, logits, atol=1e-5, rtol=1e-5)
