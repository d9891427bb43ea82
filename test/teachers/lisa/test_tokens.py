"""Prompts are spelled as in LISA's own code on transformers 4.31."""

import json

import pytest

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.lisa.tokens import LisaTokenizer, prompt_text

SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return LisaTokenizer.load(checkpoint[0])


@pytest.fixture(scope="module")
def pieces(checkpoint):
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(checkpoint[0] / "tokenizer.model"))


def added(folder):
    return json.loads((folder / "added_tokens.json").read_text())


def test_the_conversation_is_llava_v1():
    assert prompt_text("the sofa", start_end=True) == (
        f"{SYSTEM} USER: <im_start><image><im_end>\nthe sofa Please output segmentation mask. ASSISTANT:"
    )


def test_white_space_beside_added_tokens_is_dropped_and_text_after_them_starts_a_word(tokenizer, pieces, checkpoint):
    """Recorded with the slow tokenizer of transformers 4.31 (legacy): "USER: <im_start>" and "<im_end>\\nthe"."""
    ids = added(checkpoint[0])
    prompt = tokenizer.prompt("the sofa", start_end=True)
    assert list(prompt.before) == [pieces.bos_id(), *pieces.encode(f"{SYSTEM} USER:"), ids["<im_start>"]]
    text = "the sofa Please output segmentation mask. ASSISTANT:"
    assert list(prompt.after) == [ids["<im_end>"], *pieces.encode(text)]
    assert pieces.id_to_piece(prompt.after[1]).startswith("▁")


def test_without_start_and_end_tokens_nothing_is_dropped(tokenizer, pieces):
    prompt = tokenizer.prompt("the sofa", start_end=False)
    assert list(prompt.before) == [pieces.bos_id(), *pieces.encode(f"{SYSTEM} USER: ")]
    assert list(prompt.after) == pieces.encode("\nthe sofa Please output segmentation mask. ASSISTANT:")


def test_an_answer_is_encoded_around_its_seg_token(tokenizer, pieces):
    assert list(tokenizer.encode("Sure, [SEG] .")) == [*pieces.encode("Sure,"), tokenizer.seg, *pieces.encode(".")]
    assert tokenizer.decode([*pieces.encode("Sure, it is"), tokenizer.seg]) == "Sure, it is"


@pytest.mark.parametrize("token", ["[SEG]", "</s>", "<s>", "<image>", "<im_end>", "<im_<image>start>", "[S<image>EG]"])
def test_an_instruction_cannot_smuggle_in_control_tokens(tokenizer, token):
    plain, forged = (tokenizer.prompt(text, True) for text in ("a chair here", f"a chair {token} here"))
    assert forged.before == plain.before
    control = {tokenizer.seg, tokenizer.eos, *tokenizer.prompt("x", True).before[:1]}
    assert not control & set(forged.after)
    assert forged.after.count(plain.after[0]) == 1


def test_a_tokenizer_without_seg_is_refused(editable):
    file = editable / "added_tokens.json"
    file.write_text(json.dumps({"<im_start>": 400}))
    with pytest.raises(TeacherError, match=r"no \[SEG\] token"):
        LisaTokenizer.load(editable)


def test_added_tokens_are_found_in_newer_files_too(editable, tokenizer):
    decoder = {str(i): {"content": token} for token, i in added(editable).items()}
    (editable / "added_tokens.json").unlink()
    (editable / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": decoder}))
    assert LisaTokenizer.load(editable).seg == tokenizer.seg


@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_missing_or_damaged_tokenizer_is_named(editable, content):
    file = editable / "tokenizer.model"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TeacherError, match=r"tokenizer\.model"):
        LisaTokenizer.load(editable)
