"""The words LISA was trained with: conversation template, and the tokenizer of its time on sentencepiece.

LISA pins transformers 4.31, whose slow Llama tokenizer (``legacy``) treats text beside an added token in its
own way: white space next to the token is dropped, and every stretch of text begins with a word boundary.
Current tokenizers keep the white space, so the ids differ. That rule is a few lines; it is followed here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mllm_for3d_ros.errors import TeacherError

SEG = "[SEG]"
IMAGE_START, IMAGE_END, IMAGE = "<im_start>", "<im_end>", "<image>"
PROMPT_VERSION = "llava_v1-1"
"""To be changed with the prompt, the tokenization or the length of answers: cached answers hang on it."""
_TEMPLATE = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions. "
    "USER: {image}\n{instruction} Please output segmentation mask. ASSISTANT:"
)


def prompt_text(instruction: str, start_end: bool) -> str:
    """The conversation (LISA's ``llava_v1``) that asks for ``instruction``, with ``<image>`` where the view goes.

    start_end: whether the image stands between ``<im_start>`` and ``<im_end>`` (config: mm_use_im_start_end).
    """
    image = f"{IMAGE_START}{IMAGE}{IMAGE_END}" if start_end else IMAGE
    return _TEMPLATE.format(image=image, instruction=instruction)


@dataclass(frozen=True)
class Prompt:
    """Token ids before (with the beginning of sequence) and after the image."""

    before: tuple[int, ...]
    after: tuple[int, ...]


class LisaTokenizer:
    """``tokenizer.model`` (sentencepiece) and the tokens that LLaVA and LISA added to it.

    seg, eos, pad: token ids.
    """

    def __init__(self, pieces: Any, added: dict[str, int]) -> None:
        """``pieces``: a SentencePieceProcessor. ``added``: added tokens and their ids; [SEG] must be one."""
        self._pieces = pieces
        self._added = dict(added)
        self.seg = self._added[SEG]
        self.eos: int = pieces.eos_id()
        self.pad: int = pieces.unk_id()
        self._bos: int = pieces.bos_id()
        control = [pieces.id_to_piece(i) for i in (self._bos, self.eos, self.pad)]
        longest_first = sorted([*added, *control], key=len, reverse=True)
        self._ids = {**{token: pieces.piece_to_id(token) for token in control}, **self._added}
        self._split = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")")

    @classmethod
    def load(cls, folder: Path) -> LisaTokenizer:
        """The tokenizer of a checkpoint folder.

        Raises:
            TeacherError: sentencepiece or a file is missing, or there is no [SEG] token.
        """
        try:
            from sentencepiece import SentencePieceProcessor
        except ImportError as cause:
            raise TeacherError('lisa needs the extra `lisa`; run `pip install "mllm_for3d_ros[lisa]"`') from cause
        file = folder / "tokenizer.model"
        if not file.is_file():
            raise TeacherError(f"lisa: {folder} has no tokenizer.model; download the checkpoint again")
        try:
            pieces = SentencePieceProcessor(model_file=str(file))
        except (OSError, RuntimeError) as cause:
            raise TeacherError(f"lisa: {file} is no sentencepiece model; download the checkpoint again") from cause
        added = _added_tokens(folder)
        if SEG not in added:
            raise TeacherError(f"lisa: the tokenizer in {folder} has no {SEG} token, so this is no LISA checkpoint")
        return cls(pieces, added)

    def prompt(self, instruction: str, start_end: bool) -> Prompt:
        """The token ids that ask for ``instruction``; control tokens inside it count as white space.

        Raises:
            TeacherError: the image tokens that the checkpoint's config wants are not in its tokenizer.
        """
        if start_end and not {IMAGE_START, IMAGE_END} <= self._added.keys():
            raise TeacherError(
                f"lisa: the tokenizer has no {IMAGE_START} and {IMAGE_END}; download the checkpoint again"
            )
        plain = " ".join(self._split.sub(" ", instruction).replace(IMAGE, " ").split())
        before, after = prompt_text(plain, start_end).split(IMAGE)
        return Prompt((self._bos, *self.encode(before)), self.encode(after))

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of ``text`` as transformers 4.31 gave them, without the beginning of sequence."""
        parts = self._split.split(text)
        ids: list[int] = []
        for k, part in enumerate(parts):
            if k % 2:
                ids.append(self._ids[part])
                continue
            stretch = part.lstrip() if k > 0 else part
            stretch = stretch.rstrip() if k < len(parts) - 1 else stretch
            ids.extend(self._pieces.encode(stretch) if stretch else ())
        return tuple(ids)

    def decode(self, ids: list[int]) -> str:
        """Text of ``ids`` for a person; added tokens are left out."""
        size = self._pieces.get_piece_size()
        return str(self._pieces.decode([i for i in ids if 0 <= i < size]))


def _added_tokens(folder: Path) -> dict[str, int]:
    """Added tokens of ``added_tokens.json``, else of ``tokenizer_config.json``, with their ids."""
    listed = _json(folder / "added_tokens.json")
    if not listed:
        decoder = _json(folder / "tokenizer_config.json").get("added_tokens_decoder", {})
        listed = {row["content"]: int(i) for i, row in decoder.items()}
    return {str(token): int(i) for token, i in listed.items()}


def _json(file: Path) -> dict[str, Any]:
    """The object in ``file``, empty where there is no such file."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}
    except (OSError, ValueError, TypeError) as cause:
        raise TeacherError(f"lisa: {file} cannot be read ({cause}); download the checkpoint again") from cause
