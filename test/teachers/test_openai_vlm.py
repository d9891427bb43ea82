"""The teacher behind HTTP against a local server that also misbehaves."""

import gzip
import json
import logging
import traceback
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import numpy as np
import pytest
from fake_openai import CHAIR, completion, fails, fake_openai, hangs_up, says, sends, trickles
from hypothesis import given
from hypothesis import strategies as st
from named_teacher import ask_twice
from tiny_sam import save_tiny_sam

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.chat_client import MAX_BODY, MAX_WAIT_S, _retry_after
from mllm_for3d_ros.teachers.endpoint import KEY_VARIABLES, Endpoint
from mllm_for3d_ros.teachers.openai_vlm import MAX_PIXELS, OpenAIVLM, coordinates_of, endpoint_fingerprint, sent_size
from mllm_for3d_ros.teachers.options import TeacherOptions

KEY = "sk-test-0123456789abcdef"
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
CHAIR_BOX = (6.4, 9.6, 19.2, 28.8)


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for variable in (*KEY_VARIABLES, "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def server():
    with fake_openai() as fake:
        yield fake


@pytest.fixture
def vlm(server, encoder):
    """Makes the grounder with short waits; keywords are those of ``TeacherOptions``."""

    def make(**changes):
        options = TeacherOptions(base_url=server.url, model="qwen3-vl", timeout_s=5.0, retries=2)
        return OpenAIVLM(replace(options, **changes), encoder, backoff_s=0.01)

    return make


def test_a_good_answer_is_located(server, vlm, encoder):
    (grounding,) = vlm().locate([IMAGE], 'somewhere to "sit"')
    (located,) = grounding.objects
    assert (located.label, located.box) == ("chair", pytest.approx(CHAIR_BOX))
    assert (grounding.score, grounding.abstained) == (1.0, None)
    np.testing.assert_allclose(grounding.token, encoder.encode(["chair"])[0], atol=1e-6)
    (seen,) = server.seen
    assert seen.image_size == (56, 56)
    assert (seen.body["model"], seen.body["temperature"]) == ("qwen3-vl", 0)
    assert 'somewhere to \\"sit\\"' in seen.question and "0 to 1000" in seen.question
    assert "authorization" not in seen.headers


def test_instructions_are_proposed_from_several_views(server, vlm):
    server.script = [says('["the red chair", "somewhere to sit"]'), says("I see nothing.")]
    proposed = vlm().propose([np.zeros((56, 56, 3), np.uint8)] * 2, 3)
    assert {"the red chair", "somewhere to sit"} <= set(proposed) and len(proposed) <= 3
    assert all("JSON list" in seen.question for seen in server.seen)


def test_content_in_parts_is_joined(server, vlm):
    server.script = [says([{"type": "text", "text": CHAIR[:20]}, {"type": "text", "text": CHAIR[20:]}, 7])]
    assert vlm().locate([IMAGE], "a chair")[0].objects[0].label == "chair"


def test_absolute_coordinates_are_pixels_of_the_image_sent(server, vlm):
    server.otherwise = says('[{"bbox_2d": [0, 14, 28, 56], "label": "chair"}]')
    for options in ({"model": "qwen2.5vl:7b"}, {"model": "m", "coordinates": "absolute"}):
        (grounding,) = vlm(**options).locate([IMAGE], "a chair")
        assert grounding.objects[0].box == pytest.approx((0, 12, 32, 48))
    assert "pixels of the image" in server.seen[0].question


def test_several_requests_are_in_flight_and_answers_keep_their_order(server, vlm):
    def describes(handler, seen):
        number = seen.image_size[0] // 28
        says(f'[{{"bbox_2d": [0, 0, 500, 500], "label": "object {number}"}}]', after_s=0.3 / number)(handler, seen)

    server.otherwise = describes
    images = [np.zeros((56, 28 * k, 3), np.uint8) for k in range(2, 10)]
    found = vlm(concurrency=4).locate(images, "everything")
    assert [g.objects[0].label for g in found] == [f"object {k}" for k in range(2, 10)]
    assert 2 <= server.most_in_flight <= 4


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (says("I see no chair."), "no JSON list"),
        (says("[]"), "nothing fits"),
        (says(None), "no text"),
        (sends(b"<html>It works!</html>"), "no JSON"),
        (sends(b"[" * 100_000), "no JSON"),
        (sends(completion(CHAIR)[:40]), "no JSON"),
        (sends(b"\xff\xfe\x00garbage"), "no JSON"),
        (sends(b'{"choices": []}'), "no chat completion"),
        (sends(b'{"choices": {"message": 3}}'), "no chat completion"),
        (sends(b"[1, 2]"), "no chat completion"),
        (sends(b'{"error": {"message": "upstream\\n is busy"}}'), "no chat completion (upstream is busy)"),
        (sends(b" " * (MAX_BODY + 1)), "bytes"),
        (sends(gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}), "compressed"),
    ],
)
def test_what_cannot_be_used_is_an_abstention_of_that_view(server, vlm, behaviour, why):
    server.script = [behaviour]
    grounder = vlm(concurrency=1)
    bad, good = grounder.locate([IMAGE, IMAGE], "a chair")
    assert why in bad.abstained and "\n" not in bad.abstained
    assert bad.objects == () and bad.token is None
    assert good.objects[0].label == "chair"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        fails(500, "boom"),
        fails(503),
        fails(429, headers={"Retry-After": "0"}),
        sends(completion(CHAIR), length=10_000),
        hangs_up,
    ],
)
def test_a_passing_trouble_is_tried_again(server, vlm, behaviour):
    server.script = [behaviour, behaviour]
    assert vlm().locate([IMAGE], "a chair")[0].objects[0].label == "chair"
    assert len(server.seen) == 3


