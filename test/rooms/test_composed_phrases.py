"""Training phrases composed of nouns and wordings."""

import json

import pytest

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.composed_phrases import composed_phrases, outside_things, wordings
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.nouns import nouns
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


def test_nothing_of_a_bank_is_composed_again():
    composed = [phrase.text.casefold() for phrase in composed_phrases()]
    written = {phrase.text.casefold() for split in ("train", "validation") for phrase in bank(split)}
    assert len(set(composed)) == len(composed) and not written & set(composed)


def test_no_name_of_a_class_is_called_outside():
    names = {noun.casefold() for known in nouns("train").values() for noun in known}
    names |= {name.replace("_", " ") for name in CLASS_NAMES}
    assert not names & {noun.casefold() for noun in outside_things().nouns}
    outside = [phrase for phrase in composed_phrases() if phrase.class_name is None]
    assert {phrase.kind for phrase in outside} == {"absent"}


def test_classes_and_things_outside_share_their_wordings():
    def forms(inside: bool) -> set[str]:
        texts = {phrase.text for phrase in composed_phrases() if (phrase.class_name is not None) == inside}
        starts = {text.partition("{")[0] for text in wordings()}
        return {start for start in starts if len(start) > 3 and any(text.startswith(start) for text in texts)}

    assert forms(True) == forms(False)
    assert {phrase.class_name for phrase in composed_phrases()} == {*CLASS_NAMES, None}


@pytest.mark.parametrize(
    ("content", "told"), [("{", "cannot be read"), ('["find it"]', "need the slot"), ("[]", "slot")]
)
def test_damaged_wordings_are_told(tmp_path, content, told):
    path = tmp_path / "wordings.json"
    path.write_text(content)
    with pytest.raises(VocabularyError, match=told):
        wordings(path)


def test_damaged_things_are_told(tmp_path):
    path = tmp_path / "outside.json"
    path.write_text(json.dumps({"nouns": ["hammer"], "needs": []}))
    with pytest.raises(VocabularyError, match="restore it from the repository"):
        outside_things(path)
