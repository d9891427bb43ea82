"""The address of an OpenAI-compatible endpoint, and the key for it: from the environment, kept nowhere."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from mllm_for3d_ros.errors import TeacherError

_log = logging.getLogger(__name__)
KEY_VARIABLES = ("MLLM_FOR3D_API_KEY", "OPENAI_API_KEY")
"""The first that is set counts."""
_KEY = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[\w.:-]+")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_SERVER_MESSAGE = 160


@dataclass(frozen=True)
class Endpoint:
    """url: up to and including the version, e.g. ``http://localhost:8000/v1``. host: as shown to people."""

    url: str
    host: str

    @classmethod
    def parse(cls, base_url: str | None) -> Endpoint:
        """Check ``base_url``; errors do not repeat it, as it might hold a password.

        Raises:
            TeacherError: it is no http or https address, or has a user, password, query or fragment.
        """
        form = "give --base-url in the form http://HOST:PORT/v1"
        if not base_url:
            raise TeacherError(f"openai: no address of an endpoint; {form}")
        try:
            parts = urlsplit(base_url.strip())
            host, port = parts.hostname, parts.port
        except ValueError as cause:
            raise TeacherError(f"openai: the base URL cannot be read; {form}") from cause
        if parts.scheme not in ("http", "https") or not host or not _HOST.fullmatch(host):
            raise TeacherError(f"openai: the base URL is no http or https address; {form}")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise TeacherError(
                "openai: the base URL holds a user, password or query; leave it out and put the key into the "
                f"environment variable {KEY_VARIABLES[0]}"
            )
        path = parts.path.rstrip("/").removesuffix("/chat/completions")
        shown = f"[{host}]" if ":" in host else host
        shown = shown if port is None else f"{shown}:{port}"
        return cls(f"{parts.scheme}://{shown}{path}", shown)

    def warn_if_open(self) -> None:
        """Say once if the key will travel unencrypted to another machine."""
        host = urlsplit(self.url).hostname
        if self.url.startswith("http:") and host not in _LOCAL and api_key() is not None:
            _log.warning("openai: the key goes to %s without encryption; use https if it can be had", self.host)


def api_key() -> str | None:
    """The key in the environment, None if there is none.

    Raises:
        TeacherError: it has characters that cannot be in a header; the message does not repeat it.
    """
    for variable in KEY_VARIABLES:
        key = os.environ.get(variable, "").strip()
        if key and not _KEY.fullmatch(key):
            raise TeacherError(f"openai: {variable} has characters that no key has; set it again")
        if key:
            return key
    return None


def without_key(text: str) -> str:
    """What a server said, as one short line in which the key is blotted out."""
    key = api_key()
    blotted = text.replace(key, "[key]") if key else text
    return " ".join("".join(c if c.isprintable() else " " for c in blotted).split())[:_SERVER_MESSAGE]
