"""The WebSocket: one socket straight to the backend, one handshake through the proxy, and on request one held open.

The direct socket answers two questions (does it open, does it answer a ping), so it is opened once for both.
"""

import logging
import ssl
import time
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from oncall.facts.backend import HealthAnswer
from oncall.facts.frontend import Page
from oncall.facts.http import NEVER_ARRIVED
from oncall.facts.websocket import Handshake, WebSocketHold, WebSocketPing
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.auth.login import AccessToken
from oncall.probes.http.client import place, trust
from oncall.probes.websocket.session import HandshakeRequest, HandshakeResponse, Heartbeat, Library, Session
from oncall.probing.ledger import NEVER_ARRIVED as NOBODY_READ_IT
from oncall.probing.ledger import NO_ANSWER, Ledger
from oncall.probing.libraries import IMPORTING
from oncall.probing.network import DeadlineNetwork, tls_words
from oncall.probing.register import client, probe
from oncall.target.schema import Limits, Stack, Websocket
from oncall.target.secrets import Secrets

log = logging.getLogger(__name__)

OPEN_SECONDS = 2.5
ANSWER_SECONDS = 2.0
CLOSE_SECONDS = 1.0
AT_ONCE_SECONDS = 0.3  # a server that dislikes a token often opens the socket first and then closes it
GRACE = 0.5
TOKEN_CHARACTERS = Pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
Missing = CouldNotCheck | NotPart


class SocketResult(Struct, frozen=True):
    """What one socket told."""

    handshake: Handshake
    ping: WebSocketPing | None = None


@client(deadline=5.0)
def websocket_library() -> Library:
    """The protocol engine of `websockets`; the only place that imports it."""
    with IMPORTING:
        import websockets.client
        import websockets.frames
        import websockets.uri

    return Library(websockets.client.ClientProtocol, websockets.uri.parse_uri, websockets.frames.Opcode)


@client(of="websocket", optional=("access_token",))
def socket_token(stack: Stack, access_token: AccessToken | Missing) -> str:
    """The token that a socket is opened with; empty where none is wanted."""
    if stack.websocket.absent:
        raise Declared("says that this stack has no WebSocket")
    if not wants_token(stack.websocket):
        return ""
    if isinstance(access_token, NotPart):
        raise CouldNotCheck(f'there is no login to take a token from: set {stack.key("websocket.token_in")} = "none"')
    if isinstance(access_token, CouldNotCheck):
        raise access_token
    return access_token.value


def wants_token(socket: Websocket) -> bool:
    return "${TOKEN}" in socket.first_message or socket.token_in not in ("none", "message")


def offer(stack: Stack, secrets: Secrets, url: str, token: str) -> HandshakeRequest:
    """What a browser would send: the token, if there is one, at its place, the origin, the subprotocols."""
    socket = stack.websocket
    headers = {name: secrets.expand(value) for name, value in socket.headers.items()}
    subprotocols = list(socket.subprotocols)
    value = socket.token_prefix + token
    match socket.token_in if token else "none":
        case "query":
            url += f"{'&' if '?' in url else '?'}{quote(socket.token_name)}={quote(value, safe='')}"
        case "header":
            headers[socket.token_name] = value
        case "cookie":
            cookie = f"{socket.token_name}={value}"
            headers["Cookie"] = f"{headers['Cookie']}; {cookie}" if "Cookie" in headers else cookie
        case "subprotocol":
            if not TOKEN_CHARACTERS.fullmatch(value):
                raise CouldNotCheck("the token holds signs that a subprotocol must not have: see websocket.token_in")
            subprotocols.append(value)
    answer = secrets.expand(socket.heartbeat_answer)
    heartbeat = Heartbeat(socket.heartbeat_message.encode(), socket.heartbeat_contains.encode(), answer)
    return HandshakeRequest(url, socket.origin, headers, subprotocols, heartbeat)


