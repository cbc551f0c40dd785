"""The WebSocket: each refused handshake in its own words, pings, proxies, and sockets that do not live."""

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import struct
import threading
import time

import pytest
from starlette.responses import JSONResponse

import oncall.probes.websocket.handshake
from oncall.facts.websocket import Handshake
from oncall.finding import CouldNotCheck, NotPart
from oncall.target.schema import Limits
from tests.probes.patient_backend import ACCOUNT, FAST, Look, Patient, served, stack
from tests.probes.patients import free_port, raw_server, reset, response, says, silent, until_gone

OPEN = {"token_in": "none"}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The looks' own patience is for a real network; here everything is near."""
    for name, seconds in {"OPEN_SECONDS": 0.6, "ANSWER_SECONDS": 0.3, "CLOSE_SECONDS": 0.3}.items():
        monkeypatch.setattr(oncall.probes.websocket.handshake, name, seconds)


def frame(opcode, payload=b""):
    return bytes([0x80 | opcode, len(payload)]) + payload


def close_frame(code, reason=b""):
    return frame(8, struct.pack("!H", code) + reason)


def upgrades(*frames, accept=None, extra=b"", then=None):
    """A server on raw sockets that upgrades, right or wrong, and sends frames without reading any."""

    class Server:
        def __init__(self):
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            self.requests = []
            threading.Thread(target=self.accept, daemon=True).start()

        def accept(self):
            while True:
                try:
                    connection, _ = self.listener.accept()
                except OSError:
                    return
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

        def serve(self, connection):
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                self.requests.append(request.decode())
                key = re.search(rb"Sec-WebSocket-Key: (\S+)", request)[1]
                right = base64.b64encode(hashlib.sha1(key + GUID).digest())
                lines = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade"]
                if accept != b"":
                    lines.append(b"Sec-WebSocket-Accept: " + (accept or right))
                connection.sendall(b"\r\n".join([*lines, *filter(None, [extra])]) + b"\r\n\r\n" + b"".join(frames))
                if then:
                    with contextlib.suppress(OSError):
                        then(connection)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.listener.close()

    return Server()


def handshake_with(port, **websocket):
    """A handshake with a server that is no backend: the health check of another, healthy address is asked."""
    with served(Patient().app) as healthy:
        url = f"ws://127.0.0.1:{port}/realtime"
        return Look(stack(healthy, websocket={"url": url} | OPEN | websocket))("direct_handshake")


def test_a_healthy_socket_is_opened_once_and_pinged():
    """Handshake and ping share one socket; the token goes where the browser would put it, and is not kept."""
    patient = Patient()
    with served(patient.app) as port:
        look = Look(stack(port))

        assert look("direct_handshake").problem is None
        ping = look("websocket_ping")
        assert ping.problem(FAST.websocket_ping_seconds) is None
        assert ping.seconds < 8
        with pytest.raises(NotPart, match="public_url"):
            look("public_handshake")
        assert "eyJ" not in look.saved()

    assert patient.handshakes == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("400 Bad Request", "handshake is answered 400: bad request"),
        ("401 Unauthorized", "handshake is answered 401: not authorized"),
        ("403 Forbidden", "handshake is answered 403: forbidden"),
        ("404 Not Found", "handshake is answered 404: no such path"),
        ("405 Method Not Allowed", "handshake is answered 405: this path takes no GET"),
        ("426 Upgrade Required", "handshake is answered 426: it saw no upgrade request"),
        ("429 Too Many Requests", "handshake is answered 429: too many connections or requests"),
        ("500 Oops", "handshake is answered 500: it crashed on the handshake"),
        ("502 Bad Gateway", "handshake is answered 502: nothing answers behind the proxy"),
        ("503 Service Unavailable", "handshake is answered 503: overloaded or shutting down"),
        ("504 Gateway Timeout", "handshake is answered 504: what is behind the proxy is too slow"),
        ("418 I'm a teapot", "handshake is answered 418"),
        ("301 Moved Permanently", "handshake is redirected (301), which browsers do not follow"),
        ("200 OK", "handshake is answered 200"),
    ],
)
def test_each_status_has_its_own_meaning(status, words):
    """A wrong path, a refused token and a proxy without upgrade headers are mended in three places."""
    with raw_server(says(response(b"sorry", status))) as port:
        assert handshake_with(port).problem == words


