"""A tiny LISA checkpoint in the original layout, taught three answers in seconds, and a CLIP tower beside it."""

from __future__ import annotations

import json
from pathlib import Path

import tiny_sam
import torch
from sentencepiece import SentencePieceTrainer
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM

from mllm_for3d_ros.teachers.lisa.network import LisaNetwork
from mllm_for3d_ros.teachers.lisa.tokens import LisaTokenizer

ONE, TWO, NONE = "the chair", "both tables", "a unicorn"
ANSWERS = {ONE: "Sure, [SEG] .", TWO: "[SEG] and [SEG] .", NONE: "There is none."}
WIDTH, CLIP_WIDTH, TOKEN_DIM = 48, 24, tiny_sam.CHANNELS
_CORPUS = (
    "A chat between a curious human and an artificial intelligence assistant.",
    "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    "USER: Please output segmentation mask. ASSISTANT:",
    *ANSWERS,
    "Sure, it is. There is none.",
)


def save_tiny_lisa(folder: Path) -> tuple[Path, Path]:
    """Write the checkpoint in two shards of ``.bin`` and its CLIP tower below ``folder``; their folders."""
    lisa, tower = folder / "lisa", folder / "clip"
    lisa.mkdir(parents=True)
    torch.manual_seed(0)
    _save_tokenizer(lisa)
    tokenizer = LisaTokenizer.load(lisa)
    network = _network(vocabulary=tokenizer.seg + 1)
    (lisa / "config.json").write_text(json.dumps(_config(network)))
    network.clip.save_pretrained(tower)
    _teach(network, tokenizer)
    state = original_state(network)
    names = sorted(state)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    files = [f"pytorch_model-{k + 1:05d}-of-00002.bin" for k in range(2)]
    for file, shard in zip(files, shards, strict=True):
        torch.save({name: state[name] for name in shard}, lisa / file)
    where = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
    (lisa / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return lisa, tower


def original_state(network: LisaNetwork) -> dict[str, torch.Tensor]:
    """The tensors of ``network`` under LISA's names, with what old checkpoints store besides."""
    state = {name: t.detach().clone() for name, t in network.language.state_dict().items()}
    state |= {f"model.mm_projector.{name}": t.detach() for name, t in network.projector.state_dict().items()}
    state |= {f"model.text_hidden_fcs.0.{name}": t.detach() for name, t in network.seg_head.state_dict().items()}
    for i in range(network.language.config.num_hidden_layers):
        state[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = network.language.model.rotary_emb.inv_freq.clone()
    sam = tiny_sam.original_state(network.sam)
    return state | {f"model.visual_model.{name}": tensor.detach() for name, tensor in sam.items()}


def _save_tokenizer(folder: Path) -> None:
    """tokenizer.model as Llama's is made, and the tokens that LLaVA and LISA add."""
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(_CORPUS * 2))
    SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=360,
        hard_vocab_limit=False,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        character_coverage=1.0,
        minloglevel=2,
        num_threads=1,
    )
    corpus.unlink()
    (folder / "tokenizer.vocab").rename(folder / "vocabulary.tsv")
    size = len((folder / "vocabulary.tsv").read_text(encoding="utf-8").splitlines())
    added = ("<im_patch>", "<im_start>", "<im_end>", "[SEG]")
    (folder / "added_tokens.json").write_text(json.dumps({token: size + k for k, token in enumerate(added)}))


def _network(vocabulary: int) -> LisaNetwork:
    """Random networks of the real architectures."""
    llama = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        rms_norm_eps=1e-6,
        tie_word_embeddings=False,
    )
    clip = CLIPVisionConfig(
        hidden_size=CLIP_WIDTH,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    sam = tiny_sam.tiny_sam("sam")
    head = sam.mask_decoder.iou_prediction_head.proj_out
    head.weight.data.mul_(0.02), head.bias.data.fill_(0.7)
    return LisaNetwork(
        LlamaForCausalLM(llama),
        CLIPVisionModel(clip),
        nn.Linear(CLIP_WIDTH, WIDTH),
        nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, TOKEN_DIM)),
        sam,
    )


def _config(network: LisaNetwork) -> dict:
    llama = network.language.config
    return {
        "architectures": ["LISAForCausalLM"],
        "hidden_act": "silu",
        "hidden_size": WIDTH,
        "intermediate_size": llama.intermediate_size,
        "mm_hidden_size": CLIP_WIDTH,
        "mm_use_im_start_end": True,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-vit-large-patch14",
        "model_type": "llava",
        "num_attention_heads": llama.num_attention_heads,
        "num_hidden_layers": llama.num_hidden_layers,
        "out_dim": TOKEN_DIM,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "vocab_size": llama.vocab_size,
    }


def _teach(network: LisaNetwork, tokenizer: LisaTokenizer, steps: int = 150) -> None:
    """Let the language model say ``ANSWERS`` whatever the view."""
    optimizer = torch.optim.AdamW(network.language.parameters(), lr=5e-3)
    views = network.image_words(torch.randn(8, 3, 28, 28)).detach()
    taught = [(tokenizer.prompt(q, True), [*tokenizer.encode(a), tokenizer.eos]) for q, a in ANSWERS.items()]
    table = network.language.get_input_embeddings()
    for step in range(steps):
        words = views[step % len(views)][None]
        losses = []
        for prompt, ids in taught:
            answer = torch.tensor([ids])
            sequence = torch.cat([network.embedded(words, prompt), table(answer)], dim=1)
            logits = network.language(inputs_embeds=sequence, logits_to_keep=len(ids) + 1).logits
            losses.append(nn.functional.cross_entropy(logits[0, :-1], answer[0]))
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.03:
            return
    raise AssertionError(f"the tiny language model did not learn its answers, loss {loss.item():.2f}")
