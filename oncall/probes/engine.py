"""The Docker engine's API as the looks use it: GET and JSON, each call with a time limit, its failures in one sentence.

The SDK brings the transport (socket, TLS). The client that makes this handle imports it; nothing here does.
"""

import contextlib
import importlib.util
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from oncall.facts.containers import EngineOutcome
from oncall.finding import CouldNotCheck

NO_ANSWER = "the Docker engine did not answer (see test_docker_engine_answers)"


class Failure(Struct, frozen=True):
    """Why the engine did not answer."""

    outcome: EngineOutcome
    message: str = ""


class Engine:
    """The SDK's client, held by the shortest handle. errors: what it raises for a sick engine."""

    def __init__(self, client: Any, errors: tuple[type[Exception], ...], version: Mapping[str, Any]) -> None:
        self._client, self.errors, self.version = client, errors, version
        self._about: tuple[Mapping[str, Any], str] | None = None
        self.asked: tuple[datetime, datetime] | None = None  # when /info was, and when its answer was there
        self._lock = threading.Lock()

    def get(self, path: str, seconds: float, **parameters: Any) -> Any:
        """The JSON behind a path; raises CouldNotCheck when there is none."""
        response = self.open("GET", path, seconds, parameters=parameters)
        with response:
            try:
                return response.json()
            except self.errors as error:
                raise CouldNotCheck(f"the Docker engine's answer is not understood: {why(error).message}") from None

    def about(self) -> tuple[Mapping[str, Any], str]:
        """What the engine says of itself and its machine, asked once; or nothing, and why (proxies allow little)."""
        with self._lock:
            if self._about is None:
                began = datetime.now(UTC)
                try:
                    self._about = self.get("/info", 2.0), ""
                    self.asked = began, datetime.now(UTC)
                except CouldNotCheck as error:
                    self._about = {}, str(error)
            return self._about

    @property
    def local(self) -> bool:
        """Whether it runs on this very machine, whatever its address: not when nobody knows."""
        said, machine = self.about()[0], os.uname()
        return (said.get("Name"), said.get("KernelVersion")) == (machine.nodename, machine.release)

    def open(
        self,
        method: str,
        path: str,
        seconds: float,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """The answer as a stream, to be closed; raises CouldNotCheck when it is not a good one."""
        asked = {
            name: json.dumps(value) if isinstance(value, dict) else value
            for name, value in (parameters or {}).items()
            if value is not None
        }
        url = f"{self._client.base_url}/v{self._client.api_version}{path}"
        try:
            response = self._client.request(method, url, params=asked, json=body, timeout=seconds, stream=True)
            if response.ok:
                return response
            said = response.raw.read(2000, decode_content=True)
            response.close()
        except self.errors as error:
            failure = why(error)
            if failure.outcome == "hangs":
                raise CouldNotCheck(f"the Docker engine did not answer {_place(path)} within {seconds:g} s") from None
            raise CouldNotCheck(f"the Docker engine did not answer {_place(path)}: {failure.message}") from None
        if response.status_code == 403:
            raise CouldNotCheck(f"the Docker socket's proxy does not allow {method} {_place(path)}")
        raise CouldNotCheck(f"the Docker engine answered {response.status_code}: {_message(said)}")

    def pieces(self, response: Any, most: int = 64 * 1024) -> Iterator[bytes]:
        """A stream's bytes as they come; raises CouldNotCheck when it breaks or nothing comes in time."""
        try:
            while piece := response.raw.read1(most) if hasattr(response.raw, "read1") else response.raw.read(most):
                yield piece
        except self.errors as error:
            raise CouldNotCheck(f"the Docker engine's answer broke off: {why(error).message}") from None

    def close(self) -> None:
        self._client.close()


def forgo_socks() -> None:
    """Before requests is imported: it tries urllib3's SOCKS support, which warns where PySocks is not installed.

    requests hides that warning with a filter, which pytest's own keeping of filters, in another thread, may undo.
    """
    if importlib.util.find_spec("socks") is None:
        sys.modules.setdefault("urllib3.contrib.socks", None)  # type: ignore[arg-type]  # makes its import fail, as it would


def _place(path: str) -> str:
    """A path without ids, as it is documented."""
    return "/".join("{id}" if len(word) > 30 else word for word in path.split("/"))


def _message(said: bytes) -> str:
    text = said.decode("utf-8", "replace").strip()
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = json.loads(text)["message"]
    return " ".join(text.split())[:200] or "nothing"


def why(error: BaseException) -> Failure:
    """The failure behind whatever libraries wrapped around it."""
    chain = list(_chain(error))
    kinds: tuple[tuple[type[BaseException], EngineOutcome, str], ...] = (
        (FileNotFoundError, "no socket", "there is no such socket"),
        (PermissionError, "permission denied", "permission denied"),
        (ConnectionRefusedError, "refused", "nothing listens there"),
        (socket.gaierror, "unresolved", "the name does not resolve"),
        (TimeoutError, "hangs", "no answer in time"),
        (BlockingIOError, "hangs", "it accepts no connection"),
    )
    for kind, outcome, words in kinds:
        if any(isinstance(one, kind) for one in chain):
            return Failure(outcome, words)
    names = [type(one).__name__ for one in chain]
    if any("Timeout" in name for name in names):
        return Failure("hangs", "no answer in time")
    if any(isinstance(one, OSError) and one.errno in (113, 101, 112) for one in chain):
        return Failure("unreached", "there is no route to it")
    deepest = next((one for one in reversed(chain) if str(one)), error)
    if any("SSL" in name for name in names):
        return Failure("garbled", f"TLS fails: {_short(deepest)}")
    return Failure("garbled", _short(deepest))


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


def _chain(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """The error and all that it carries: causes, contexts, arguments, urllib3's reason."""
    yield error
    inner = [error.__cause__ or error.__context__, getattr(error, "reason", None), *error.args]
    for one in inner if depth < 8 else ():
        if isinstance(one, BaseException):
            yield from _chain(one, depth + 1)