def test_a_page_instead_of_a_socket_is_named():
    """The proxy sends every unknown path to the interface's page."""
    with raw_server(says(response(b"<!doctype html>", content_type="text/html"))) as port:
        assert handshake_with(port).problem == "handshake is answered 200 with an HTML page"


def test_a_refusal_with_an_endless_body_is_told_at_once():
    """The status line says everything; nobody waits for the rest."""

    def talk(connection, path):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nsorry")
        until_gone(connection)

    with raw_server(talk) as port:
        fact = handshake_with(port)

    assert fact.status == 400
    assert fact.seconds < 2.5


def hang_up(connection, path):
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (reset, "handshake is reset by"),
        (hang_up, "handshake ends without an answer: the connection is closed"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), "is answered, but not with HTTP"),
        (says(b"HTTP/1.1 101 Switching"), "is answered, but not with HTTP"),
        (silent, "accepted the connection but did not answer within 0.6 s"),
        (None, "refuses connections on"),
    ],
    ids=["reset", "closed", "not-http", "half-an-answer", "silent", "refused"],
)
def test_each_broken_connection_has_its_own_words(talk, words):
    """Refused, reset, closed, silent and not HTTP at all are five different faults."""
    if talk is None:
        assert words in handshake_with(free_port()).problem
        return
    with raw_server(talk) as port:
        assert words in handshake_with(port).problem


def test_an_unresolved_name_is_named():
    """Whoever reads it looks at DNS, not at the backend."""
    with served(Patient().app) as healthy:
        look = Look(stack(healthy, websocket={"url": "ws://no-such-host.invalid/realtime"} | OPEN))

        assert "does not resolve" in look("direct_handshake").problem


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"accept": b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, "handshake is answered 101 with a wrong Sec-WebSocket-Accept"),
        ({"accept": b""}, "handshake is answered 101 with a missing Sec-WebSocket-Accept"),
        ({"extra": b"Sec-WebSocket-Protocol: soap"}, "agrees to none of the offered subprotocols"),
        ({"extra": b"Sec-WebSocket-Extensions: brotli"}, "answers with an extension that was not offered"),
    ],
)
def test_a_wrong_upgrade_is_told_from_a_refused_one(server, words):
    """A cache, or something that only pretends, answers 101 too."""
    with upgrades(**server) as fake:
        assert handshake_with(fake.port).problem == words


def test_101_without_upgrade_headers_is_named():
    """Some proxies pass the status and drop the headers."""
    with raw_server(says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")) as port:
        assert handshake_with(port).problem == "handshake is answered 101 without the upgrade headers"


def test_a_subprotocol_must_be_agreed_to():
    """A browser gives up on a socket that agrees to none of what it offered."""
    with upgrades() as fake:
        assert handshake_with(fake.port, subprotocols=("chat",)).problem == "agrees to none of the offered subprotocols"
    with upgrades(extra=b"Sec-WebSocket-Protocol: chat", then=until_gone) as fake:
        assert handshake_with(fake.port, subprotocols=("chat",), ping="none").problem is None


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (close_frame(1008, b"token expired"), "opens and is closed at once (1008: policy)"),
        (close_frame(4401), "opens and is closed at once (4401)"),
        (close_frame(1013), "opens and is closed at once (1013: try again later)"),
        (b"", "opens and is closed at once (without a close frame)"),
        (b"\xff\xff\xff\xff", "opens and is closed at once (without a close frame)"),
    ],
)
def test_a_socket_that_is_closed_at_once_is_no_success(frames, words):
    """Many servers open first and look at the token afterwards."""
    with upgrades(frames) as fake:
        fact = handshake_with(fake.port)

    assert fact.problem == words


