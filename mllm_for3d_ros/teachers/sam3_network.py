"""SAM 3's detector in steps, so that the costly one (the image backbone) runs once per view.

Kept per view are the backbone's patch features (at full size 5184 x 1024 numbers). The feature pyramid that
the detector reads is ten times as large and cheap to make: it is made anew for every instruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.sam.image_processing import HALF, ImageProcessing

_TEXT_TOKENS = 32


@dataclass(frozen=True)
class Features:
    """Views [B] after the neck: pyramid for the detector, and its coarsest level coarse [B, C, h, w]."""

    pyramid: Any
    coarse: torch.Tensor


@dataclass(frozen=True)
class Found:
    """What a phrase found in a view.

    presence: probability that the concept is in the view. scores: [Q] float32 probability of each instance
    times presence. masks: [Q, h, w] float32 probabilities. queries: [Q, D] and text: [D] float32 embeddings of
    instances and phrase, in the space in which the model compares them.
    """

    phrase: str
    presence: float
    scores: torch.Tensor
    masks: torch.Tensor
    queries: torch.Tensor
    text: torch.Tensor

    def above(self, score: float) -> Found:
        """The instances that score above ``score``."""
        keep = self.scores > score
        return Found(self.phrase, self.presence, self.scores[keep], self.masks[keep], self.queries[keep], self.text)

    def token(self) -> torch.Tensor:
        """[D], unit: the phrase together with the score-weighted mean of its instances."""
        seen = (self.scores[:, None] * self.queries).sum(0)
        return F.normalize(F.normalize(self.text, dim=0) + F.normalize(seen, dim=0), dim=0)


class Sam3Network:
    """Sam3Model and its tokenizer; see ``Sam3Network.load``."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """``model``: Sam3Model in eval mode on its device; ``tokenizer``: CLIP's."""
        self._model, self._tokenizer = model, tokenizer
        self._input = ImageProcessing(int(model.config.image_size), keeps_aspect=False, mean=HALF[0], std=HALF[1])
        self.width = int(model.config.detr_decoder_config.hidden_size)

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype, attention: str | None = None) -> Sam3Network:
        """The checkpoint in ``folder``; that of the video model has the same detector inside.

        Raises:
            TeacherError: it is not SAM 3's, or lacks weights, or memory ran out.
        """
        import transformers

        try:
            kind = transformers.AutoConfig.from_pretrained(folder, local_files_only=True).model_type
            if kind not in ("sam3", "sam3_video"):
                raise TeacherError(f"sam3: {folder} is a model of type {kind}; give a checkpoint of facebook/sam3")
            with memory_errors("sam3", f"loading {folder}", "run on a machine with more memory"):
                model, report = transformers.Sam3Model.from_pretrained(
                    folder,
                    local_files_only=True,
                    use_safetensors=True,
                    dtype=dtype,
                    attn_implementation=attention or "sdpa",
                    output_loading_info=True,
                )
                model = model.to(device)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError, KeyError, RuntimeError) as cause:
            detail = " ".join(str(cause).split())[:160]
            raise TeacherError(f"sam3: {folder} cannot be loaded ({detail}); download it again") from cause
        missing = sorted(report["missing_keys"])
        if missing:
            raise TeacherError(
                f"sam3: {folder} lacks {len(missing)} weights, among them {missing[0]}; download it again"
            )
        return cls(model.eval().requires_grad_(False), tokenizer)

    def patches(self, image: np.ndarray) -> torch.Tensor:
        """Backbone features [h w, C] of ``image`` [H, W, 3] uint8."""
        pixels = self._input.prepare(image, self._model.device).to(self._model.dtype)
        return self._model.vision_encoder.backbone(pixels).last_hidden_state[0]

    def features(self, patches: torch.Tensor) -> Features:
        """What the detector reads, of views with backbone features [B, h w, C]."""
        from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

        side = self._input.side // self._model.config.vision_config.backbone_config.patch_size
        levels, positions = self._model.vision_encoder.neck(patches.mT.unflatten(2, (side, side)).contiguous())
        pyramid = Sam3VisionEncoderOutput(
            last_hidden_state=patches, fpn_hidden_states=levels, fpn_position_encoding=positions
        )
        # The detector leaves out the last level of the pyramid; the one before is what its encoder reads.
        return Features(pyramid, levels[-2])

    def tokens(self, phrases: list[str]) -> dict[str, torch.Tensor]:
        """``phrases`` as the model's input_ids and attention_mask, each [B, 32]."""
        text = self._tokenizer(
            phrases, padding="max_length", truncation=True, max_length=_TEXT_TOKENS, return_tensors="pt"
        ).to(self._model.device)
        return {"input_ids": text["input_ids"], "attention_mask": text["attention_mask"]}

    def find(self, features: Features, phrase: str) -> list[Found]:
        """What ``phrase`` finds in each view of ``features``."""
        count = len(features.coarse)
        compared: dict[str, torch.Tensor] = {}
        scoring = self._model.dot_product_scoring
        hooks = [
            getattr(scoring, name).register_forward_hook(lambda *call, name=name: compared.update({name: call[-1]}))
            for name in ("text_proj", "query_proj")
        ]
        try:
            out = self._model(vision_embeds=features.pyramid, **self.tokens([phrase] * count))
        finally:
            for hook in hooks:
                hook.remove()
        presence = out.presence_logits.float().sigmoid().reshape(count)
        scores = out.pred_logits.float().sigmoid() * presence[:, None]
        masks = out.pred_masks.float().sigmoid()
        queries, words = compared["query_proj"][-1].float(), compared["text_proj"].float()
        found = zip(presence.tolist(), scores, masks, queries, words, strict=True)
        return [_finite(Found(phrase, *one)) for one in found]

    def restore(self, masks: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Masks [n, h, w] at ``size`` (height, width)."""
        return self._input.restore(masks, size)


def _finite(found: Found) -> Found:
    """``found`` without instances that have NaN or inf in them."""
    sound = torch.isfinite(found.scores) & torch.isfinite(found.masks).flatten(1).all(1)
    sound &= torch.isfinite(found.queries).all(1) & torch.isfinite(found.text).all()
    kept = (found.scores[sound], found.masks[sound], found.queries[sound])
    return Found(found.phrase, found.presence if len(kept[0]) else float("nan"), *kept, found.text)
