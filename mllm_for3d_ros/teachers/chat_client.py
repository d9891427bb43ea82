"""Questions to an OpenAI-compatible endpoint: several in flight, patient with a busy server, bounded.

What the server answers with status 200 and cannot be used is returned as ``Unusable``, a property of that
question. No answer at all (refused, timed out, 429 or 5xx to the end) is a ``TeacherError``: it ends the run.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.endpoint import Endpoint, api_key, without_key
from mllm_for3d_ros.teachers.extras import require_extras

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)
MAX_BODY = 4 << 20
"""Bytes of a response; an answer has some hundreds."""
MAX_WAIT_S = 120.0
"""The longest that a server may ask us to wait before the next try."""
_MAX_BACKOFF_S = 30.0
_RETRIED = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)


@dataclass(frozen=True)
class Unusable:
    """A response that holds no answer. reason: why."""

    reason: str


class _Transient(Exception):
    """Worth another try. wait_s: what the server asked for. last: the outcome if there is no further try."""

    def __init__(self, what: str, wait_s: float = 0.0, last: Unusable | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s
        self.last = last


class _Batch:
    """Requests that belong together: the first failure ends them all."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.failure: BaseException | None = None

    def fail(self, failure: BaseException) -> None:
        """Let no other request of the batch start or wait any longer."""
        self.failure = self.failure or failure
        self.stop.set()

    def check(self) -> None:
        """Raise the failure of the batch, if it has one."""
        if self.failure is not None:
            raise self.failure


class ChatClient:
    """Client of ``/chat/completions``. The key is read from the environment for each request and not kept."""

    def __init__(
        self,
        endpoint: Endpoint,
        concurrency: int = 8,
        timeout_s: float = 60.0,
        retries: int = 3,
        backoff_s: float = 1.0,
    ) -> None:
        """``backoff_s``: the wait before the first retry, doubled for each further one.

        Raises:
            TeacherError: the extra is missing, a number makes no sense, or the key in the environment is damaged.
        """
        require_extras("openai", ["openai"])
        if concurrency < 1 or retries < 0 or not 0 < timeout_s < math.inf:
            raise TeacherError(
                "openai: give a concurrency of at least 1, retries of at least 0 and a positive time-out"
            )
        import httpx2

        try:
            self._url = httpx2.URL(f"{endpoint.url}/chat/completions")
        except httpx2.InvalidURL as cause:
            raise TeacherError(
                "openai: the base URL cannot be read; give it in the form http://HOST:PORT/v1"
            ) from cause
        endpoint.warn_if_open()
        self._endpoint = endpoint
        self._concurrency, self._retries = concurrency, retries
        self._timeout_s, self._backoff_s = timeout_s, backoff_s
        # Redirects are not followed: the key is for this host alone.
        limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._client = httpx2.Client(timeout=timeout_s, limits=limits, follow_redirects=False)

    def ask_all(self, makers: Sequence[Callable[[], dict[str, Any]]]) -> list[str | Unusable]:
        """Texts of the answers in the order of ``makers``, each of which makes the body of one request.

        Raises:
            TeacherError: the endpoint does not answer, or refuses; requests not yet sent are then dropped.
        """
        batch = _Batch()
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="chat")
        try:
            return list(pool.map(functools.partial(self._ask, batch), makers))
        except BaseException as failure:  # also Ctrl-C, which must not wait for retries
            batch.fail(failure)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _ask(self, batch: _Batch, make: Callable[[], dict[str, Any]]) -> str | Unusable:
        """One question of ``batch``."""
        try:
            batch.check()
            return self._retrying(make(), batch)
        except Exception as failure:
            batch.fail(failure)
            raise

    def _retrying(self, body: dict[str, Any], batch: _Batch) -> str | Unusable:
        """Post ``body``, again while that may help."""
        for attempt in range(self._retries):
            try:
                return self._post_adapting(body)
            except _Transient as problem:
                backoff = min(self._backoff_s * 2**attempt, _MAX_BACKOFF_S) * random.uniform(0.5, 1.0)
                _log.info("%s: %s, try %d", self._endpoint.host, problem, attempt + 2)
                batch.stop.wait(max(backoff, problem.wait_s))
                batch.check()
        try:
            return self._post_adapting(body)
        except _Transient as problem:
            return self._given_up(problem)

    def _given_up(self, problem: _Transient) -> Unusable:
        """The outcome after the last try."""
        if problem.last is not None:
            return problem.last
        tried = f"{self._retries + 1} tries" if self._retries else "1 try"
        raise TeacherError(
            f"openai: {self._endpoint.host} does not answer after {tried} ({problem}); "
            "check that the server runs and --base-url, or allow more time (--timeout)"
        ) from problem

    def _post_adapting(self, body: dict[str, Any]) -> str | Unusable:
        """Post ``body``; once more without those settings that a model which only reasons does not take."""
        outcome = self._post(body)
        for _ in range(2):
            if not isinstance(outcome, _Refused):
                break
            adapted = _adapted(body, outcome.message)
            if adapted is None:
                break
            body = adapted
            outcome = self._post(body)
        if isinstance(outcome, _Refused):
            raise TeacherError(f"openai: {self._endpoint.host} {outcome.remedy()}")
        return outcome

    def _post(self, body: dict[str, Any]) -> str | Unusable | _Refused:
        """One request.

        Raises:
            _Transient: there was no answer, but another try may get one.
        """
        import httpx2

        status = None
        try:
            with self._client.stream("POST", self._url, json=body, headers=_headers()) as r:
                status = r.status_code
                raw = _bounded_body(r, time.monotonic() + self._timeout_s)
                wait_s = _retry_after(r.headers.get("retry-after"))
                location = r.headers.get("location", "")
        except httpx2.TimeoutException as cause:
            raise _Transient(f"no answer within {self._timeout_s:g} s") from cause
        except httpx2.TransportError as cause:
            cut = Unusable("the response was cut off") if status == 200 else None
            raise _Transient(without_key(str(cause)) or type(cause).__name__, last=cut) from cause
        if status == 200:
            return _content(raw)
        if status in _RETRIED:
            raise _Transient(f"status {status}", wait_s)
        return _Refused(status, _server_message(raw), location)