def opened(
    stack: Stack, library: Library, ledger: Ledger, offered: HandshakeRequest, with_token: bool
) -> tuple[Handshake, Session | None]:
    """Try one handshake; the session is there only when the socket is open."""
    address, at = place(offered.uri.partition("?")[0])
    wire = DeadlineNetwork(OPEN_SECONDS)
    session, detail = None, ""
    noted = ledger.sending("socket", at)
    noted.begin()
    try:
        tls = trust(stack.frontend.ca_file) if offered.uri.lower().startswith("wss:") else None
        session = Session(library, offered, wire, tls, noted.end)
        reply = session.handshake()
    except TimeoutError:
        reply = HandshakeResponse("timeout")
    except Exception as error:  # noqa: BLE001  sorted out in _failed, which raises what it does not know
        reply, detail = _failed(error, wire)
    noted.status = NOBODY_READ_IT if reply.outcome in NEVER_ARRIVED else reply.status or NO_ANSWER
    if session is None:
        noted.end()
    elif reply.outcome != "open":
        session.close(0.1)
    seconds = time.perf_counter() - wire.started
    log.info("websocket %s: %s %s in %.3f s", address, reply.outcome, reply.status or "", seconds)
    handshake = Handshake(
        address=address,
        at=at,
        outcome=reply.outcome,
        detail=detail,
        status=reply.status,
        html=reply.html,
        accept=reply.accept,
        location=reply.location,
        seconds=seconds,
        allowed_seconds=OPEN_SECONDS,
        waiting_for=wire.waiting_for if reply.outcome == "timeout" else "",
        with_token=with_token,
        with_origin=bool(offered.origin),
    )
    return handshake, session if reply.outcome == "open" else None


def _failed(error: Exception, wire: DeadlineNetwork) -> tuple[HandshakeResponse, str]:
    if isinstance(error, ssl.SSLError):
        return HandshakeResponse("tls"), tls_words(error)
    if isinstance(error, ConnectionRefusedError):
        return HandshakeResponse("refused"), ""
    if isinstance(error, ConnectionError):
        return HandshakeResponse("reset"), ""
    if isinstance(error, OSError | UnicodeError):
        words = (getattr(error, "strerror", None) or "not a host name").lower()[:200]
        return HandshakeResponse("unresolved" if wire.waiting_for == "name" else "unreachable"), words
    raise error


def talk(stack: Stack, limits: Limits, secrets: Secrets, library: Library, ledger: Ledger, token: str) -> SocketResult:
    """Open the direct socket, say the first message, ping, and say goodbye."""
    socket = stack.websocket
    first = secrets.expand(socket.first_message, **({"TOKEN": token} if token else {}))
    handshake, session = opened(stack, library, ledger, offer(stack, secrets, socket.url, token), bool(token))
    if session is None:
        return SocketResult(handshake)
    try:
        handshake = _after_first_message(session, handshake, first, socket.first_answer_contains)
        ping = None
        if handshake.close_code is None and socket.ping != "none":
            ping = _ping(stack, session, secrets, limits.websocket_ping_seconds + GRACE)
        if ping and ping.close_code is not None and not session.messages and ping.seconds < AT_ONCE_SECONDS:
            handshake = _closed(handshake, session)
            ping = None
        return SocketResult(handshake, ping)
    finally:
        session.close(CLOSE_SECONDS)


def _after_first_message(session: Session, handshake: Handshake, message: str, answer: str) -> Handshake:
    """Say the first message and wait for what it should bring, or listen a moment for a close."""
    if message:
        session.send_text(message)
    wanted = answer.encode()
    if message and answer:
        right = session.wait(lambda: any(wanted in heard for heard in session.messages), ANSWER_SECONDS)
        handshake = replace(handshake, first_answer="right" if right else "other" if session.messages else "none")
    else:
        session.wait(lambda: False, AT_ONCE_SECONDS)
    return _closed(handshake, session)


def _closed(handshake: Handshake, session: Session) -> Handshake:
    return replace(handshake, close_code=session.close_code, close_reason=session.close_reason)


