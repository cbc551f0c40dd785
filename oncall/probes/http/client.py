"""Asking one address over HTTP: one fresh connection, one deadline, and an answer whatever happens.

Nothing of the environment takes part (no proxies, no .netrc), redirects are answers, and bodies end at a limit even
when they are compressed.
"""

import logging
import math
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oncall.facts.http import NEVER_ARRIVED, Exchange, Phases
from oncall.finding import CouldNotCheck
from oncall.gate.shallow_json import shallow_json
from oncall.probing.ledger import NEVER_ARRIVED as NOBODY_READ_IT
from oncall.probing.ledger import NO_ANSWER, Kind, Ledger
from oncall.probing.libraries import IMPORTING
from oncall.probing.network import HTTP, DeadlineNetwork, tls_words

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

MEBIBYTE = 1 << 20
LONGEST_COOKIE, MOST_COOKIES = 8 << 10, 20  # characters: twice what browsers keep of one
LONGEST_LOCATION = 4096  # characters: what servers and browsers take of an address


class Answer(Exchange, frozen=True, kw_only=True):
    """An exchange with what it brought; never a fact itself, since headers and bodies carry secrets.

    headers: names in lower case; of a repeated header the values are joined by ", " (cookies: see `cookies`).
    body: decompressed, at most the limit; `truncated` tells when there was more.
    """

    headers: dict[str, str]
    cookies: tuple[str, ...] = ()
    body: bytes = b""
    truncated: bool = False

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body's value; raises ValueError when it is not JSON, or nested too deeply."""
        return shallow_json(self.body)

    @property
    def cookies_without_values(self) -> tuple[str, ...]:
        """Names and attributes: what a browser judges a cookie by, and no secret."""
        split = (cookie[:LONGEST_COOKIE].partition(";") for cookie in self.cookies[:MOST_COOKIES])
        return tuple(f"{pair.partition('=')[0].strip()[:100]};{rest[:300]}" for pair, _, rest in split)

    @property
    def exchange(self) -> Exchange:
        """The part that may be kept."""
        return Exchange(**{name: getattr(self, name) for name in Exchange.__struct_fields__})


class Http:
    """The one HTTP client of a run; safe to be used by many probes at once."""

    def __init__(self, ca_file: str = "", ledger: Ledger | None = None) -> None:
        with IMPORTING:
            import httpcore
            import httpx

        self._ca_file = ca_file
        self._ledger = ledger or Ledger(None)
        self._tls: ssl.SSLContext | None = None
        self._tls_lock = threading.Lock()
        self._httpx = httpx

        class Transport(httpx.HTTPTransport):
            """httpx's own transport over our wire; its own constructor would load certificates each time."""

            def __init__(self, wire: DeadlineNetwork, tls: ssl.SSLContext | None) -> None:
                self._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=wire)  # type: ignore[arg-type]

        self._transport = Transport

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        seconds: float = 2.5,
        given_back: float = math.inf,
        body_limit: int = MEBIBYTE,
        refusable: Kind = "request",
    ) -> Answer:
        """Send one request and tell how it ended, after `seconds` at the latest.

        json, form: the body, as JSON or as a form's fields.
        given_back: how many of the seconds that this machine takes from us are added, at most.
        refusable: what of it a server may refuse, and then write into its log; noted in the ledger.
        Raises CouldNotCheck when there is nothing that could be sent: an address or a header that HTTP does not allow.
        """
        with self._ledger.sending(refusable, place(url)[1]) as noted:
            allowed = seconds, given_back
            answer = self._ask(
                method, url, headers=headers, json=json, form=form, allowed=allowed, body_limit=body_limit
            )
            noted.status = NOBODY_READ_IT if answer.outcome in NEVER_ARRIVED else answer.status or NO_ANSWER
        return answer

    def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        json: Any,
        form: Mapping[str, str] | None,
        allowed: tuple[float, float],
        body_limit: int,
    ) -> Answer:
        tls = self._tls_context() if url[:6].lower() == "https:" else None
        wire = DeadlineNetwork(*allowed)
        address, at = place(url)
        outcome = "answered"
        detail = ""
        got = _Received(body_limit)
        sent = {"user-agent": "pytest-oncall", "accept": "*/*", "accept-encoding": "identity", **lower(headers or {})}
        try:
            with (
                self._httpx.Client(transport=self._transport(wire, tls), trust_env=False) as session,
                session.stream(method, url, headers=sent, json=json, data=form, timeout=None) as response,
            ):
                got.take(response)
        except TimeoutError:
            outcome = "timeout"
        except ssl.SSLError as error:
            outcome, detail = "tls", tls_words(error)
        except ConnectionRefusedError:
            outcome = "refused"
        except ConnectionError:
            outcome = "cut" if got.status else "reset"
        except OSError as error:
            outcome, detail = _unreached(error, wire)
        except _Undecodable:
            outcome, detail = "undecodable", got.headers["content-encoding"].strip()[:20]
        except self._httpx.RemoteProtocolError as error:
            outcome, detail = _misspoken(error, wire, got.status)
        except (self._httpx.LocalProtocolError, UnicodeEncodeError):
            raise CouldNotCheck(
                f"the headers for {address} cannot be sent: look for line ends or accents in their values"
            ) from None
        except (self._httpx.InvalidURL, self._httpx.UnsupportedProtocol, UnicodeError):
            raise CouldNotCheck(f"{address} is not an address that can be asked over HTTP") from None
        total = time.perf_counter() - wire.started
        spent = wire.dns + wire.connect + wire.tls + wire.first_byte
        if not wire.received and wire.asked_at:  # it was asked and still owes the first byte
            wire.first_byte, spent = total - spent, total
        answer = Answer(
            address=address,
            at=at,
            outcome=outcome,
            detail=detail,
            status=got.status,
            seconds=total,
            allowed_seconds=allowed[0],
            waiting_for=wire.waiting_for if outcome == "timeout" else "",
            phases=Phases(
                dns=wire.dns,
                connect=wire.connect,
                tls=wire.tls,
                first_byte=wire.first_byte,
                transfer=max(0.0, total - spent) if wire.received else 0.0,
            ),
            content_type=got.headers.get("content-type", "")[:200],
            length=len(got.body),
            declared_length=got.declared_length,
            read_limit=body_limit if got.truncated else 0,
            packed=got.packed,
            location=shown_location(got.headers.get("location", "")) if 300 <= got.status < 400 else "",
            headers=got.headers,
            cookies=got.cookies,
            body=bytes(got.body),
            truncated=got.truncated,
        )
        log.info("%s %s: %s %s in %.3f s", method, address, outcome, answer.status or "", total)
        return answer

    def _tls_context(self) -> ssl.SSLContext:
        with self._tls_lock:
            if self._tls is None:
                self._tls = trust(self._ca_file)
            return self._tls