@pytest.mark.parametrize("token_in", ["query", "header", "cookie", "subprotocol", "message"])
def test_the_token_goes_where_oncall_toml_says(token_in):
    """A browser cannot send headers, so every server has found its own place."""
    heard = []

    async def talk(websocket):
        wanted = websocket.headers.get("sec-websocket-protocol", "").split(", ")[-1]
        await websocket.accept(subprotocol=wanted or None)
        places = {
            "query": websocket.query_params.get("ticket"),
            "header": websocket.headers.get("ticket"),
            "cookie": websocket.cookies.get("ticket"),
            "subprotocol": wanted,
            "message": await websocket.receive_text() if token_in == "message" else None,
        }
        heard.append(places[token_in])
        await websocket.send_text("welcome")
        await websocket.receive()

    patient = Patient()
    patient.socket = talk
    first = {"first_message": "${TOKEN}", "first_answer_contains": "welcome"} if token_in == "message" else {}
    with served(patient.app) as port:
        fact = Look(stack(port, websocket={"token_in": token_in, "token_name": "ticket"} | first))("direct_handshake")

    assert fact.problem is None
    assert patient.protected(heard[0]) == 200


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("welcome home", None),
        ("go away", "opens but answers the first message with something else"),
        (None, "opens but does not answer the first message"),
    ],
)
def test_the_first_message_must_be_answered(answer, words):
    """A socket that opens and stays deaf looks fine from outside."""

    async def talk(websocket):
        await websocket.accept()
        await websocket.receive_text()
        if answer:
            await websocket.send_text(answer)
        await websocket.receive()

    patient = Patient()
    patient.socket = talk
    settings = OPEN | {"first_message": '{"hello": 1}', "first_answer_contains": "welcome"}
    with served(patient.app) as port:
        assert Look(stack(port, websocket=settings))("direct_handshake").problem == words


def test_a_ping_that_is_never_answered_fails():
    """The socket is open and dead: a proxy keeps it, the backend does not."""
    with upgrades(then=until_gone) as fake, served(Patient().app) as healthy:
        look = Look(stack(healthy, websocket={"url": f"ws://127.0.0.1:{fake.port}/"} | OPEN))

        assert look("direct_handshake").problem is None
        assert "does not answer a ping within" in look("websocket_ping").problem(0.4)


def test_a_socket_that_answers_nothing_is_told_once():
    """The first message went unanswered: that the ping does too is the same story."""
    settings = OPEN | {"first_message": '{"hello": 1}', "first_answer_contains": "welcome"}
    with upgrades(then=until_gone) as fake, served(Patient().app) as healthy:
        look = Look(stack(healthy, websocket={"url": f"ws://127.0.0.1:{fake.port}/"} | settings))

        assert look("direct_handshake").problem == "opens but does not answer the first message"
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("direct_handshake")):
            look("websocket_ping")


def test_a_ping_by_message_is_timed():
    """Some servers answer only their own kind of ping."""

    async def talk(websocket):
        await websocket.accept()
        while await websocket.receive_text():
            await asyncio.sleep(0.2)
            await websocket.send_text('{"type": "pong"}')

    patient = Patient()
    patient.socket = talk
    settings = OPEN | {"ping": "message", "ping_message": '{"type": "ping"}', "pong_contains": "pong"}
    with served(patient.app) as port:
        ping = Look(stack(port, websocket=settings))("websocket_ping")

    assert ping.answered
    assert ping.problem(2.0) is None
    assert "only after 0.2 s" in ping.problem(0.1)


def test_a_socket_without_pings_is_skipped():
    """The target file says that it answers none."""
    with served(Patient().app) as port, pytest.raises(NotPart, match="answers no ping"):
        Look(stack(port, websocket={"ping": "none"}))("websocket_ping")


def test_a_socket_that_did_not_open_has_no_ping():
    """One refused handshake is one finding."""
    with raw_server(says(response(b"", "404 Not Found"))) as port, served(Patient().app) as healthy:
        look = Look(stack(healthy, websocket={"url": f"ws://127.0.0.1:{port}/"} | OPEN))
        for name in ("websocket_ping", "websocket_hold"):
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("direct_handshake")):
                look(name)