def test_a_time_out_is_tried_again(server, vlm):
    server.script = [says(CHAIR, after_s=1.0), trickles]
    assert vlm(timeout_s=0.25).locate([IMAGE], "a chair")[0].objects[0].label == "chair"
    assert len(server.seen) == 3


def test_a_body_that_is_always_cut_off_is_an_abstention(server, vlm):
    server.otherwise = sends(completion(CHAIR), length=10_000)
    assert vlm(retries=1).locate([IMAGE], "a chair")[0].abstained == "malformed answer: the response was cut off"
    assert len(server.seen) == 2


def test_a_busy_server_says_how_long_to_wait(server, vlm):
    server.script = [fails(429, "slow down", {"Retry-After": "0.4"})]
    assert vlm().locate([IMAGE], "a chair")[0].objects
    assert server.seen[1].at - server.seen[0].at >= 0.4


def test_retry_after_is_seconds_or_a_date_and_bounded():
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30))
    assert _retry_after(soon) == pytest.approx(30, abs=3)
    assert _retry_after("7") == 7
    assert _retry_after("1e9") == MAX_WAIT_S
    assert [_retry_after(v) for v in (None, "-5", "nan", "inf", "soon", "Wed, 99")] == [0.0] * 6


@pytest.mark.parametrize(("behaviour", "why"), [(fails(500), "status 500"), (hangs_up, "3 tries")])
def test_an_endpoint_that_stays_down_ends_the_run(server, vlm, behaviour, why):
    server.otherwise = behaviour
    with pytest.raises(TeacherError, match=r"127.0.0.1:.*does not answer after 3 tries.*--base-url") as caught:
        vlm(concurrency=1).locate([IMAGE] * 5, "a chair")
    assert why in str(caught.value) and "\n" not in str(caught.value)
    assert len(server.seen) == 3


def test_an_endpoint_that_is_not_there(vlm):
    with pytest.raises(TeacherError, match=r"localhost:9 does not answer after 1 try"):
        vlm(base_url="http://localhost:9/v1", retries=0).locate([IMAGE], "a chair")


@pytest.mark.parametrize(
    ("behaviour", "remedy"),
    [
        (fails(400, "image too large"), "image too large"),
        (fails(401, "bad key"), "MLLM_FOR3D_API_KEY"),
        (fails(404, "no such model"), "--base-url"),
        (sends(b"not JSON", 422), "status 422"),
        (sends(b"", 308, {"Location": "http://elsewhere.invalid/v1"}), "final address"),
    ],
)
def test_a_refusal_is_not_tried_again(server, vlm, behaviour, remedy):
    server.otherwise = behaviour
    with pytest.raises(TeacherError) as caught:
        vlm().locate([IMAGE], "a chair")
    assert remedy in str(caught.value)
    assert len(server.seen) == 1


def test_settings_that_a_model_does_not_take_are_left_out(server, vlm):
    server.script = [
        fails(400, "Unsupported parameter: 'max_tokens'; use 'max_completion_tokens'"),
        fails(400, "Unsupported value: 'temperature' does not support 0"),
    ]
    assert vlm().locate([IMAGE], "a chair")[0].objects
    assert server.seen[2].body["max_completion_tokens"] == server.seen[0].body["max_tokens"]
    assert not {"max_tokens", "temperature"} & set(server.seen[2].body)


