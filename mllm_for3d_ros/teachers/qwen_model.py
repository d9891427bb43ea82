"""Qwen2.5-VL and Qwen3-VL as (images, question) to text, with the states that chose each of its tokens.

Inputs are built from the image processor and the tokenizer: the combined processor of transformers
needs torchvision for its video half, this needs none.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.answer_text import Span
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.qwen_checkpoint import COORDINATES, QwenCheckpoint

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Generated:
    """What the model wrote about one image.

    ids: [T] int64 tokens up to, not including, the end. states: [T, D] float32, the last-layer state
    that chose each of them. probabilities: [T] float32, what the model gave each. image_size: (width,
    height) at which the model saw the image.
    """

    text: str
    ids: torch.Tensor
    states: torch.Tensor
    probabilities: torch.Tensor
    image_size: tuple[int, int]


class QwenModel:
    """A loaded checkpoint; greedy, in left-padded batches, so that a batch gives what its views give alone."""

    def __init__(self, checkpoint: QwenCheckpoint) -> None:
        """Run ``checkpoint``, see ``read_checkpoint``."""
        self._model = checkpoint.model
        self._tokenizer = checkpoint.tokenizer
        self._image_processor = checkpoint.image_processor
        self._image_token = self._tokenizer.convert_ids_to_tokens(self._model.config.image_token_id)
        self.coordinates = COORDINATES[self._model.config.model_type]
        self.width = int(self._model.config.get_text_config().hidden_size)

    def generate(self, images: Sequence[np.ndarray], question: str, max_new_tokens: int) -> list[Generated]:
        """Answers to ``question`` on images [H, W, 3] uint8, all in one forward pass.

        Raises:
            TeacherError: memory ran out, or the chat template has no place for an image.
        """
        import torch
        from transformers import LogitsProcessorList

        states: list[torch.Tensor] = []
        probabilities: list[torch.Tensor] = []

        def keep_state(_module: Any, _inputs: Any, output: Any) -> None:
            states.append(output.last_hidden_state[:, -1].float().cpu())

        def keep_probability(_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            probabilities.append(scores.float().softmax(-1).amax(-1).cpu())
            return scores

        inputs = self.inputs(images, question)
        hook = self._model.base_model.register_forward_hook(keep_state)
        try:
            with (
                torch.inference_mode(),
                memory_errors("qwen-vl", f"asking {len(images)} views at once", _turn_down(self._model.device)),
            ):
                sequences = self._model.generate(
                    **inputs,
                    generation_config=self._greedy(max_new_tokens),
                    logits_processor=LogitsProcessorList([keep_probability]),
                )
        finally:
            hook.remove()
        written = sequences[:, inputs["input_ids"].shape[1] :].cpu()
        all_states, all_probabilities = torch.stack(states, 1), torch.stack(probabilities, 1)
        patch = int(self._image_processor.patch_size)
        answers = []
        for i, (_, rows, columns) in enumerate(inputs["image_grid_thw"].tolist()):
            ids = written[i, : self._length(written[i])]
            n = len(ids)
            size = (columns * patch, rows * patch)
            answers.append(Generated(self._text(ids), ids, all_states[i, :n], all_probabilities[i, :n], size))
        return answers

    def token_spans(self, ids: torch.Tensor) -> list[Span]:
        """The characters of the text that each of ``ids`` [T] spells, empty spans for special tokens."""
        return list(itertools.pairwise([0, *(len(self._text(ids[: t + 1])) for t in range(len(ids)))]))

    def _text(self, ids: torch.Tensor) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def inputs(self, images: Sequence[np.ndarray], question: str) -> dict[str, torch.Tensor]:
        """Left-padded tokens, pixels and what M-RoPE needs to know, on the model's device."""
        pixels = self._image_processor(list(images), input_data_format="channels_last", return_tensors="pt")
        content = [{"type": "image"}, {"type": "text", "text": question}]
        chat = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        if chat.count(self._image_token) != 1:
            raise TeacherError("qwen-vl: the chat template of the checkpoint has no place for an image; take another")
        merged = int(self._image_processor.merge_size) ** 2
        counts = [int(grid.prod()) // merged for grid in pixels["image_grid_thw"]]
        texts = [chat.replace(self._image_token, self._image_token * count) for count in counts]
        tokens = self._tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
        inputs = {**tokens, **pixels}
        inputs["mm_token_type_ids"] = (tokens["input_ids"] == self._model.config.image_token_id).int()
        return {name: tensor.to(self._model.device) for name, tensor in inputs.items()}

    def _greedy(self, max_new_tokens: int) -> Any:
        """Greedy decoding whatever the checkpoint's own generation settings say."""
        from transformers import GenerationConfig

        return GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            repetition_penalty=1.0,
            eos_token_id=self._ends(),
            pad_token_id=self._tokenizer.pad_token_id,
        )

    def _ends(self) -> list[int]:
        """Tokens that end an answer."""
        ends = self._model.generation_config.eos_token_id
        ends = [ends] if isinstance(ends, int) else list(ends or [])
        return sorted({*ends, self._tokenizer.eos_token_id})

    def _length(self, ids: torch.Tensor) -> int:
        """Number of tokens before the first that ends the answer."""
        ends = set(self._ends())
        return next((t for t, token in enumerate(ids.tolist()) if token in ends), len(ids))


def _turn_down(device: torch.device) -> str:
    """What to turn down on ``device`` when memory runs out."""
    quantized = ", or 4 bit (--four-bit)" if device.type == "cuda" else ""
    return f"use a smaller batch size (--batch-size), smaller images (--max-pixels){quantized}"
