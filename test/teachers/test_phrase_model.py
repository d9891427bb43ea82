"""A language model as maker of noun phrases; its answers are data."""

import pytest
import torch
from tiny_qwen import save_tiny_qwen
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.noun_phrase import MAX_CHARACTERS, MAX_PHRASES
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.phrase_model import (
    _QUESTION,
    ModelPhrases,
    RulePhrases,
    phrases_version,
    read_phrases,
)

CPU = TeacherOptions(device="cpu")
TAUGHT = {"grandpa dozes there": "sofa , armchair", "sing a song": "none"}
CHAT = "{% for m in messages %}{{ m['content'] }}{% endfor %}{% if add_generation_prompt %} answer {% endif %}"


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory):
    """A tiny chat model that knows the answers ``TAUGHT``."""
    folder = tmp_path_factory.mktemp("chat")
    words = pre_tokenizers.WhitespaceSplit()
    texts = [_QUESTION.format(instruction=asked) + " answer " + said for asked, said in TAUGHT.items()]
    pieces = sorted({piece for text in texts for piece, _ in words.pre_tokenize_str(text)})
    vocabulary = {piece: i for i, piece in enumerate(["<unk>", "<end>", *pieces])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = words
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", eos_token="<end>", pad_token="<end>", chat_template=CHAT
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=1,
        pad_token_id=1,
        bos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    batch = tokenizer([f"{text} <end>" for text in texts], return_tensors="pt", padding=True)["input_ids"]
    for _ in range(60):
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_chat_model_names_the_objects(chat_model):
    maker = ModelPhrases.load(str(chat_model), CPU)
    assert maker.phrases("grandpa dozes there") == ("sofa", "armchair")
    assert maker.phrases("sing a song") == ()


def test_a_vision_language_model_serves_as_well(tmp_path):
    maker = ModelPhrases.load(str(save_tiny_qwen(tmp_path, "qwen2_5_vl", taught=False)), CPU)
    phrases = maker.phrases("the chair")
    assert len(phrases) <= MAX_PHRASES
    assert all(len(phrase) <= MAX_CHARACTERS for phrase in phrases)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("sofa", ("sofa",)),
        ("Sofa, the armchair.", ("sofa", "armchair")),
        ("Answer: a red cup", ("red cup",)),
        ("<think>\nhmm, a table?\n</think>\n\nmug", ("mug",)),
        ("<think>it never ends", ()),
        ("None.", ()),
        ("", ()),
        ("\n\n", ()),
        ("a, b1, b2, b3, b4", ("b1", "b2", "b3")),
        ("chair\nBecause it can be sat on, obviously.", ("chair",)),
    ],
)
def test_answers_are_read_with_care(text, phrases):
    assert read_phrases(text) == phrases


def test_a_flood_of_text_stays_bounded():
    phrases = read_phrases("x" * 100_000 + "," + " ".join(["word"] * 10_000))
    assert len(phrases) <= MAX_PHRASES
    assert all(len(phrase) <= MAX_CHARACTERS for phrase in phrases)


def test_what_makes_the_phrases_is_part_of_the_fingerprint(chat_model):
    assert phrases_version(CPU) == phrases_version(TeacherOptions())
    assert phrases_version(TeacherOptions(phrases=str(chat_model))) != phrases_version(CPU)


def test_rules_are_the_default_maker():
    assert RulePhrases().phrases("find the red chair please") == ("red chair",)


def test_a_missing_phrase_model_names_the_command():
    with pytest.raises(TeacherError, match="hf download nobody/no-such-model"):
        ModelPhrases.load("nobody/no-such-model", CPU)


def test_a_model_without_a_chat_template_is_refused(chat_model, tmp_path):
    import shutil

    plain = shutil.copytree(chat_model, tmp_path / "plain")
    for file in plain.glob("chat_template*"):
        file.unlink()
    with pytest.raises(TeacherError, match="no chat template"):
        ModelPhrases.load(str(plain), CPU)