def test_a_dead_backend_is_its_health_checks_story():
    """Nothing listens on the one port that serves both."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("backend_health")):
        Look(stack(free_port(), websocket=OPEN))("direct_handshake")


def test_a_login_that_fails_is_not_the_sockets_fault():
    """Without a token nobody can tell how the socket would be."""
    patient = Patient()
    patient.login = lambda body: JSONResponse({}, 401)
    with served(patient.app) as port:
        for environment, words in ((ACCOUNT, "did not log in"), ({}, "ONCALL_ACCOUNT is not set")):
            with pytest.raises(CouldNotCheck, match=words):
                Look(stack(port), environment=environment)("direct_handshake")

    assert patient.handshakes == 0


def test_a_stack_without_login_must_say_that_sockets_need_none():
    """A declared absence of the login must not silence the socket's checks."""
    with served(Patient().app) as port, pytest.raises(CouldNotCheck, match=r'set websocket\.token_in = "none"'):
        Look(stack(port, auth={"absent": True}))("direct_handshake")


def test_a_refused_token_is_a_finding_of_the_socket():
    """The protected route accepts it, the socket does not."""
    patient = Patient()
    patient.socket = lambda websocket: websocket.close()
    with served(patient.app) as port:
        fact = Look(stack(port))("direct_handshake")

    assert fact.problem == "handshake is answered 403: forbidden"
    assert fact.with_token


@pytest.mark.parametrize(
    ("status", "words"),
    [("400 Bad Request", "400: bad request"), ("426 Upgrade Required", "426: it saw no upgrade request")],
)
def test_direct_works_and_the_proxy_does_not(status, words):
    """The proxy loses the upgrade headers on the way."""
    with raw_server(says(response(b"", status))) as proxy, served(Patient().app) as port:
        look = Look(stack(port, websocket={"public_url": f"ws://127.0.0.1:{proxy}/realtime"}))

        assert look("direct_handshake").succeeded
        assert words in look("public_handshake").problem


def test_a_proxy_that_keeps_the_answers_back_is_seen():
    """The upgrade passes, the first message is answered on the direct way only."""

    async def talk(websocket):
        await websocket.accept()
        await websocket.receive_text()
        await websocket.send_text("welcome")
        await websocket.receive()

    patient = Patient()
    patient.socket = talk
    settings = OPEN | {"first_message": '{"hello": 1}', "first_answer_contains": "welcome"}
    with upgrades(then=until_gone) as proxy, served(patient.app) as port:
        settings["public_url"] = f"ws://127.0.0.1:{proxy.port}/"
        look = Look(stack(port, websocket=settings))

        assert look("direct_handshake").succeeded
        assert look("public_handshake").problem == "opens but does not answer the first message"


def test_a_proxy_that_passes_everything_succeeds():
    """The same socket, the way users come."""
    patient = Patient()
    with served(patient.app) as port:
        look = Look(stack(port, websocket={"public_url": f"ws://localhost:{port}/realtime"}))

        assert look("public_handshake").succeeded
        assert look("websocket_ping").answered

    assert patient.handshakes == 2


def test_a_dead_frontend_is_its_own_checks_story():
    """The proxy does not listen at all: the page says so already."""
    dead = free_port()
    with served(Patient().app) as port:
        look = Look(stack(port, frontend_port=dead, websocket={"public_url": f"ws://127.0.0.1:{dead}/realtime"}))
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("frontend_page")):
            look("public_handshake")


def test_the_proxy_is_not_judged_while_the_direct_way_fails():
    """Two failures of one cause are one finding."""
    with raw_server(says(response(b"", "404 Not Found"))) as port, served(Patient().app) as healthy:
        urls = {"url": f"ws://127.0.0.1:{port}/", "public_url": f"ws://127.0.0.1:{port}/"}
        with pytest.raises(CouldNotCheck, match="the direct handshake fails too"):
            Look(stack(healthy, websocket=urls | OPEN))("public_handshake")


