"""LISA's five networks on current transformers, and the three steps that an answer takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mllm_for3d_ros.teachers.lisa.tokens import Prompt

MAX_ANSWER_TOKENS = 128
"""An answer is "Sure, [SEG] ." or, of an explanatory model, a short paragraph that has [SEG] at its start."""


@dataclass(frozen=True)
class Answered:
    """What the language model wrote of one view.

    ids: its tokens up to the end of the answer. states: [S, hidden] for each [SEG] among them the last-layer
    state that predicted it.
    """

    ids: list[int]
    states: torch.Tensor


class LisaNetwork(nn.Module):
    """CLIP → projector → Llama → [SEG] head → SAM.

    Args:
        language: LlamaForCausalLM. clip: CLIPVisionModel. projector: Linear from CLIP's to Llama's width.
        seg_head: MLP from Llama's width to SAM's. sam: SamModel.
        clip_layer: which of CLIP's hidden states are looked at. class_token: whether its first token is.
    """

    def __init__(
        self,
        language: Any,
        clip: Any,
        projector: nn.Module,
        seg_head: nn.Module,
        sam: Any,
        clip_layer: int = -2,
        class_token: bool = False,
    ) -> None:
        super().__init__()
        self.language, self.clip, self.projector, self.seg_head, self.sam = language, clip, projector, seg_head, sam
        self._clip_layer, self._first = clip_layer, 0 if class_token else 1

    def image_words(self, pixels: torch.Tensor) -> torch.Tensor:
        """Views [B, 3, s, s], as ``clip_pixels`` makes them, as words [B, T, hidden] of the language model."""
        states = self.clip(pixels.to(self.clip.dtype), output_hidden_states=True).hidden_states
        return self.projector(states[self._clip_layer][:, self._first :])

    def write(self, words: torch.Tensor, prompt: Prompt, seg: int, eos: int, pad: int) -> list[Answered]:
        """Greedy answers to ``prompt`` about each of B views with ``words`` [B, T, hidden].

        All views are asked the same, so all sequences are of one length and none needs padding.
        """
        last: list[torch.Tensor] = []
        hook = self.language.model.register_forward_hook(lambda *call: last.append(call[-1].last_hidden_state[:, -1]))
        try:
            sequence = self.embedded(words, prompt)
            new = self.language.generate(
                inputs_embeds=sequence,
                attention_mask=torch.ones(sequence.shape[:2], dtype=torch.long, device=sequence.device),
                max_new_tokens=MAX_ANSWER_TOKENS,
                do_sample=False,
                eos_token_id=eos,
                pad_token_id=pad,
            )
        finally:
            hook.remove()
        states = torch.stack(last, dim=1)
        answers = []
        for ids, own in zip(new.tolist(), states, strict=True):
            length = ids.index(eos) if eos in ids else len(ids)
            spots = [t for t in range(length) if ids[t] == seg]
            answers.append(Answered(ids[:length], own[spots]))
        return answers

    def embedded(self, words: torch.Tensor, prompt: Prompt) -> torch.Tensor:
        """Prompt and views as one sequence of embeddings [B, L, hidden]."""
        table = self.language.get_input_embeddings()
        before, after = (
            table(torch.tensor([ids], device=words.device)).expand(len(words), -1, -1)
            for ids in (prompt.before, prompt.after)
        )
        return torch.cat([before, words.to(before.dtype), after], dim=1)

    def segment(self, states: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What SAM draws for [SEG] tokens.

        Args:
            states: [S, hidden] of ``Answered``.
            features: [C, h, w] of SAM's image encoder.

        Returns:
            Embeddings [S, D], mask logits [S, 4 h, 4 w] over SAM's padded input and predicted IoU [S], float32.
        """
        embeddings = self.seg_head(states)
        dense = self.sam.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        logits, iou, *_ = self.sam.mask_decoder(
            image_embeddings=features[None],
            image_positional_embeddings=self.sam.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=embeddings[None, :, None],
            dense_prompt_embeddings=dense.expand(1, -1, *features.shape[-2:]),
            multimask_output=False,
        )
        return embeddings.float(), logits[0, :, 0].float(), iou[0, :, 0].float()
