"""A VLM behind an OpenAI-compatible endpoint (vLLM, Ollama, a cloud API) as a grounder."""

from __future__ import annotations

import base64
import functools
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM, SentenceEncoder
from mllm_for3d_ros.teachers.answer_text import PROMPT_VERSION, Coordinates, Pixels, prompt, read_answer
from mllm_for3d_ros.teachers.base import Fingerprint
from mllm_for3d_ros.teachers.chat_client import ChatClient, Unusable
from mllm_for3d_ros.teachers.endpoint import Endpoint
from mllm_for3d_ros.teachers.grounding import Grounding
from mllm_for3d_ros.teachers.label_embedding import label_embedding
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.proposing import merged, question, read_proposals

NAME = "openai"
MAX_PIXELS = 1280 * 28 * 28
"""About 1 megapixel: below the limits of all servers known to us, so that none resizes again."""
_CELL = 28
"""Pixels. Qwen2.5-VL's servers leave sizes that are multiples of it as they are, and answer in their pixels."""
_QUALITY = 92
_MAX_TOKENS = 1024


class OpenAIVLM:
    """A Grounder. Token: the unit sentence embedding of the labels, 384 long. Score: 1, the server gives none."""

    token_dim = EMBEDDING_DIM

    def __init__(self, options: TeacherOptions, encoder: SentenceEncoder | None = None, backoff_s: float = 1.0) -> None:
        """Ask ``options.model`` at ``options.base_url``; nothing is sent yet.

        Raises:
            TeacherError: address or model are missing or make no sense, or the extra is missing.
            CheckpointError: the sentence encoder is missing.
        """
        self.fingerprint = endpoint_fingerprint(options)
        self._model = options.model
        self._coordinates = coordinates_of(options)
        self._max_pixels = options.max_pixels or MAX_PIXELS
        endpoint = Endpoint.parse(options.base_url)
        self._client = ChatClient(endpoint, options.concurrency, options.timeout_s, options.retries, backoff_s)
        self._encoder = encoder or SentenceEncoder.load()

    def locate(self, images: Sequence[np.ndarray], instruction: str) -> list[Grounding]:
        """See ``Grounder.locate``."""
        asked = prompt(instruction, self._coordinates)
        answers = self._client.ask_all([functools.partial(self._body, image, asked) for image in images])
        return [self._grounding(a, image, instruction) for a, image in zip(answers, images, strict=True)]

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """See ``Proposer.propose``."""
        asked = question(count, len(images))
        answers = self._client.ask_all([functools.partial(self._body, image, asked) for image in images])
        return merged([[] if isinstance(a, Unusable) else read_proposals(a) for a in answers], count)

    def _body(self, image: np.ndarray, asked: str) -> dict[str, Any]:
        """The request for one image."""
        content = [
            {"type": "image_url", "image_url": {"url": data_url(image, self._max_pixels)}},
            {"type": "text", "text": asked},
        ]
        messages = [{"role": "user", "content": content}]
        return {"model": self._model, "messages": messages, "temperature": 0, "max_tokens": _MAX_TOKENS}

    def _grounding(self, answer: str | Unusable, image: np.ndarray, instruction: str) -> Grounding:
        """What the server's ``answer`` means on ``image``."""
        if isinstance(answer, Unusable):
            return Grounding((), abstained=f"malformed answer: {answer.reason}")
        height, width = image.shape[:2]
        read = read_answer(answer, Pixels.of((width, height), self._coordinates, sent_size(image, self._max_pixels)))
        if read.reason is not None:
            return Grounding((), abstained=read.reason)
        return Grounding(read.objects, label_embedding(read.objects, instruction, self._encoder))


def endpoint_fingerprint(options: TeacherOptions) -> Fingerprint:
    """Fingerprint of the answers of ``options.model`` at ``options.base_url``; without key or password.

    Raises:
        TeacherError: see ``OpenAIVLM``.
    """
    if not options.model:
        raise TeacherError("openai: no model; give --teacher openai:MODEL, as the server names it")
    coordinates = coordinates_of(options)
    settings = {
        "coordinates": None if coordinates == "relative" else coordinates,
        "max_pixels": options.max_pixels,
    }
    said = ",".join(f"{key}={value}" for key, value in settings.items() if value is not None)
    return Fingerprint(NAME, f"{options.model}@{Endpoint.parse(options.base_url).url}", PROMPT_VERSION, said)


def coordinates_of(options: TeacherOptions) -> Coordinates:
    """In what the model gives coordinates; "auto" is relative, but for Qwen2.5-VL, which only knows pixels.

    Raises:
        TeacherError: ``options.coordinates`` is unknown.
    """
    if options.coordinates == "auto":
        name = (options.model or "").lower().replace("-", "").replace("_", "")
        return "absolute" if "qwen2.5vl" in name else "relative"
    if options.coordinates == "relative":
        return "relative"
    if options.coordinates == "absolute":
        return "absolute"
    raise TeacherError(f"unknown coordinates {options.coordinates!r}: choose one of auto, relative, absolute")


def sent_size(image: np.ndarray, max_pixels: int) -> tuple[int, int]:
    """(width, height) at which ``image`` [H, W, 3] is sent: multiples of 28, at most ``max_pixels`` but 4 cells."""
    height, width = image.shape[:2]
    shrink = min(1.0, math.sqrt(max_pixels / (height * width)))
    columns, rows = (max(round(side * shrink / _CELL), 1) for side in (width, height))
    while columns * rows * _CELL**2 > max_pixels and columns * rows > 1:
        columns, rows = (columns - 1, rows) if columns >= rows else (columns, rows - 1)
    # Servers of Qwen enlarge anything below four cells.
    grow = 1 if columns * rows >= 4 else math.ceil(math.sqrt(4 / (columns * rows)))
    return columns * grow * _CELL, rows * grow * _CELL


def data_url(image: np.ndarray, max_pixels: int) -> str:
    """``image`` [H, W, 3] uint8 RGB as a JPEG data URL of the size of ``sent_size``."""
    picture = Image.fromarray(image).resize(sent_size(image, max_pixels), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
