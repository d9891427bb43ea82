"""Answers of vision-language models: what is read, what is refused, and that no text does harm."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.teachers.answer_text import (
    MAX_CHARACTERS,
    MAX_LABEL,
    MAX_OBJECTS,
    Pixels,
    clean_label,
    prompt,
    read_answer,
)

RELATIVE = Pixels.of((640, 480), "relative", (0, 0))
CHAIR = '{"bbox_2d": [100, 200, 300, 600], "label": "chair"}'
CHAIR_BOX = (64.0, 96.0, 192.0, 288.0)


@pytest.mark.parametrize(
    "text",
    [
        f"[{CHAIR}]",
        CHAIR,
        f"```json\n[{CHAIR}]\n```",
        f"I see [a room].\n```\n[{CHAIR}]",
        f'<think>maybe {{"bbox_2d": [1, 2, 30, 40]}}?</think><answer>[{CHAIR}]</answer> Done.',
        f"it fits</think>[{CHAIR}]",
        f"<answer>[{CHAIR}]",
        f'[{CHAIR}, {{"bbox_2d": [1, 2',
        f'[{CHAIR}, {{"bbox_2d": [1, 2, 3, 4], "label": "cut o',
        f'{{"objects": [{CHAIR}], "count": 1}}',
        f"[[{CHAIR}]]",
        '[{"bbox": [300.0, 600, 100, 200], "label": " chair\\n"}]',
        '[{"bbox_2d": [null, 1], "box_2d": [100, 200, 300, 600], "label": "chair"}]',
        f"[{CHAIR}, {CHAIR}]",
    ],
)
def test_the_same_chair_in_many_dresses(text):
    answer = read_answer(text, RELATIVE)
    assert answer.reason is None
    assert [(o.box, o.label) for o in answer.objects] == [(CHAIR_BOX, "chair")]


def test_bare_lists_have_boxes_without_labels():
    answer = read_answer("[[100, 200, 300, 600], [0, 0, 500.5, 500]]", RELATIVE)
    assert [o.box for o in answer.objects] == [CHAIR_BOX, (0.0, 0.0, 320.32, 240.0)]
    assert [o.label for o in answer.objects] == ["", ""]


@pytest.mark.parametrize("text", ["[]", " [ ]\n", "```json\n[]\n```", "<answer>[]</answer>", '{"objects": []}'])
def test_nothing_fits_is_no_malformed_answer(text):
    assert read_answer(text, RELATIVE).reason == "nothing fits: []"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("<answer> </answer>", "empty"),
        ("<think>I wonder whether [", "thinking"),
        ("There is no chair.", "no JSON list"),
        ('[{"bbox_2d": [1, 2', "no JSON list"),
        ('[{"bbox_2d": []}]', "usable"),
        ('[{"bbox_2d": ["100", "200", "300", "600"]}]', "usable"),
        ('[{"bbox_2d": [true, false, true, true]}]', "usable"),
        ('[{"bbox_2d": [NaN, 0, 10, 10]}]', "usable"),
        ('[{"bbox_2d": [0, 0, Infinity, 10]}]', "usable"),
        ('[{"bbox_2d": [0, 0, 1e999, 10]}]', "usable"),
        (f'[{{"bbox_2d": [0, 0, {10**400}, 10]}}]', "usable"),
        ('[{"bbox_2d": [50, 50, 50, 90]}]', "usable"),
        ('[{"bbox_2d": [1200, 0, 1400, 90]}]', "usable"),
        ('[{"point_2d": [-3, 10]}]', "usable"),
        ('[{"bbox_2d": {"x": 3}, "point_2d": "here"}]', "usable"),
        ("[" * 5000, "nested"),
        ("x" * (MAX_CHARACTERS + 1), "characters"),
    ],
)
def test_malformed_answers_say_why(text, why):
    answer = read_answer(text, RELATIVE)
    assert answer.objects == ()
    assert answer.reason.startswith("malformed answer: ")
    assert why in answer.reason
    assert "\n" not in answer.reason


def test_good_objects_survive_bad_neighbours():
    text = f'[{{"bbox_2d": [NaN, 1, 2, 3]}}, {{"label": "no box"}}, 7, {CHAIR}, {{"point_2d": [500, 500], "label": 3}}]'
    answer = read_answer(text, RELATIVE)
    assert [(o.box, o.point, o.label) for o in answer.objects] == [
        (CHAIR_BOX, None, "chair"),
        (None, (320.0, 240.0), ""),
    ]


def test_absolute_coordinates_are_of_the_image_that_the_model_saw():
    pixels = Pixels.of((640, 480), "absolute", (308, 224))
    box = read_answer('[{"bbox_2d": [154, 56, 400, 112], "point_2d": [308, 224]}]', pixels).objects[0]
    assert box.box == pytest.approx((320.0, 120.0, 640.0, 240.0))
    assert box.point == (639.0, 479.0)


def test_the_number_of_objects_is_bounded():
    many = json.dumps([{"bbox_2d": [i, i, i + 50, i + 50]} for i in range(300)])
    answer = read_answer(many, RELATIVE)
    assert len(answer.objects) == MAX_OBJECTS
    assert len(answer.spans) == MAX_OBJECTS


@pytest.mark.parametrize("unit", ["{", '{"a":', '{"bbox_2d":[', "[1,2,3,4]", "```", "<answer>", '"{', "\\"])
def test_hostile_repetition_costs_little(unit):
    started = time.perf_counter()
    read_answer((unit * MAX_CHARACTERS)[:MAX_CHARACTERS], RELATIVE)
    assert time.perf_counter() - started < 2.0


def test_spans_spell_labels_and_numbers():
    text = '```json\n[{"bbox_2d": [1, 2, 300, 400], "point_2d": [5, 6], "label": "a \\"b\\""}, {"bbox_2d": []}]\n```'
    answer = read_answer(text, RELATIVE)
    assert [text[a:b] for a, b in answer.spans] == ["1, 2, 300, 400", "5, 6", 'a \\"b\\"']
    assert answer.objects[0].label == 'a "b"'


def test_labels_are_cleaned_and_bounded():
    assert clean_label("\x1b[31mred\u202e\n chair\x00 ") == "[31mred chair"
    assert len(clean_label("x" * 10_000)) == MAX_LABEL
    assert clean_label(["chair"]) == ""


def test_the_prompt_carries_the_instruction_as_data():
    asked = prompt('a "{0}" <|image_pad|>', "relative")
    assert 'a \\"{0}\\" < |image_pad|>' in asked
    assert "0 to 1000" in asked
    assert "pixels" in prompt("a chair", "absolute")


NUMBER = st.one_of(
    st.integers(-2000, 3000),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(),
    st.text(max_size=3),
    st.none(),
    st.booleans(),
)
OBJECT = st.dictionaries(
    st.sampled_from(["bbox_2d", "bbox", "point_2d", "label", "other"]),
    st.one_of(st.lists(NUMBER, max_size=5), NUMBER, st.text(max_size=8)),
)
ANSWERS = st.one_of(
    st.text(max_size=200),
    st.text(alphabet='[]{}",:.-0123456789eENaInfinity box_2dlabel<thinkasw>/`\\', max_size=200),
    st.lists(OBJECT, max_size=5).map(json.dumps),
)


@settings(max_examples=300, deadline=None)
@given(
    text=ANSWERS,
    cut=st.integers(0, 400),
    size=st.tuples(st.integers(1, 2000), st.integers(1, 2000)),
    coordinates=st.sampled_from(["relative", "absolute"]),
)
def test_any_text_gives_objects_in_the_image_or_a_reason(text, cut, size, coordinates):
    text = text[: len(text) - cut] if cut < len(text) else text
    answer = read_answer(text, Pixels.of(size, coordinates, (280, 224)))
    assert bool(answer.objects) == (answer.reason is None)
    width, height = size
    for located in answer.objects:
        if located.box is not None:
            x1, y1, x2, y2 = located.box
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height
        if located.point is not None:
            assert 0 <= located.point[0] <= width - 1
            assert 0 <= located.point[1] <= height - 1
    assert all(0 <= a <= b <= len(text) for a, b in answer.spans)


CORNERS = st.tuples(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))


@given(corners=CORNERS.filter(lambda c: abs(c[0] - c[2]) > 3 and abs(c[1] - c[3]) > 3))
def test_relative_boxes_come_back_at_the_size_of_the_image(corners):
    located = read_answer(json.dumps({"bbox_2d": corners}), RELATIVE).objects[0]
    x = sorted((corners[0] * 0.64, corners[2] * 0.64))
    y = sorted((corners[1] * 0.48, corners[3] * 0.48))
    assert located.box == pytest.approx((x[0], y[0], x[1], y[1]))
