"""Noun phrases from a language model of the user's choice, for instructions that rules cannot read."""

from __future__ import annotations

import logging
import re
from typing import Any, Protocol

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.four_bit import four_bit_arguments
from mllm_for3d_ros.teachers.noun_phrase import MAX_PHRASES, NOUN_PHRASE_VERSION, clean_phrase, noun_phrases
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.out_of_memory import memory_errors
from mllm_for3d_ros.teachers.weights import choose_dtype, choose_torch_device, require_safetensors, resolve_weights
from mllm_for3d_ros.teachers.weights_digest import weights_hash

_log = logging.getLogger(__name__)
_PROMPT_VERSION = "1"
_QUESTION = (
    "Which object does this instruction ask for? Name it with a short noun phrase that an object detector knows, "
    f"or up to {MAX_PHRASES} noun phrases separated by commas if several kinds of object would do. "
    "Answer with the noun phrases only.\nInstruction: {instruction}"
)
_WHO = "sam3 (its phrase model)"
_MAX_NEW_TOKENS = 32
_LABEL = re.compile(r"^\s*(?:answer|noun phrases?|objects?)\s*:\s*", re.IGNORECASE)


def phrases_version(options: TeacherOptions) -> str:
    """What the phrases depend on besides the instruction, as part of a fingerprint.

    Raises:
        TeacherError: the weights of ``options.phrases`` are not there.
    """
    if options.phrases is None:
        return f"rules{NOUN_PHRASE_VERSION}"
    return f"{weights_hash(resolve_weights(options.phrases, options, _WHO))[:16]}.{_PROMPT_VERSION}"


class PhraseMaker(Protocol):
    """Turns instructions into noun phrases."""

    def phrases(self, instruction: str) -> tuple[str, ...]:
        """Up to ``MAX_PHRASES`` noun phrases, none if there is nothing to look for."""


class RulePhrases:
    """Our own extraction, see ``noun_phrase``."""

    def phrases(self, instruction: str) -> tuple[str, ...]:
        """See ``PhraseMaker.phrases``."""
        return noun_phrases(instruction)


class ModelPhrases:
    """A chat model of transformers, a text model or the text half of a VLM; greedy, so that it repeats itself."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """See ``ModelPhrases.load``."""
        self._model, self._tokenizer = model, tokenizer

    @classmethod
    def load(cls, model: str, options: TeacherOptions) -> ModelPhrases:
        """The chat model ``model`` (Hub id or folder) on the device of ``options``.

        Raises:
            TeacherError: its weights are missing, damaged, no safetensors, or no chat model's.
        """
        import transformers

        folder = resolve_weights(model, options, _WHO)
        require_safetensors(folder, _WHO)
        device = choose_torch_device(options)
        quantization = four_bit_arguments(options, device, _WHO)
        if options.trust_remote_code:
            _log.warning("sam3: trust_remote_code is set, code that comes with %s will run", folder)
        common: dict[str, Any] = {"local_files_only": True, "trust_remote_code": options.trust_remote_code}
        try:
            config = transformers.AutoConfig.from_pretrained(folder, **common)
            reads_text = type(config) in transformers.AutoModelForCausalLM._model_mapping
            family = transformers.AutoModelForCausalLM if reads_text else transformers.AutoModelForImageTextToText
            with memory_errors("sam3", f"loading {folder}", "use a smaller phrase model, or none"):
                loaded, report = family.from_pretrained(
                    folder,
                    dtype=choose_dtype(options, device),
                    use_safetensors=True,
                    output_loading_info=True,
                    **quantization,
                    **common,
                )
                loaded = loaded if quantization else loaded.to(device)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **common)
        except (OSError, ValueError, ImportError, KeyError, RuntimeError) as cause:
            detail = " ".join(str(cause).split())[:160]
            raise TeacherError(
                f"sam3: the phrase model {folder} cannot be loaded ({detail}); choose another"
            ) from cause
        if report["missing_keys"]:
            raise TeacherError(
                f"sam3: the phrase model {folder} lacks {min(report['missing_keys'])}; download it again"
            )
        if tokenizer.chat_template is None:
            raise TeacherError(f"sam3: the phrase model {folder} has no chat template; choose an instruction-tuned one")
        return cls(loaded.eval().requires_grad_(False), tokenizer)

    def phrases(self, instruction: str) -> tuple[str, ...]:
        """See ``PhraseMaker.phrases``."""
        import torch
        from transformers import GenerationConfig

        messages = [{"role": "user", "content": _QUESTION.format(instruction=instruction)}]
        inputs = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)
        settings = self._model.generation_config
        greedy = GenerationConfig(
            max_new_tokens=_MAX_NEW_TOKENS,
            do_sample=False,
            eos_token_id=settings.eos_token_id or self._tokenizer.eos_token_id,
            pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
        )
        with torch.inference_mode():
            written = self._model.generate(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], generation_config=greedy
            )
        return read_phrases(
            self._tokenizer.decode(written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        )


def read_phrases(text: str) -> tuple[str, ...]:
    """The phrases in a model's answer, which is data: bounded, cleaned, none where it says none."""
    answer = re.sub(r"(?s)<think>.*?(</think>|$)", "", text).strip()
    line = _LABEL.sub("", answer.splitlines()[0]) if answer else ""
    cleaned = [clean_phrase(part) for part in re.split(r"[,;.]", line)]
    found = [phrase for phrase in dict.fromkeys(cleaned) if phrase and phrase not in ("none", "nothing", "n a")]
    return tuple(found[:MAX_PHRASES])
