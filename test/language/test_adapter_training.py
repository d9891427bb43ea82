"""Training of adapter and head together."""

import torch

from mllm_for3d_ros.language.adapter_training import AdapterSettings, fit_adapter
from mllm_for3d_ros.language.sentence_encoder import load_minilm
from mllm_for3d_ros.language.text_adapter import adapter_tensors
from mllm_for3d_ros.language.text_head import TextHead

PHRASES = ("a sofa", "find the couch", "the toilet", "where is the loo?", "a hammer", "the piano in the hall")
CLASSES = torch.tensor([0, 0, 1, 1, 2, 2])


def fitted(seed: int, steps: int):
    network, tokenizer = load_minilm()
    torch.manual_seed(1)
    head = TextHead(2, hidden=32)
    concepts = head.concepts.detach().clone()
    losses = []
    tokens = [one.ids for one in tokenizer.encode_batch(list(PHRASES))]
    settings = AdapterSettings(steps=steps, seed=seed)
    fit_adapter(network, head, tokens, CLASSES, settings, lambda step, loss: losses.append(loss))
    return network, head, tokens, concepts, losses


def test_phrases_are_learnt_and_concepts_stay():
    network, head, tokens, concepts, losses = fitted(seed=0, steps=12)
    assert len(losses) == 12 and losses[-1] < losses[0]
    torch.testing.assert_close(head.concepts, concepts, rtol=0, atol=0)
    with torch.no_grad():
        embeddings = torch.cat([network(torch.tensor([phrase])) for phrase in tokens])
        assert (head.attention(embeddings).argmax(1) == CLASSES).all()
    assert all(value.abs().max() > 0 for value in adapter_tensors(network).values())


def test_one_seed_gives_one_adapter():
    first, second = (adapter_tensors(fitted(seed=3, steps=2)[0])["layers.5.mixed.up"] for _ in range(2))
    assert first.abs().max() > 0
    torch.testing.assert_close(first, second, rtol=0, atol=0)
