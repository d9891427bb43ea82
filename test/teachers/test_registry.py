"""From a name to a teacher, and to the fingerprint of its answers."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mllm_for3d_ros.errors import CheckpointError, TeacherError
from mllm_for3d_ros.teachers import extras
from mllm_for3d_ros.teachers.catalogue import TEACHERS, parse_name
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.readiness import Machine, check
from mllm_for3d_ros.teachers.registry import fingerprint_of, load_teacher

LARGE = Machine(80.0, None, 64.0)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders that hold some weights, and no others on this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("vlm", "sam", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "model"),
    [
        ("compact", "compact", None),
        ("qwen-vl:Qwen/Qwen2.5-VL-7B-Instruct", "qwen-vl", "Qwen/Qwen2.5-VL-7B-Instruct"),
        ("lisa:/data/lisa", "lisa", "/data/lisa"),
        ("openai:qwen2.5vl:7b", "openai", "qwen2.5vl:7b"),
        ("sam3: ", "sam3", None),
    ],
)
def test_names(text: str, name: str, model: str | None) -> None:
    chosen = parse_name(text)
    assert (chosen.row.name, chosen.model) == (name, model)


@pytest.mark.parametrize("text", ["", "gpt", ":x", "Compact"])
def test_unknown_names(text: str) -> None:
    for use in (parse_name, load_teacher, fingerprint_of):
        with pytest.raises(TeacherError, match="choose one of compact, qwen-vl, lisa, sam3, openai"):
            use(text)


@pytest.mark.parametrize("row", TEACHERS, ids=lambda row: row.name)
def test_a_missing_extra_gives_the_command(row, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    gone = {module for extra in row.extras for module in extras.EXTRAS[extra]}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else real(name))
    command = f'pip install "mllm_for3d_ros[{",".join(row.extras)}]"'
    with pytest.raises(TeacherError) as caught:
        load_teacher(row.name)
    assert command in str(caught.value) and "\n" not in str(caught.value)
    assert command in [lack.command for lack in check(parse_name(row.name), TeacherOptions(), LARGE).lacks]


def test_options_need_extras_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda module: module not in ("bitsandbytes", "segment_anything"))
    with pytest.raises(TeacherError, match=r"mllm_for3d_ros\[quantized\]"):
        load_teacher("lisa", TeacherOptions(four_bit=True))
    with pytest.raises(TeacherError, match=r"mllm_for3d_ros\[segment-anything\]"):
        load_teacher("openai:m", TeacherOptions(segmenter="library:sam.pth", base_url="http://localhost:1/v1"))


@pytest.mark.parametrize("name", ["qwen-vl", "lisa", "sam3"])
def test_missing_weights_give_the_command(name: str, weights: Path) -> None:
    model = parse_name(name).row.model
    for use in (load_teacher, fingerprint_of):
        with pytest.raises(TeacherError, match=f"hf download {model}"):
            use(name)


def test_an_endpoint_needs_an_address_and_a_model(weights: Path) -> None:
    options = TeacherOptions(segmenter=str(weights / "sam"))
    addressed = replace(options, base_url="http://localhost:1/v1")
    for name, given, remedy in (("openai", addressed, "openai:MODEL"), ("openai:m", options, "--base-url")):
        for use in (fingerprint_of, load_teacher):
            with pytest.raises(TeacherError, match=remedy):
                use(name, given)


def test_a_fingerprint_names_what_changes_answers(weights: Path) -> None:
    name = f"qwen-vl:{weights / 'vlm'}"
    options = TeacherOptions(segmenter=str(weights / "sam"))
    plain = str(fingerprint_of(name, options))
    for other in (
        replace(options, segmenter=str(weights / "other")),
        replace(options, max_pixels=1000),
        replace(options, four_bit=True),
        replace(options, dtype="float16"),
    ):
        assert str(fingerprint_of(name, other)) != plain
    for same in (replace(options, batch_size=1), replace(options, device="cpu"), replace(options, timeout_s=1.0)):
        assert str(fingerprint_of(name, same)) == plain
    (weights / "vlm" / "model.safetensors").write_text("trained further")
    assert str(fingerprint_of(name, options)) != plain


def test_the_endpoint_is_part_of_the_fingerprint(weights: Path) -> None:
    options = TeacherOptions(segmenter=str(weights / "sam"), base_url="http://localhost:1/v1", model="small")
    plain = fingerprint_of("openai", options)
    assert str(fingerprint_of("openai:small", options)) == str(plain) and " " not in str(plain)
    others = [
        fingerprint_of("openai:large", options),
        fingerprint_of("openai", replace(options, base_url="http://b/v1")),
    ]
    assert len({str(plain), *map(str, others)}) == 3


def test_the_compact_teacher_says_the_same_before_and_after_loading(tmp_path: Path) -> None:
    assert fingerprint_of("compact") == load_teacher("compact").fingerprint
    with pytest.raises(CheckpointError, match="not found"):
        fingerprint_of(f"compact:{tmp_path / 'none.safetensors'}")


def test_fingerprints_import_no_model_library(weights: Path) -> None:
    code = f"""
import sys
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.registry import fingerprint_of
options = TeacherOptions(segmenter={str(weights / "sam")!r}, base_url="http://localhost:1/v1")
for name in ("compact", "qwen-vl:{weights / "vlm"}", "sam3:{weights / "vlm"}", "openai:m"):
    fingerprint_of(name, options)
print([m for m in ("torch", "transformers") if m in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("machine", "lacks"),
    [
        (Machine(24.0, None, 16.0), None),
        (Machine(8.0, None, 256.0), "GPU memory: about 21 GB are needed, there are 8"),
        (Machine(None, "none found", 256.0), None),
        (Machine(None, "none found", 16.0), "a GPU of 21 GB, or 42 GB of memory"),
    ],
)
def test_memory(machine: Machine, lacks: str | None, weights: Path) -> None:
    ready = check(parse_name("qwen-vl"), TeacherOptions(segmenter=str(weights / "sam")), machine)
    assert [lack.what for lack in ready.lacks] == ["the weights Qwen/Qwen3-VL-8B-Instruct", *([lacks] if lacks else [])]
    assert bool(ready.notes) == (machine.gpu_gb is None)