def _ping(stack: Stack, session: Session, secrets: Secrets, seconds: float) -> WebSocketPing:
    socket = stack.websocket
    started = time.perf_counter()
    if socket.ping == "frame":
        session.send_ping(b"oncall")
        answered = session.wait(lambda: b"oncall" in session.pongs, seconds)
    else:
        wanted = socket.pong_contains.encode()
        session.messages.clear()
        session.send_text(secrets.expand(socket.ping_message))
        answered = session.wait(lambda: any(wanted in heard for heard in session.messages), seconds)
    return WebSocketPing(
        kind=socket.ping,
        answered=answered,
        seconds=time.perf_counter() - started,
        close_code=None if answered else session.close_code,
    )


def _talk_seconds(limits: Limits) -> float:
    return OPEN_SECONDS + ANSWER_SECONDS + limits.websocket_ping_seconds + GRACE + CLOSE_SECONDS + GRACE


@client(of="websocket", deadline=_talk_seconds)
def direct_socket(
    stack: Stack, limits: Limits, secrets: Secrets, websocket_library: Library, ledger: Ledger, socket_token: str
) -> SocketResult:
    """The one socket straight to the backend, opened, pinged and closed."""
    return talk(stack, limits, secrets, websocket_library, ledger, socket_token)


@probe(of="websocket", optional=("backend_health",))
def direct_handshake(stack: Stack, direct_socket: SocketResult, backend_health: HealthAnswer | Missing) -> Handshake:
    """How the handshake with the backend itself ended."""
    handshake = direct_socket.handshake
    if isinstance(backend_health, HealthAnswer):
        exchange = backend_health.exchange
        if not handshake.status and not exchange.answered and exchange.at == handshake.at:
            raise CouldNotCheck(f"the backend {exchange.problem}", root="backend_health")
        if handshake.status in (502, 503, 504) and exchange.status == handshake.status and not backend_health.blames:
            raise CouldNotCheck(f"the backend answers {handshake.status} to everything", root="backend_health")
        if handshake.status >= 500 or handshake.outcome == "timeout":
            return replace(handshake, blames=backend_health.blames)
    return handshake


@client(of="websocket")
def ping_kind(stack: Stack) -> str:
    """How this socket is pinged; asked first, since what is not part of the stack must not count as unknown."""
    if stack.websocket.ping == "none":
        raise Declared(f'says that this socket answers no ping ({stack.key("websocket.ping")} = "none")')
    return stack.websocket.ping


@probe(of="websocket")
def websocket_ping(ping_kind: str, direct_handshake: Handshake, direct_socket: SocketResult) -> WebSocketPing:
    """Whether a ping on the direct socket is answered, and how fast."""
    if direct_socket.ping is None:
        raise CouldNotCheck("the websocket did not open and stay open", root="direct_handshake")
    if direct_handshake.first_answer == "none" and not direct_socket.ping.answered:
        raise CouldNotCheck("the websocket answers nothing at all", root="direct_handshake")
    return direct_socket.ping


@client(of="websocket")
def public_address(stack: Stack) -> str:
    """The address that users come by; asked first, as above."""
    if not stack.websocket.public_url:
        raise Declared(f"names no public address of the WebSocket ({stack.key('websocket.public_url')})")
    return stack.websocket.public_url


@probe(
    of="websocket",
    deadline=2 * OPEN_SECONDS + ANSWER_SECONDS + 1.0,
    optional=("socket_token", "direct_handshake", "backend_health", "frontend_page"),
)
def public_handshake(
    public_address: str,
    stack: Stack,
    secrets: Secrets,
    websocket_library: Library,
    ledger: Ledger,
    socket_token: str | Missing,
    direct_handshake: Handshake | Missing,
    backend_health: HealthAnswer | Missing,
    frontend_page: Page | Missing,
) -> Handshake:
    """How the handshake through the proxy ended, given that the direct one works.

    Where nobody can log in, both are tried without a token and ought to end alike.
    """
    answers = isinstance(backend_health, HealthAnswer) and backend_health.exchange.answered
    if isinstance(socket_token, CouldNotCheck) and answers:
        return _without_token(stack, secrets, websocket_library, ledger, socket_token, frontend_page)
    if isinstance(socket_token, CouldNotCheck | NotPart):
        raise socket_token
    if isinstance(direct_handshake, CouldNotCheck | NotPart):
        raise direct_handshake
    if not direct_handshake.succeeded:
        raise CouldNotCheck("the direct handshake fails too", root="direct_handshake")
    offered = offer(stack, secrets, public_address, socket_token)
    first = secrets.expand(stack.websocket.first_message, **({"TOKEN": socket_token} if socket_token else {}))
    handshake, session = opened(stack, websocket_library, ledger, offered, bool(socket_token))
    if session is not None:
        handshake = _after_first_message(session, handshake, first, stack.websocket.first_answer_contains)
        session.close(GRACE)
    return _beside_the_page(handshake, frontend_page)


