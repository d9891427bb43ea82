"""The network of all-MiniLM-L6-v2 in plain torch: six BERT layers of width 384, mean pooling, unit norm.

Same weights and results as transformers' ``BertModel``, without its import and at less cost: queries, keys and values
are one product. One sentence at a time is quicker still with ``OneSentence``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM

LAYERS = 6
_POSITIONS = 512
HEADS = 12
_HIDDEN = 1536
_WORDS = 30522
_EPSILON = 1e-12
_RENAMED = (
    (r"^embeddings\.(word|position)_embeddings\.", r"\1s."),
    (r"^embeddings\.LayerNorm\.", "norm."),
    (r"^encoder\.layer\.", "layers."),
    (r"\.attention\.self\.(query|key|value)\.", r".\1."),
    (r"\.attention\.output\.dense\.", ".mixed."),
    (r"\.attention\.output\.LayerNorm\.", ".mixed_norm."),
    (r"\.intermediate\.dense\.", ".widened."),
    (r"\.output\.dense\.", ".narrowed."),
    (r"\.output\.LayerNorm\.", ".narrowed_norm."),
)


class MiniLM(nn.Module):
    """Token ids to one unit vector [384] a sentence."""

    def __init__(self) -> None:
        """Untrained; see ``MiniLM.of``."""
        super().__init__()
        self.words = nn.Embedding(_WORDS, EMBEDDING_DIM)
        self.positions = nn.Embedding(_POSITIONS, EMBEDDING_DIM)
        self.norm = nn.LayerNorm(EMBEDDING_DIM, eps=_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    @classmethod
    def of(cls, stored: Mapping[str, torch.Tensor]) -> MiniLM:
        """The network with the weights ``stored`` under the names of transformers.

        Raises:
            CheckpointError: a weight is missing or has another shape.
        """
        tensors = {_renamed(name): value for name, value in stored.items()}
        try:
            for layer in range(LAYERS):
                for part in ("weight", "bias"):
                    names = [f"layers.{layer}.{one}.{part}" for one in ("query", "key", "value")]
                    tensors[f"layers.{layer}.looked_up.{part}"] = torch.cat([tensors[name] for name in names])
            # Every sentence is of the first of the two kinds that BERT tells apart.
            kind = stored["embeddings.token_type_embeddings.weight"][0]
            tensors["positions.weight"] = tensors["positions.weight"] + kind
            with torch.device("meta"):
                network = cls()
            network.load_state_dict({name: tensors[name] for name in network.state_dict()}, assign=True)
        except (KeyError, RuntimeError) as cause:
            raise CheckpointError(
                f"these are not the weights of all-MiniLM-L6-v2 ({cause}); install them anew"
            ) from cause
        return network

    def forward(self, tokens: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Unit vectors [B, 384] of ``tokens`` [B, T] int64; ``kept`` [B, T] bool: no padding."""
        return self.pooled(self.below(tokens, LAYERS, kept), kept)

    def below(self, tokens: torch.Tensor, layer: int, kept: torch.Tensor | None = None) -> torch.Tensor:
        """States [B, T, 384] that ``layer`` (0 to 6: the end) is given, of ``tokens`` as in ``forward``."""
        states = self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        return self.through(states, slice(0, layer), kept)

    def through(self, states: torch.Tensor, layers: slice, kept: torch.Tensor | None = None) -> torch.Tensor:
        """``states`` [B, T, 384] after some ``layers``."""
        seen = None if kept is None else kept[:, None, None]
        for layer in self.layers[layers]:
            states = layer(states, seen)
        return states

    def pooled(self, states: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """Mean over the tokens of ``states`` [B, T, 384] that are kept, as unit vectors [B, 384]."""
        if kept is None:
            return F.normalize(states.mean(1), dim=1)
        share = kept.unsqueeze(-1).to(states.dtype)
        return F.normalize((states * share).sum(1) / share.sum(1), dim=1)


class Layer(nn.Module):
    """Attention between the tokens, then a network of its own for each, both with a residual and a norm after."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_up = nn.Linear(EMBEDDING_DIM, 3 * EMBEDDING_DIM)
        self.mixed = nn.Linear(EMBEDDING_DIM, EMBEDDING_DIM)
        self.mixed_norm = nn.LayerNorm(EMBEDDING_DIM, eps=_EPSILON)
        self.widened = nn.Linear(EMBEDDING_DIM, _HIDDEN)
        self.narrowed = nn.Linear(_HIDDEN, EMBEDDING_DIM)
        self.narrowed_norm = nn.LayerNorm(EMBEDDING_DIM, eps=_EPSILON)

    def forward(self, states: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        """States [B, T, 384] of the next layer; ``seen`` [B, 1, 1, T] bool: the tokens that may be looked at."""
        batch, length, width = states.shape
        query, key, value = self.looked_up(states).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, seen).transpose(1, 2).reshape(batch, length, width)
        states = self.mixed_norm(states + self.mixed(mixed))
        return self.narrowed_norm(states + self.narrowed(F.gelu(self.widened(states))))


def _renamed(name: str) -> str:
    for pattern, new in _RENAMED:
        name = re.sub(pattern, new, name)
    return name
