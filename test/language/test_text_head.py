"""The text head: from embeddings to tokens."""

import pytest
import torch
from torch.nn import functional as F

from mllm_for3d_ros.language.phrase_tokens import PhraseTensors, train_text_head
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM
from mllm_for3d_ros.language.text_head import TOKEN_DIM, TextHead, fit_text_head


def clusters(count: int = 60, classes: int = 3, seed: int = 0) -> PhraseTensors:
    """Noisy copies of ``classes`` + 1 directions; the last is the outside class."""
    generator = torch.Generator().manual_seed(seed)
    centers = F.normalize(torch.randn(classes + 1, EMBEDDING_DIM, generator=torch.Generator().manual_seed(9)), dim=1)
    labels = torch.arange(count) % (classes + 1)
    rows = centers[labels] + 0.03 * torch.randn(count, EMBEDDING_DIM, generator=generator)
    return PhraseTensors(F.normalize(rows, dim=1), labels, classes)


def test_tokens_of_unseen_phrases_are_the_concept_of_their_class():
    torch.manual_seed(0)
    train, unseen = clusters(), clusters(seed=1)
    head = TextHead(classes=3)
    fit_text_head(head, train.embeddings, train.classes, steps=60)
    tokens = head(unseen.embeddings)
    assert tokens.shape == (60, TOKEN_DIM)
    assert (F.cosine_similarity(tokens[:, None], head.concepts[None], dim=2).argmax(1) == unseen.classes).all()


def test_attention_sums_to_one():
    head = TextHead(classes=5).eval()
    torch.testing.assert_close(head.attention(torch.randn(4, EMBEDDING_DIM)).sum(1), torch.ones(4))


def test_one_seed_gives_one_head():
    first, second = (train_text_head(clusters(), seed=3, steps=20) for _ in range(2))
    torch.testing.assert_close(first.prototypes, second.prototypes, rtol=0, atol=0)


def test_a_phrase_is_drawn_from_the_class_asked_for():
    phrases = clusters()
    wanted = torch.tensor([0, 1, 2, 3, 3])
    rows = phrases.draw(wanted, torch.Generator().manual_seed(0))
    assert (phrases.classes[rows] == wanted).all()


def test_a_grown_head_keeps_its_concepts_and_learns_new_ones():
    old = train_text_head(clusters(classes=3), seed=3, steps=20)
    more = clusters(count=80, classes=4)
    head = train_text_head(more, seed=4, start=old, steps=60)
    torch.testing.assert_close(head.prototypes[[0, 1, 2, 4]], old.prototypes)
    assert (head.logits(more.embeddings).argmax(1) == more.classes).float().mean() > 0.95
    with pytest.raises(ValueError, match="cannot shrink"):
        head.grown(2)