def _without_token(
    stack: Stack, secrets: Secrets, library: Library, ledger: Ledger, why: CouldNotCheck, page: Page | Missing
) -> Handshake:
    """Where nobody can log in: what the proxy answers without a token, if a sound backend answers another thing."""
    straight = _bare(stack, secrets, library, ledger, stack.websocket.url)
    if not 0 < straight.status < 500:
        raise why
    through = _bare(stack, secrets, library, ledger, stack.websocket.public_url)
    if through.succeeded or (through.outcome, through.status) == (straight.outcome, straight.status):
        raise why
    return _beside_the_page(replace(through, straight=straight.problem or "handshake succeeds"), page)


def _bare(stack: Stack, secrets: Secrets, library: Library, ledger: Ledger, url: str) -> Handshake:
    handshake, session = opened(stack, library, ledger, offer(stack, secrets, url, ""), with_token=False)
    if session is not None:
        session.close(GRACE)
    return handshake


def _beside_the_page(handshake: Handshake, frontend_page: Page | Missing) -> Handshake:
    """The page's status stands beside it; who does not even serve the page is told by that page's check."""
    if not isinstance(frontend_page, Page):
        return handshake
    page = frontend_page.exchange
    if not handshake.status and not page.answered and page.at == handshake.at:
        raise CouldNotCheck(f"the frontend {page.problem}", root="frontend_page")
    return replace(handshake, page_status=page.status, another_site=bool(frontend_page.looks_like))


@probe(of="websocket", deadline=lambda limits: limits.websocket_hold_seconds + 3.0, optional=("public_handshake",))
def websocket_hold(
    stack: Stack,
    limits: Limits,
    secrets: Secrets,
    websocket_library: Library,
    ledger: Ledger,
    socket_token: str,
    direct_handshake: Handshake,
    public_handshake: Handshake | Missing,
) -> WebSocketHold:
    """How long an idle socket lives, on the way that users come."""
    if not direct_handshake.succeeded:
        raise CouldNotCheck("the websocket did not open and stay open", root="direct_handshake")
    if isinstance(public_handshake, CouldNotCheck):
        raise public_handshake
    if isinstance(public_handshake, Handshake) and not public_handshake.succeeded:
        raise CouldNotCheck("no socket opens through the proxy", root="public_handshake")
    socket = stack.websocket
    url = socket.public_url or socket.url
    first = secrets.expand(socket.first_message, **({"TOKEN": socket_token} if socket_token else {}))
    offered = offer(stack, secrets, url, socket_token)
    handshake, session = opened(stack, websocket_library, ledger, offered, bool(socket_token))
    if session is None:
        raise CouldNotCheck(f"the socket to be held did not open: websocket {handshake.problem}")
    try:
        started = time.perf_counter()
        if first:
            session.send_text(first)
        session.wait(lambda: False, limits.websocket_hold_seconds)
        held = time.perf_counter() - started
        return WebSocketHold(
            address=handshake.address,
            through_proxy=bool(socket.public_url),
            wanted_seconds=limits.websocket_hold_seconds,
            held_seconds=held,
            close_code=session.close_code,
            close_reason=session.close_reason,
            heartbeats=session.heartbeats,
        )
    finally:
        session.close(0.4)
