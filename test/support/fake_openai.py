"""A local server that speaks as OpenAI's chat completions do, and can misbehave in every way we know."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

CHAIR = '```json\n[{"bbox_2d": [100, 200, 300, 600], "label": "chair"}]\n```'


@dataclass(frozen=True)
class Seen:
    """A request: its JSON body, its headers with names in lower case, the size of its image, when it came."""

    body: dict
    headers: dict[str, str]
    image_size: tuple[int, int]
    at: float

    @property
    def question(self) -> str:
        return next(part["text"] for part in self.body["messages"][-1]["content"] if part["type"] == "text")


Behaviour = Callable[[BaseHTTPRequestHandler, Seen], None]


@dataclass
class FakeServer:
    """url: base URL of the endpoint. script: behaviours of the first requests; later ones get ``otherwise``."""

    url: str = ""
    script: list[Behaviour] = field(default_factory=list)
    otherwise: Behaviour = field(default_factory=lambda: says(CHAIR))
    seen: list[Seen] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0


@contextmanager
def fake_openai() -> Iterator[FakeServer]:
    """A server on a free local port until the block ends."""
    fake, lock = FakeServer(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(body, headers, _image_size(body), time.monotonic())
            with lock:
                fake.seen.append(seen)
                fake.in_flight += 1
                fake.most_in_flight = max(fake.most_in_flight, fake.in_flight)
                behaviour = fake.script.pop(0) if fake.script else fake.otherwise
            try:
                behaviour(self, seen)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client had enough
            finally:
                with lock:
                    fake.in_flight -= 1

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def completion(content: object) -> bytes:
    """The body of a chat completion with ``content``."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def says(content: object, after_s: float = 0.0) -> Behaviour:
    """A well-formed answer."""
    return sends(completion(content), after_s=after_s)


def sends(
    body: bytes,
    status: int = 200,
    headers: dict[str, str] | None = None,
    length: int | None = None,
    after_s: float = 0.0,
) -> Behaviour:
    """Any body; with a ``length`` beyond it the connection ends in its middle."""

    def behave(handler: BaseHTTPRequestHandler, _seen: Seen) -> None:
        time.sleep(after_s)
        handler.send_response(status)
        given = {"Content-Type": "application/json", "Content-Length": str(length or len(body)), **(headers or {})}
        for name, value in given.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = length is not None

    return behave


def fails(status: int, message: str = "", headers: dict[str, str] | None = None) -> Behaviour:
    """An error as OpenAI words it."""
    return sends(json.dumps({"error": {"message": message}}).encode(), status, headers)


def hangs_up(handler: BaseHTTPRequestHandler, _seen: Seen) -> None:
    """No response at all."""
    handler.close_connection = True


def trickles(handler: BaseHTTPRequestHandler, _seen: Seen) -> None:
    """A byte now and then, so that no single read times out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def _image_size(body: dict) -> tuple[int, int]:
    urls = [part["image_url"]["url"] for part in body["messages"][-1]["content"] if part["type"] == "image_url"]
    return Image.open(io.BytesIO(base64.b64decode(urls[0].split(",", 1)[1]))).size
