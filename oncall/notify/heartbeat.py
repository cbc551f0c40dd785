"""The heartbeat: called when a run is over, so that somebody notices the night when it is not called.

As healthchecks.io and its relatives have it: the address itself for exit code 0, the address and `/1` for exit code 1,
the diagnosis as the body of a POST. Whoever waits for the call is not part of the stack, so the environment's proxies
are used. The address is a secret: no sentence in here repeats it.
"""

from __future__ import annotations

import base64
import threading
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

SECONDS = 5.0
LARGEST_BODY = 100_000  # bytes, as much as healthchecks.io keeps


def wrong_address(address: str) -> str:
    """What is wrong with an address, as the end of a sentence; empty when nothing is."""
    try:
        parts = urlsplit(address)
        fine = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if fine and address.isascii() and address.isprintable() and " " not in address:
        return ""
    return "must be an address that starts with http:// or https:// and names a host"


def call(address: str, code: int, text: str, seconds: float = SECONDS) -> str:
    """Tell the address how the run ended; returns in one sentence why that failed, or nothing.

    seconds: all that it may take, whatever the other side does.
    """
    if wrong := wrong_address(address):
        return f"the heartbeat URL was not called: it {wrong}"
    ended: list[str] = []
    thread = threading.Thread(target=lambda: ended.append(_call(address, code, text, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    said = ended[0] if ended else f"no answer within {seconds:g} s"
    return f"the heartbeat URL could not be called: {said}" if said else ""


def _call(address: str, code: int, text: str, seconds: float) -> str:
    from http.client import HTTPException, responses
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        """The diagnosis goes where somebody has sent it, and nowhere else."""

        def redirect_request(self, *_: Any) -> None:
            return None

    url, credentials = _request(urlsplit(address), code)
    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "pytest-oncall"} | credentials
    body = text.encode("utf-8", "replace")[:LARGEST_BODY]
    try:
        with build_opener(Stay).open(Request(url, body, headers, method="POST"), timeout=seconds):  # noqa: S310  http alone
            return ""
    except HTTPError as error:
        error.close()
        if 300 <= error.code < 400:
            return f"it answers {error.code}, a redirect: give the address that it leads to"
        return f"it answers {error.code} {responses.get(error.code, '')}".rstrip()
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return f"no answer within {seconds:g} s"
        return str(getattr(reason, "strerror", None) or type(reason).__name__)
    except (HTTPException, ValueError) as error:
        return f"its answer is no HTTP ({type(error).__name__})"


def _request(parts: SplitResult, code: int) -> tuple[str, dict[str, str]]:
    """The address for this exit code, and what it carries as user and password."""
    path = parts.path if code == 0 else f"{parts.path.rstrip('/')}/{code}"
    user, at, place = parts.netloc.rpartition("@")
    url = urlunsplit((parts.scheme, place, path, parts.query, ""))
    token = base64.b64encode(unquote(user).encode()).decode()
    return url, {"Authorization": f"Basic {token}"} if at else {}
