"""Networks are shaped by their checkpoint, not by today's vocabulary."""

import pytest

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
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
