"""Instructions from the command line and from files."""

import json

import pytest

from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.language.instruction_file import collect_instructions


def test_sentences_and_files_are_joined_and_each_is_kept_once(tmp_path):
    text, rows = tmp_path / "tasks.txt", tmp_path / "tasks.json"
    text.write_text("# what to find\nthe sofa\n\n  a   bin \n")
    rows.write_text(json.dumps(["the bin", {"text": "the sofa", "kind": "explicit", "class": "sofa"}]))
    assert collect_instructions(["a lamp", str(text), str(rows)]) == ("a lamp", "the sofa", "a bin", "the bin")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "cannot be read"),
        ('{"text": "the sofa"}', "must hold a JSON list"),
        ('["the sofa", 3]', "entry 2 must be a sentence"),
        ('["the sofa", ""]', "entry 2: "),
    ],
)
def test_a_bad_file_is_named(tmp_path, content, why):
    path = tmp_path / "tasks.json"
    path.write_text(content)
    with pytest.raises(InstructionError, match=why):
        collect_instructions([str(path)])


def test_no_instruction_at_all_is_refused(tmp_path):
    (tmp_path / "none.txt").write_text("# nothing\n")
    with pytest.raises(InstructionError, match="no instructions"):
        collect_instructions([])
    with pytest.raises(InstructionError, match=r"none.txt holds no instructions"):
        collect_instructions(["a lamp", str(tmp_path / "none.txt")])
    with pytest.raises(InstructionError, match="cannot be read"):
        collect_instructions([str(tmp_path / "missing.txt")])


def test_a_file_of_another_ending_is_not_taken_for_a_sentence(tmp_path):
    (tmp_path / "tasks.md").write_text("the sofa\n")
    with pytest.raises(InstructionError, match=r"tasks.md is a file, not a sentence.*\.txt or \.json"):
        collect_instructions([str(tmp_path / "tasks.md")])
