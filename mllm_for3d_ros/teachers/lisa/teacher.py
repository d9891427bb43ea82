"""LISA behind the teacher protocol: [SEG] embedding e_i, SAM's predicted IoU α_i and mask of every view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.image_memo import Memo
from mllm_for3d_ros.teachers.lisa.checkpoint import LisaConfig
from mllm_for3d_ros.teachers.lisa.clip_pixels import clip_pixels
from mllm_for3d_ros.teachers.lisa.tokens import PROMPT_VERSION, LisaTokenizer
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.weights import choose_dtype, choose_torch_device, resolve_weights
from mllm_for3d_ros.teachers.weights_digest import weights_hash
from mllm_for3d_ros.types import Frame, ViewAnswer

if TYPE_CHECKING:
    import torch

    from mllm_for3d_ros.teachers.lisa.network import Answered, LisaNetwork

DEFAULT_MODEL = "xinlai/LISA-7B-v1"
_REMEDY = "use a smaller batch size, 4 bit (--four-bit), or a smaller checkpoint"
_CLIP_TOWER = "lisa (its CLIP tower)"
_SHOWN = 80
"""Characters of an answer without [SEG] that its reason quotes."""


@dataclass(frozen=True)
class LisaView:
    """What a view costs whatever the instruction: its words [T, hidden] and SAM's features [C, h, w], on the device."""

    words: torch.Tensor
    features: torch.Tensor


class LisaTeacher:
    """A LISA checkpoint; see ``LisaTeacher.load``."""

    def __init__(
        self,
        network: LisaNetwork,
        tokenizer: LisaTokenizer,
        config: LisaConfig,
        fingerprint: Fingerprint,
        options: TeacherOptions | None = None,
    ) -> None:
        """Networks on their device, the tokenizer and settings of their checkpoint, and what names their answers."""
        from mllm_for3d_ros.teachers.sam.image_processing import ImageProcessing

        self.fingerprint = fingerprint
        self.token_dim = config.token_dim
        options = options or TeacherOptions()
        self._network, self._tokenizer, self._start_end = network, tokenizer, config.start_end
        self._sam_input = ImageProcessing(network.sam.config.vision_config.image_size, keeps_aspect=True)
        self._memo: Memo[LisaView] = Memo(options.views_kept)
        self._batch = max(1, options.batch_size)

    @classmethod
    def load(cls, model: str = DEFAULT_MODEL, options: TeacherOptions | None = None) -> LisaTeacher:
        """The LISA checkpoint ``model`` (Hub id or folder) on the device of ``options``.

        Raises:
            TeacherError: a file or extra is missing, or the checkpoint is damaged or not in LISA's layout.
            DeviceError: there is no such device.
        """
        from mllm_for3d_ros.teachers.lisa.loading import Target, load_network

        options = options or TeacherOptions()
        folder = resolve_weights(model, options, "lisa", pickles=True)
        if not folder.is_dir():
            raise TeacherError(f"lisa: {folder} is no folder; give the one that holds config.json and the weights")
        config, tokenizer = LisaConfig.read(folder), LisaTokenizer.load(folder)
        clip = resolve_weights(options.clip or config.clip, options, _CLIP_TOWER)
        device = choose_torch_device(options)
        target = Target(device, choose_dtype(options, device))
        network = load_network(folder, clip, options, target)
        return cls(network, tokenizer, config, fingerprint_of(model, options), options)

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``."""
        import torch

        prompt = self._tokenizer.prompt(clean_instruction(instruction), self._start_end)
        answers: list[ViewAnswer] = []
        with torch.inference_mode(), memory_errors("lisa", f"asking {self._batch} views at once", _REMEDY):
            for start in range(0, len(frames), self._batch):
                batch = frames[start : start + self._batch]
                views = [self._memo.get(frame.color, self._look) for frame in batch]
                words = torch.stack([view.words for view in views])
                written = self._network.write(
                    words, prompt, self._tokenizer.seg, self._tokenizer.eos, self._tokenizer.pad
                )
                for frame, view, said in zip(batch, views, written, strict=True):
                    answers.append(self._answer(frame.depth.shape, view, said))
        return answers

    def _look(self, image: np.ndarray) -> LisaView:
        """Both image encoders on one view."""
        network = self._network
        device = next(network.projector.parameters()).device
        pixels = clip_pixels(image, network.clip.config.image_size).to(device)
        sam_pixels = self._sam_input.prepare(image, device).to(network.sam.dtype)
        return LisaView(network.image_words(pixels[None])[0], network.sam.get_image_embeddings(sam_pixels)[0])

    def _answer(self, size: tuple[int, int], view: LisaView, said: Answered) -> ViewAnswer:
        """The answer to a view of ``size`` (height, width); several [SEG] give the union of their masks."""
        import torch

        if not len(said.states):
            text = " ".join(self._tokenizer.decode(said.ids).split())[:_SHOWN]
            return abstention(size, f"no [SEG] in the answer: {text!r}")
        embeddings, low, iou = self._network.segment(said.states, view.features)
        sound = torch.isfinite(embeddings).all(1) & torch.isfinite(low).flatten(1).all(1) & torch.isfinite(iou)
        if not bool(sound.any()):
            return abstention(size, "the model gave numbers that are not finite")
        embeddings, low, iou = embeddings[sound], low[sound], iou[sound].clamp(0.0, 1.0)
        mask = self._sam_input.restore(low, size).sigmoid().amax(0)
        if float(mask.amax()) < 0.5:
            return abstention(size, "the mask of [SEG] has no pixel above one half")
        features = self._sam_input.without_padding(view.features, size)
        return ViewAnswer(
            mask.cpu().numpy(), embeddings.mean(0).cpu().numpy(), float(iou.mean()), features.float().cpu().numpy()
        )


def fingerprint_of(model: str, options: TeacherOptions) -> Fingerprint:
    """Under what the answers of ``LisaTeacher.load(model, options)`` are known; needs the weights, not torch.

    Raises:
        TeacherError: the weights are not there.
    """
    folder = resolve_weights(model, options, "lisa", pickles=True)
    clip = resolve_weights(options.clip or LisaConfig.read(folder).clip, options, _CLIP_TOWER)
    weights = f"{weights_hash(folder)[:16]}+{weights_hash(clip)[:16]}"
    # As asked for: what "auto" becomes on a machine does not part its answers from those of another.
    asked = {"dtype": options.dtype if options.dtype != "auto" else None, "four_bit": options.four_bit or None}
    settings = ",".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    return Fingerprint("lisa", weights, PROMPT_VERSION, settings)
