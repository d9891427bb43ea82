"""The vocabulary: order, lookup and errors."""

import json

import pytest

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES, CLASSES, class_index, load_classes

ORDER = (
    "sofa chair table bed wardrobe bookshelf television lamp plant toilet bathtub sink refrigerator stove "
    "washing_machine rug window door bin picture "
    "dresser mirror microwave laptop cup bottle backpack cushion suitcase box bicycle guitar fan coat_rack"
).split()


def test_names_keep_the_order_of_the_checkpoints():
    assert list(CLASS_NAMES) == ORDER
    assert [class_index(name) for name in ORDER] == list(range(34))


def test_every_class_has_a_plural_and_a_description():
    assert all(entry.plural != entry.name and entry.description for entry in CLASSES)


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(VocabularyError, match=r"couch.*sofa.*picture"):
        class_index("couch")


@pytest.mark.parametrize("text", ["", "[]", '{"classes": [{"name": "x"}]}'])
def test_broken_file_is_one_clear_error(tmp_path, text):
    path = tmp_path / "classes.json"
    path.write_text(text)
    with pytest.raises(VocabularyError, match="cannot be read"):
        load_classes(path)


def test_repeated_name_is_refused(tmp_path):
    row = {"name": "x", "plural": "xs", "description": "an x"}
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"classes": [row, row]}))
    with pytest.raises(VocabularyError, match="twice"):
        load_classes(path)