REFUSED = response(b"", "401 Unauthorized")


@pytest.mark.parametrize(
    ("proxied", "words"),
    [
        (response(b"", "500 Internal Server Error"), "500"),
        (response(b"<!doctype html>", content_type="text/html"), "200 with an HTML page"),
    ],
)
def test_without_a_login_the_proxy_ought_to_answer_as_the_backend_does(proxied, words):
    """Nobody can log in while the database is down; that the proxy leads astray is seen all the same."""
    with raw_server(says(REFUSED)) as backend, raw_server(says(proxied)) as proxy:
        handshake = Look(no_login(backend, proxy))("public_handshake")

    assert words in handshake.problem
    assert handshake.beside == "without a token the direct handshake is answered 401: not authorized; by proxy"
    assert not handshake.with_token


@pytest.mark.parametrize(
    ("straight", "proxied"),
    [
        (REFUSED, REFUSED),
        (response(b"", "503 Service Unavailable"), response(b"", "502 Bad Gateway")),
        (b"not http", response(b"", "502 Bad Gateway")),
    ],
    ids=["alike", "backend-sick", "backend-garbled"],
)
def test_without_a_login_a_proxy_that_may_be_well_stays_unjudged(straight, proxied):
    """Nor is one that has only a sick backend behind it."""
    with (
        raw_server(says(straight)) as backend,
        raw_server(says(proxied)) as proxy,
        pytest.raises(CouldNotCheck, match="did not log in|to everything|health"),
    ):
        Look(no_login(backend, proxy))("public_handshake")


def no_login(backend, proxy):
    """The backend and the proxy each say the same to everything, so that nobody can log in."""
    urls = {"url": f"ws://127.0.0.1:{backend}/realtime", "public_url": f"ws://127.0.0.1:{proxy}/realtime"}
    return stack(backend, websocket=urls)


HOLD = Limits(health_seconds=0.3, login_seconds=0.4, websocket_ping_seconds=0.4, websocket_hold_seconds=1.0)


def test_a_socket_that_stays_open_is_held_and_let_go():
    """Idle, as a browser tab is."""
    with served(Patient().app) as port:
        fact = Look(stack(port), limits=HOLD)("websocket_hold")

    assert fact.stayed_open
    assert fact.held_seconds >= 1.0


@pytest.mark.parametrize(("frames", "words"), [(close_frame(1001), "1001: going away"), (b"", "without a close frame")])
def test_a_socket_that_is_cut_while_idle_is_found(frames, words):
    """The proxy's read timeout ends it a minute after the last message."""

    def later(connection):
        if len(fake.requests) == 1:  # the handshake's own socket; the one that is held comes behind it
            until_gone(connection)
        else:
            time.sleep(0.6)
            connection.sendall(frames)

    with upgrades(then=later) as fake, served(Patient().app) as healthy:
        settings = OPEN | {"url": f"ws://127.0.0.1:{fake.port}/", "ping": "none"}
        fact = Look(stack(healthy, websocket=settings), limits=HOLD)("websocket_hold")

    assert not fact.stayed_open
    assert fact.problem == f"is closed after 1 s idle ({words})"