@dataclass(frozen=True)
class _Refused:
    """A status that no retry changes. message: what the server said. location: where it redirects to."""

    status: int
    message: str
    location: str

    def remedy(self) -> str:
        """What it means, and what to do, as the rest of a line."""
        said = f" ({self.message})" if self.message else ""
        if 300 <= self.status < 400:
            return "redirects elsewhere, which is not followed; give the final address as --base-url"
        if self.status in (401, 403):
            return f"refuses the key{said}; set MLLM_FOR3D_API_KEY or OPENAI_API_KEY to a valid one"
        if self.status in (404, 405):
            return f"has no such model or path{said}; check --base-url (it often ends in /v1) and the model"
        return f"refuses the request with status {self.status}{said}; check the model and its limits"


def _headers() -> dict[str, str]:
    """Headers of a request; compressed responses are not asked for, as their size has no bound."""
    key = api_key()
    return {"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})}


def _bounded_body(response: httpx2.Response, deadline: float) -> bytes | None:
    """The body, None if it is longer than ``MAX_BODY`` or compressed.

    Raises:
        httpx2.ReadTimeout: the server sends, but so slowly that ``deadline`` (monotonic, s) passes.
    """
    import httpx2

    if response.headers.get("content-encoding", "identity") != "identity":
        return None
    parts, size = [], 0
    for part in response.iter_raw():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            return None
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("the response trickles")
    return b"".join(parts)


def _content(raw: bytes | None) -> str | Unusable:
    """The text of the first choice of a chat completion."""
    if raw is None:
        return Unusable(f"the response has more than {MAX_BODY} bytes or is compressed")
    try:
        content = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, RecursionError):
        return Unusable("the response is no JSON")
    except (KeyError, IndexError, TypeError):
        said = _server_message(raw)
        return Unusable(f"the response is no chat completion{f' ({said})' if said else ''}")
    if isinstance(content, list):
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else Unusable("the response has no text")


def _server_message(raw: bytes | None) -> str:
    """What an error response says, "" if it does not say it as OpenAI's do."""
    try:
        error = json.loads(raw or b"{}")["error"]
        message = error if isinstance(error, str) else error["message"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return without_key(message) if isinstance(message, str) else ""


def _adapted(body: dict[str, Any], message: str) -> dict[str, Any] | None:
    """``body`` without the setting that ``message`` objects to, None if it objects to none of them."""
    if "max_tokens" in message and "max_tokens" in body:
        rest = {key: value for key, value in body.items() if key != "max_tokens"}
        return {**rest, "max_completion_tokens": body["max_tokens"]}
    if "temperature" in message and "temperature" in body:
        return {key: value for key, value in body.items() if key != "temperature"}
    return None


def _retry_after(value: str | None) -> float:
    """Seconds that a Retry-After header (seconds or a date) asks for, within 0 to ``MAX_WAIT_S``."""
    if value is None:
        return 0.0
    try:
        wait = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return 0.0
        when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
        wait = (when - datetime.now(timezone.utc)).total_seconds()
    return min(max(wait, 0.0), MAX_WAIT_S) if math.isfinite(wait) else 0.0
