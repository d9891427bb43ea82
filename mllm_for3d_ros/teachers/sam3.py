"""SAM 3 concept prompts behind the teacher protocol: noun phrase in, all its instances out.

The model says how sure it is that the concept is in the view at all (presence); below one half the view
abstains. Weights: ``facebook/sam3`` (gated, licence of its own). Thresholds are those of the published code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.image_memo import Memo
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.phrase_model import ModelPhrases, PhraseMaker, RulePhrases, phrases_version
from mllm_for3d_ros.teachers.weights import choose_dtype, choose_torch_device, require_safetensors, resolve_weights
from mllm_for3d_ros.teachers.weights_digest import weights_hash
from mllm_for3d_ros.types import Frame, ViewAnswer

if TYPE_CHECKING:
    import torch

    from mllm_for3d_ros.teachers.sam3_network import Found, Sam3Network

DEFAULT_MODEL = "facebook/sam3"
MIN_PRESENCE = 0.5
MIN_SCORE = 0.5
"""Of an instance: its own probability times the presence of the concept."""


@dataclass(frozen=True)
class Sam3View:
    """What a view costs whatever the instruction: patch features of the backbone [h w, C], on the device."""

    patches: torch.Tensor


class Sam3Teacher:
    """A SAM 3 checkpoint and who makes its noun phrases; see ``Sam3Teacher.load``."""

    def __init__(
        self,
        network: Sam3Network,
        phrases: PhraseMaker,
        fingerprint: Fingerprint,
        options: TeacherOptions | None = None,
    ) -> None:
        """The networks on their device, the maker of phrases, and what names the answers."""
        options = options or TeacherOptions()
        self.fingerprint = fingerprint
        self.token_dim = network.width
        self._network, self._phrases = network, phrases
        self._memo: Memo[Sam3View] = Memo(options.views_kept)
        self._batch = max(1, options.batch_size)

    @classmethod
    def load(cls, model: str = DEFAULT_MODEL, options: TeacherOptions | None = None) -> Sam3Teacher:
        """The SAM 3 checkpoint ``model`` (Hub id or folder) on the device of ``options``.

        Raises:
            TeacherError: weights are missing or not SAM 3's, or the phrase model cannot be loaded.
            DeviceError: there is no such device.
        """
        from mllm_for3d_ros.teachers.sam3_network import Sam3Network

        options = options or TeacherOptions()
        folder = resolve_weights(model, options, "sam3")
        require_safetensors(folder, "sam3")
        device = choose_torch_device(options)
        network = Sam3Network.load(folder, device, choose_dtype(options, device), options.attn_implementation)
        phrases = ModelPhrases.load(options.phrases, options) if options.phrases else RulePhrases()
        return cls(network, phrases, fingerprint_of(model, options), options)

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``; several noun phrases give the union of what they find."""
        import torch

        cleaned = clean_instruction(instruction)
        remedy = "use a smaller batch size (--batch-size)"
        with torch.inference_mode(), memory_errors("sam3", f"asking {self._batch} views at once", remedy):
            phrases = self._phrases.phrases(cleaned)
            if not phrases:
                reason = "no noun phrase in the instruction; name a text model with --phrases"
                return [abstention(frame.depth.shape, reason) for frame in frames]
            answers: list[ViewAnswer] = []
            for start in range(0, len(frames), self._batch):
                answers += self._answer_batch(frames[start : start + self._batch], phrases)
        return answers

    def _answer_batch(self, frames: Sequence[Frame], phrases: tuple[str, ...]) -> list[ViewAnswer]:
        import torch

        patches = torch.stack([self._memo.get(frame.color, self._look).patches for frame in frames])
        features = self._network.features(patches)
        by_phrase = [self._network.find(features, phrase) for phrase in phrases]
        return [
            self._answer(frame.depth.shape, features.coarse[i], [found[i] for found in by_phrase])
            for i, frame in enumerate(frames)
        ]

    def _look(self, image: np.ndarray) -> Sam3View:
        """The backbone on one view."""
        return Sam3View(self._network.patches(image))

    def _answer(self, size: tuple[int, int], coarse: torch.Tensor, by_phrase: list[Found]) -> ViewAnswer:
        """The answer to a view of ``size`` (height, width) from what each phrase found in it."""
        import torch

        chosen = [found.above(MIN_SCORE) for found in by_phrase if found.presence >= MIN_PRESENCE]
        chosen = [found for found in chosen if len(found.scores)]
        if not chosen:
            return abstention(size, _why_not(by_phrase))
        scores = torch.cat([found.scores for found in chosen])
        masks = self._network.restore(torch.cat([found.masks for found in chosen]), size).amax(0)
        if float(masks.amax()) < 0.5:
            return abstention(size, "no pixel of the instances found is above one half")
        weights = torch.stack([found.scores.sum() for found in chosen])
        tokens = torch.stack([found.token() for found in chosen])
        token = torch.nn.functional.normalize((weights[:, None] * tokens).sum(0), dim=0)
        return ViewAnswer(
            masks.clamp(0.0, 1.0).cpu().numpy(),
            token.cpu().numpy(),
            float(scores.amax().clamp(0.0, 1.0)),
            coarse.float().cpu().numpy(),
        )


def _why_not(by_phrase: list[Found]) -> str:
    """Why a view has no answer: of the phrase that came closest."""
    sound = [found for found in by_phrase if np.isfinite(found.presence)]
    if not sound:
        return "the model gave numbers that are not finite"
    best = max(sound, key=lambda found: found.presence)
    if best.presence < MIN_PRESENCE:
        return f"{best.phrase!r} is not in the view (presence {best.presence:.2f})"
    top = float(best.scores.amax()) if len(best.scores) else 0.0
    return f"no instance of {best.phrase!r} scores above {MIN_SCORE} (best {top:.2f})"


def fingerprint_of(model: str, options: TeacherOptions) -> Fingerprint:
    """Under what the answers of ``Sam3Teacher.load(model, options)`` are known; needs the weights, not torch.

    Raises:
        TeacherError: the weights, or those of the phrase model, are not there.
    """
    weights = weights_hash(resolve_weights(model, options, "sam3"))[:16]
    settings = "" if options.dtype == "auto" else f"dtype={options.dtype}"
    return Fingerprint("sam3", weights, phrases_version(options), settings)