def test_environment_proxies_are_never_used(monkeypatch):
    """A proxy of the person's shell must not stand between the look and the stack."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with served(Patient().app) as port:
        assert Look(stack(port))("direct_handshake").succeeded


def test_no_socket_declared_means_skipped():
    """Absent is what oncall.toml says, never what was not found."""
    for name in ("direct_handshake", "public_handshake", "websocket_ping", "websocket_hold"):
        with pytest.raises(NotPart):
            Look(stack(free_port(), websocket={"absent": True}))(name)


def by_message(answer):
    """A socket that anybody may open, and that listens to the token in the first message."""

    async def talk(websocket):
        await websocket.accept()
        token = await websocket.receive_text()
        await answer(websocket, patient.protected(token) == 200)
        with contextlib.suppress(Exception):
            while True:
                await websocket.receive()

    patient = Patient()
    patient.socket = talk
    return patient


async def says_so(websocket, good):
    await websocket.send_text("welcome" if good else "who are you?")


async def closes(websocket, good):
    if good:
        return await websocket.send_text("welcome")
    return await websocket.close(1008)


async def believes(websocket, good):
    await websocket.send_text("welcome")


@pytest.mark.parametrize(
    ("answer", "let_in", "how"),
    [
        (says_so, False, "does not answer as it does to users"),
        (closes, False, "is closed (1008: policy)"),
        (believes, True, "answers the first message as it does to users"),
    ],
)
def test_a_token_in_the_first_message_is_judged_there(answer, let_in, how):
    """The handshake is open to anybody, so its success says nothing."""
    first = {"token_in": "message", "first_message": "${TOKEN}", "first_answer_contains": "welcome"}
    with served(by_message(answer).app) as port:
        look = Look(stack(port, websocket=first))
        assert look("direct_handshake").problem is None
        fact = look("stranger_socket")
        assert "eyJ" not in look.saved()

    assert (fact.let_in, fact.how, fact.sent_in) == (let_in, how, "message")


def test_a_silent_socket_does_not_tell_whom_it_let_in():
    """Without an answer to wait for, silence is no refusal; the key that would tell is named."""

    async def silent_to_all(websocket, good):
        pass

    first = {"token_in": "message", "first_message": "${TOKEN}"}
    with served(by_message(silent_to_all).app) as port, pytest.raises(CouldNotCheck) as caught:
        Look(stack(port, websocket=first))("stranger_socket")

    assert caught.value.setting == "websocket.first_answer_contains"


def test_a_made_up_token_in_the_handshake_is_refused_there():
    """A refused handshake, a socket that is closed at once, and one that stays open."""
    patient = Patient()
    with served(patient.app) as port:
        assert not Look(stack(port))("stranger_socket").let_in
        with pytest.raises(NotPart, match=r"websocket\.token_in"):
            Look(stack(port, websocket=OPEN))("stranger_socket")
        patient.protected = lambda token: 200
        open_to_all = Look(stack(port))("stranger_socket")

    assert (open_to_all.let_in, open_to_all.how) == (True, "stays open")


@pytest.mark.parametrize(
    "settings", [{"heartbeat_message": "2"}, {"heartbeat_contains": '"ping"'}], ids=["whole", "part"]
)
def test_a_heartbeat_of_the_server_is_answered_while_the_socket_is_held(settings):
    """The server ends the socket of a client that does not answer: three beats answered, and it lives."""
    beat = settings.get("heartbeat_message") or '{"type": "ping", "at": 7}'

    async def beating(websocket):
        await websocket.accept()
        with contextlib.suppress(Exception):
            for _ in range(3):
                await websocket.send_text(beat)
                if await asyncio.wait_for(websocket.receive_text(), 5) != "3":
                    return await websocket.close(4000)
            while True:
                await websocket.receive()

    patient = Patient()
    patient.socket = beating
    settings = OPEN | {"ping": "none", "heartbeat_answer": "3"} | settings
    with served(patient.app) as port:
        limits = Limits(websocket_hold_seconds=0.5)
        held = Look(stack(port, websocket=settings), limits=limits)("websocket_hold")

    assert (held.close_code, held.heartbeats) == (None, 3)


@pytest.mark.parametrize(
    ("status", "page_status", "another_site", "root"),
    [
        (404, 200, True, "frontend_page"),
        (404, 200, False, ""),
        (502, 502, False, "frontend_page"),
        (502, 200, True, "public_api"),
    ],
)
def test_another_site_at_the_proxy_is_told_by_its_page(status, page_status, another_site, root):
    """Its 404 is of no socket of ours; a gateway's error is of one that passes on."""
    told = {"page_status": page_status, "another_site": another_site}

    assert Handshake(address="ws://page", at="page:80", outcome="status", status=status, **told).root == root
