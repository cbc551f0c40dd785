"""The Docker engine's API as the probes use it: GET and JSON, one deadline a call, its failures in one sentence.

The SDK brings the session, engine_socket.py the connections. Nothing that the engine sends is trusted: no redirect is
followed, nothing is decompressed, answers end at a limit, and no other body than a Docker engine's own error message
is ever quoted.
"""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec import Struct

from oncall.facts.containers import EngineOutcome
from oncall.finding import CouldNotCheck
from oncall.probing.network import tls_words
from oncall.runtimes.engine_answers import (
    LARGEST,
    MOST_BYTES,
    MOST_VALUES,
    Complaint,
    Info,
    Version,
    decode,
    plain,
    understood,
    values_in,
)

NO_ANSWER = "the Docker engine did not answer"
SMALL = 64 << 10  # larger answers are read one after another, so that thirty at once do not fill the memory

A = TypeVar("A")
R = TypeVar("R")


class Failure(Struct, frozen=True):
    """Why the engine did not answer."""

    outcome: EngineOutcome
    message: str = ""


class EngineRefused(CouldNotCheck):
    """The engine answered with another status than one of success."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class EngineFailed(CouldNotCheck):
    """The engine could not be reached, or its answer did not come whole."""

    def __init__(self, reason: str, failure: Failure) -> None:
        super().__init__(reason)
        self.failure = failure


class EngineLate(EngineFailed):
    """The engine did not answer, or not to the end, within the time of the call."""


class Engine:
    """The SDK's session, held by the shortest handle. errors: what it raises for a sick engine."""

    def __init__(self, session: Any, url: str, errors: tuple[type[Exception], ...]) -> None:
        self._session, self._url, self.errors = session, url, errors
        self.version = Version(api_version="")
        self._about: tuple[Info, str] | None = None
        self.asked: tuple[datetime, datetime] | None = None  # when /info was, and when its answer was there
        self._lock = threading.Lock()
        self._large = threading.Lock()
        self._received = self._values = 0

    def get(self, path: str, seconds: float, kind: type[A], record: Callable[[A], R], **parameters: Any) -> R:
        """The record of the JSON behind a path; raises CouldNotCheck when there is none."""
        with self.open("GET", path, seconds, parameters=parameters) as response:
            body = self.body(response, path)
        what = answer_to("GET", path)
        answer = decode(body, kind, what)
        with understood(what):
            return record(answer)

    def about(self) -> tuple[Info, str]:
        """What the engine says of itself and its machine, asked once; or nothing, and why (proxies allow little)."""
        with self._lock:
            if self._about is None:
                began = datetime.now(UTC)
                try:
                    self._about = self.get("/info", 2.0, Info, plain), ""
                    self.asked = began, datetime.now(UTC)
                except CouldNotCheck as error:
                    self._about = Info(), str(error)
            return self._about

    @property
    def local(self) -> bool:
        """Whether it runs on this very machine, whatever its address: not when nobody knows."""
        info, machine = self.about()[0], os.uname()
        return (info.name, info.kernel_version) == (machine.nodename, machine.release)

    def open(
        self,
        method: str,
        path: str,
        seconds: float,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """The answer as a stream, to be closed; raises CouldNotCheck when it is not a good one.

        seconds: for all of it, to the last byte of the body.
        """
        asked = {
            name: json.dumps(value) if isinstance(value, dict) else value
            for name, value in (parameters or {}).items()
            if value is not None
        }
        version = f"/v{self.version.api_version}" if self.version.api_version else ""
        try:
            response = self._session.request(
                method,
                f"{self._url}{version}{path}",
                params=asked,
                json=body,
                headers={"Accept-Encoding": "identity"},
                timeout=seconds,
                stream=True,
                allow_redirects=False,
            )
        except self.errors as error:
            raise self._failed(error, path, seconds) from None
        try:
            self._check(response, method, path, seconds)
        except BaseException:
            response.close()
            raise
        return response

    def _check(self, response: Any, method: str, path: str, seconds: float) -> None:
        """Raise CouldNotCheck for everything but a success that can be read as it comes."""
        status = int(response.status_code)
        if 300 <= status < 400:
            raise EngineRefused(f"the engine answers {status}, a redirect", status)
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise CouldNotCheck(f"{answer_to(method, path)} is compressed, which was not asked for")
        if 200 <= status < 300:
            return
        if status == 403:
            raise EngineRefused(f"the Docker socket's proxy does not allow {method} {_place(path)}", status)
        try:
            message = decode(response.raw.read(2000), Complaint, "").message
        except self.errors as error:
            raise self._failed(error, path, seconds) from None
        except CouldNotCheck:
            message = "without a message of a Docker engine"
        raise EngineRefused(f"the Docker engine answered {status}: {' '.join(message.split())[:200]}", status)

    def _failed(self, error: Exception, path: str, seconds: float) -> CouldNotCheck:
        failure = why(error)
        if failure.outcome == "hangs":
            return EngineLate(f"the Docker engine did not answer {_place(path)} within {seconds:g} s", failure)
        return EngineFailed(f"the Docker engine did not answer {_place(path)}: {failure.message}", failure)

    def body(self, response: Any, path: str, most: int = LARGEST) -> bytes:
        """A whole body; raises CouldNotCheck when it is longer than that, or ends too early or too late."""
        body = bytearray()
        large = False
        try:
            for piece in self.pieces(response):
                body += piece
                self._received += len(piece)
                if len(body) > most:
                    raise CouldNotCheck(f"{answer_to('GET', path)} is longer than {most / 2**20:g} MiB")
                if self._received > MOST_BYTES:
                    raise CouldNotCheck(f"the Docker engine has sent more than {MOST_BYTES / 2**20:g} MiB in this run")
                if len(body) > SMALL and not large:
                    large = self._large.acquire()
            self._values += values_in(body)
            if self._values > MOST_VALUES:
                raise CouldNotCheck(f"the Docker engine has sent more than {MOST_VALUES} values in this run")
            return bytes(body)
        finally:
            if large:
                self._large.release()

    def pieces(self, response: Any, most: int = 64 * 1024) -> Iterator[bytes]:
        """A stream's bytes as they come; raises CouldNotCheck when it breaks or does not end in time."""
        try:
            while piece := response.raw.read1(most):
                yield piece
        except self.errors as error:
            failure = why(error)
            kind = EngineLate if failure.outcome == "hangs" else EngineFailed
            raise kind(f"the Docker engine's answer broke off: {failure.message}", failure) from None

    def close(self) -> None:
        self._session.close()


def answer_to(method: str, path: str) -> str:
    """The answer to a request, in words."""
    return f"the answer to {method} {_place(path)}"


def _place(path: str) -> str:
    """A path without ids, as it is documented."""
    return "/".join("{id}" if len(word) > 30 else word for word in path.split("/"))


def why(error: BaseException) -> Failure:
    """The failure behind whatever libraries wrapped around it, in words of ours: theirs quote what came in."""
    chain = list(_chain(error))
    kinds: tuple[tuple[type[BaseException], EngineOutcome, str], ...] = (
        (FileNotFoundError, "no socket", "there is no such socket"),
        (PermissionError, "permission denied", "permission denied"),
        (ConnectionRefusedError, "refused", "nothing listens there"),
        (socket.gaierror, "unresolved", "the name does not resolve"),
        (TimeoutError, "hangs", "no answer in time"),
        (BlockingIOError, "hangs", "it accepts no connection"),
        (ConnectionError, "garbled", "it closes the connection without an answer"),
    )
    for one in chain:
        if isinstance(one, ssl.SSLError):
            return Failure("garbled", f"TLS fails: {tls_words(one)}")
    for kind, outcome, words in kinds:
        if any(isinstance(one, kind) for one in chain):
            return Failure(outcome, words)
    names = [type(one).__name__ for one in chain]
    if any("Timeout" in name for name in names):
        return Failure("hangs", "no answer in time")
    if any(isinstance(one, OSError) and one.errno in (113, 101, 112) for one in chain):
        return Failure("unreached", "there is no route to it")
    if "IncompleteRead" in names or "InvalidChunkLength" in names:
        return Failure("garbled", "its answer ends too early")
    if any(name in names for name in ("BadStatusLine", "LineTooLong", "HTTPException", "HeaderParsingError")):
        return Failure("garbled", "its answer is no HTTP")
    reason = next((one.strerror for one in reversed(chain) if isinstance(one, OSError) and one.strerror), "")
    return Failure("garbled", reason.lower()[:200] or names[-1])


def _chain(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """The error and all that it carries: causes, contexts, arguments, urllib3's reason."""
    yield error
    inner = [error.__cause__ or error.__context__, getattr(error, "reason", None), *error.args]
    for one in inner if depth < 8 else ():
        if isinstance(one, BaseException):
            yield from _chain(one, depth + 1)