@pytest.mark.parametrize("variable", KEY_VARIABLES)
def test_the_key_comes_from_the_environment_and_is_never_shown(server, vlm, variable, monkeypatch, caplog):
    monkeypatch.setenv(variable, KEY)
    echo = f"wrong key: {KEY}, Bearer {KEY}"
    with fake_openai() as other, caplog.at_level(logging.DEBUG):
        grounder = vlm(retries=1)
        assert grounder.locate([IMAGE], "a chair")[0].objects
        assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
        shown = [repr(grounder), repr(vars(grounder)), repr(vars(grounder._client)), str(grounder.fingerprint)]
        redirect = sends(b"", 307, {"Location": f"{other.url}/chat/completions"})
        for behaviour in (fails(401, echo), fails(400, echo), fails(500, echo), hangs_up, redirect):
            server.otherwise = behaviour
            with pytest.raises(TeacherError) as caught:
                grounder.locate([IMAGE], "a chair")
            shown.append("".join(traceback.format_exception(caught.value)))
        server.otherwise = sends(json.dumps({"error": {"message": echo}}).encode())
        shown.append(grounder.locate([IMAGE], "a chair")[0].abstained)
        assert "[key]" in shown[-1]
    assert other.seen == []
    assert KEY not in "\n".join(shown) + caplog.text


def test_a_damaged_key_is_not_repeated(vlm, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLES[0], f"{KEY}\nX-Evil: 1")
    with pytest.raises(TeacherError, match="set it again") as caught:
        vlm().locate([IMAGE], "a chair")
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_key_without_encryption_is_warned_of_once(monkeypatch, encoder, caplog):
    monkeypatch.setenv(KEY_VARIABLES[0], KEY)
    for url in ("http://gpu-box:8000/v1", "https://gpu-box/v1", "http://localhost:8000/v1"):
        OpenAIVLM(TeacherOptions(base_url=url, model="m"), encoder)
    assert caplog.text.count("without encryption") == 1
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "localhost:8000",
        "ftp://host/v1",
        "file:///etc/passwd",
        "http://",
        "http://host:99999/v1",
        "http://host:x/v1",
        "http://[::1/v1",
        "http://user:secret@host/v1",
        "https://host/v1?api_key=secret",
        "http://ho st/v1",
    ],
)
def test_addresses_that_make_no_sense_are_refused_without_repeating_them(url, encoder):
    with pytest.raises(TeacherError, match=r"base URL|no address") as caught:
        OpenAIVLM(TeacherOptions(base_url=url, model="m"), encoder)
    assert "secret" not in str(caught.value)


def test_addresses_are_normalised():
    for url in ("http://Host:8000/v1", "http://host:8000/v1/", " http://host:8000/v1/chat/completions "):
        assert Endpoint.parse(url) == Endpoint("http://host:8000/v1", "host:8000")
    assert Endpoint.parse("http://[::1]:80/v1").url == "http://[::1]:80/v1"


@pytest.mark.parametrize(
    "changes",
    [{"model": None}, {"concurrency": 0}, {"retries": -1}, {"timeout_s": 0.0}, {"coordinates": "polar"}],
)
def test_options_that_make_no_sense(vlm, changes):
    with pytest.raises(TeacherError):
        vlm(**changes)


def test_the_fingerprint_names_model_address_and_settings():
    options = TeacherOptions(base_url="https://host/v1", model="m")
    plain = endpoint_fingerprint(options)
    assert (plain.name, plain.weights, plain.settings) == ("openai", "m@https://host/v1", "")
    changed = endpoint_fingerprint(replace(options, coordinates="absolute", max_pixels=5000))
    assert changed.settings == "coordinates=absolute,max_pixels=5000"
    assert coordinates_of(replace(options, model="Qwen/Qwen2.5-VL-7B-Instruct")) == "absolute"


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    most=st.integers(4 * 784, MAX_PIXELS),
)
def test_images_are_sent_in_whole_cells_within_the_limit(width, height, most):
    image = np.broadcast_to(np.uint8(0), (height, width, 3))
    sent_width, sent_height = sent_size(image, most)
    assert sent_width % 28 == sent_height % 28 == 0
    assert sent_width * sent_height >= 4 * 784
    if max(width, height) < 3 * min(width, height):
        assert sent_width * sent_height <= max(most, 16 * 784)


def test_by_name_behind_the_cache(server, encoder, tmp_path, monkeypatch):
    options = TeacherOptions(
        device="cpu", base_url=server.url, segmenter=str(save_tiny_sam("sam", tmp_path / "sam")), retries=0
    )
    server.script = [says("no idea")]
    answers = ask_twice("openai:m", options, [IMAGE, IMAGE[::-1].copy()], "a chair", tmp_path / "cache", monkeypatch)
    assert sorted(a.abstained is None for a in answers) == [False, True]
    assert len(server.seen) == 2