class _Received:
    """What has come in so far; kept when the rest does not come."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.status = 0
        self.headers: dict[str, str] = {}
        self.cookies: tuple[str, ...] = ()
        self.body = bytearray()
        self.truncated = False
        self.packed = False

    @property
    def declared_length(self) -> int:
        """What Content-Length promises; 0 when it says nothing that can be read."""
        told = self.headers.get("content-length", "").strip()
        return int(told) if told.isascii() and told.isdigit() and len(told) < 19 else 0

    def take(self, response: "httpx.Response") -> None:
        self.status = response.status_code
        self.headers = lower(response.headers)
        self.cookies = tuple(response.headers.get_list("set-cookie"))
        encoding = self.headers.get("content-encoding", "").strip().lower()
        pieces: Iterable[bytes] = response.iter_raw()
        if encoding in ("gzip", "x-gzip", "deflate"):
            pieces = _inflated(pieces, encoding, self.limit)
            self.packed = True
        for piece in pieces:
            self.body += piece[: self.limit - len(self.body) + 1]
            if len(self.body) > self.limit:
                del self.body[self.limit :]
                self.truncated = True
                return


class _Undecodable(Exception):
    """The body is not what its content-encoding says."""


def _inflated(pieces: Iterable[bytes], encoding: str, limit: int) -> Iterable[bytes]:
    """Decompress with an upper bound on every step: a kilobyte of gzip can hold a megabyte of nothing."""
    inflate = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, by its header
    for number, piece in enumerate(pieces):
        try:
            yield inflate.decompress(piece, limit + 1)
        except zlib.error:
            if number or encoding != "deflate":
                raise _Undecodable from None
            inflate = zlib.decompressobj(wbits=-15)  # without a header, as some servers send it and browsers take it
            try:
                yield inflate.decompress(piece, limit + 1)
            except zlib.error:
                raise _Undecodable from None


def _unreached(error: OSError, wire: DeadlineNetwork) -> tuple[str, str]:
    words = (error.strerror or type(error).__name__).lower()
    return ("unresolved" if wire.waiting_for == "name" else "unreachable"), words[:200]


def _misspoken(error: Exception, wire: DeadlineNetwork, status: int) -> tuple[str, str]:
    """What a protocol error means: nothing came, a part came, or something came that is not HTTP."""
    if not wire.received:
        return "reset", ""
    if not HTTP.startswith(wire.beginning):
        return "garbled", str(error)[:200]
    if status or "incomplete" in str(error) or "without sending" in str(error):
        return "cut", ""
    return "garbled", str(error)[:200]


def trust(ca_file: str) -> ssl.SSLContext:
    """The system's certificate authorities, and the stack's private one beside them.

    Raises CouldNotCheck when the private one cannot be read.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror or "not a PEM file"
            raise CouldNotCheck(f"frontend.ca_file {ca_file} cannot be used: {why.lower()}") from None
    return context


def place(url: str) -> tuple[str, str]:
    """The address without a user's name and password, and its host:port."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    except ValueError:
        raise CouldNotCheck("an address in the target file or in the page is not a URL") from None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=netloc, fragment="").geturl(), f"{host}:{port}"


def shown_location(location: str) -> str:
    """Where a redirect leads, without a name, a password or a query: those carry tokens."""
    try:
        parts = urlsplit(location.strip()[:LONGEST_LOCATION])
    except ValueError:
        return "an address that is none"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()[:200]


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
