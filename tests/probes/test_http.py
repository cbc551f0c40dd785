"""One request, however sick the other side is."""

import gzip
import itertools
import socket
import ssl
import time
import zlib

import pytest
import trustme

from oncall.finding import CouldNotCheck
from oncall.probes.http.client import Http
from tests.probes.patients import free_port, raw_server, reset, response, says, silent


@pytest.fixture(scope="module")
def web():
    return Http()


def ask(web, port, **options):
    return web.ask("GET", f"http://127.0.0.1:{port}/health", **{"seconds": 0.4, **options})


def test_an_answer_comes_with_its_parts(web):
    """Status, headers in lower case, body, type and the phases are all there."""
    with raw_server(says(response(b'{"a": 1}', content_type="application/json; charset=utf-8", X_One="1"))) as port:
        answer = ask(web, port)

    assert (answer.outcome, answer.status, answer.json(), answer.headers["x-one"]) == ("answered", 200, {"a": 1}, "1")
    assert answer.media_type == "application/json"
    assert answer.problem is None
    assert 0 < answer.phases.first_byte <= answer.seconds
    assert answer.at == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("talk", "outcome", "words"),
    [
        (silent, "timeout", "accepted the connection but did not answer within 0.4 s"),
        (reset, "reset", "closed the connection on"),
        (says(), "reset", "without an answer"),
        (says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "garbled", "but not with HTTP"),
        (says(b"220 mail.example ESMTP"), "garbled", "but not with HTTP"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"), "cut", "in the middle of its answer"),
        (says(b"HTTP/1.1 200 OK\r\nX: "), "cut", "in the middle of its answer"),
        (says(*[b"H"] * 999, pause=0.02), "timeout", "began to answer but did not finish within 0.4 s"),
        (says(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 999, pause=0.02), "timeout", "did not finish"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", *[b"."] * 999, pause=0.02), "timeout", "not finish"),
    ],
    ids=["silent", "reset", "closed", "ssh", "mail", "cut-body", "cut-head"]
    + ["drips-status", "drips-headers", "drips-body"],
)
def test_a_sick_server_is_told_by_its_illness(web, talk, outcome, words):
    """Each way of not answering has its own outcome and words, and none outlasts the deadline."""
    with raw_server(talk) as port:
        began = time.perf_counter()
        answer = ask(web, port)
        took = time.perf_counter() - began

    assert answer.outcome == outcome
    assert words in answer.problem
    assert took < 8


def test_nobody_listens(web):
    """A port without a listener refuses."""
    answer = ask(web, free_port())

    assert answer.outcome == "refused"
    assert answer.problem == f"refuses connections on {answer.at}"


class Sockets(list):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self:
            sock.close()


def test_a_full_backlog_is_a_connection_that_is_not_accepted(web):
    """A listener that no longer takes connections is told from one that takes them and is silent."""
    with socket.socket() as listener, Sockets() as others:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            others.append(socket.socket())
            others[-1].setblocking(False)
            others[-1].connect_ex(listener.getsockname())
        answer = ask(web, listener.getsockname()[1])

    assert (answer.outcome, answer.waiting_for) == ("timeout", "connection")
    assert "does not accept a connection" in answer.problem


def test_a_name_without_address_is_unresolved(web):
    """A name that does not resolve is its own outcome."""
    answer = web.ask("GET", "http://no-such-host.invalid:1/x", seconds=2.0)

    assert answer.outcome in ("unresolved", "timeout")  # a resolver that is away hangs instead
    assert answer.phases.connect == 0


@pytest.mark.parametrize("url", ["http://[::1", "ftp://localhost/x", "http://"])
def test_what_is_no_address_is_unknown(web, url):
    """Nothing can be asked at an address that is not one."""
    with pytest.raises(CouldNotCheck):
        web.ask("GET", url, seconds=0.3)


def test_a_secret_with_a_line_end_is_not_sent_and_not_told(web):
    """A header that HTTP does not allow makes the look unknown, without its value in the reason."""
    with raw_server(says(response())) as port, pytest.raises(CouldNotCheck) as caught:
        ask(web, port, headers={"Authorization": "Bearer hunter2\nX: y"})

    assert "hunter2" not in str(caught.value)


def test_both_families_are_tried(web):
    """localhost is ::1 first on many hosts; a server on 127.0.0.1 only is found all the same."""
    with raw_server(says(response())) as port:
        answer = web.ask("GET", f"http://localhost:{port}/", seconds=1.0)

    assert answer.status == 200


def test_bodies_end_at_the_limit(web):
    """A huge body is read up to the limit and said to be longer."""
    with raw_server(says(response(b"x" * 3_000_000))) as port:
        answer = ask(web, port, seconds=2.0)

    assert (len(answer.body), answer.truncated) == (1 << 20, True)


def test_a_gzip_bomb_ends_at_the_limit(web):
    """Compressed bodies are limited after unpacking."""
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    with raw_server(says(response(bomb, Content_Encoding="gzip"))) as port:
        answer = ask(web, port, seconds=2.0)

    assert (len(answer.body), answer.truncated) == (1 << 20, True)
    assert answer.seconds < 8


def test_gzip_is_unpacked(web):
    """A server that compresses unasked is understood."""
    with raw_server(says(response(gzip.compress(b"hello"), Content_Encoding="gzip"))) as port:
        assert ask(web, port).text == "hello"


def test_deflate_is_unpacked_with_and_without_its_header(web):
    """Servers send both, and browsers take both."""
    bare = zlib.compressobj(wbits=-15)
    for body in (zlib.compress(b"hello"), bare.compress(b"hello") + bare.flush()):
        with raw_server(says(response(body, Content_Encoding="deflate"))) as port:
            assert web.ask("GET", f"http://127.0.0.1:{port}/").body == b"hello"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_not_compressed_as_it_says_is_no_answer(web, encoding):
    """A browser shows an error in the place of such a page."""
    with raw_server(says(response(b"<html>hello</html>", Content_Encoding=encoding))) as port:
        exchange = web.ask("GET", f"http://127.0.0.1:{port}/").exchange

    assert (exchange.outcome, exchange.status, exchange.layer) == ("undecodable", 200, "correct")
    assert exchange.problem == f"marks its answer as {encoding}, which it is not: no browser can read it"


def test_redirects_are_answers(web):
    """A redirect is what was answered; it is not followed."""
    with raw_server(says(response(b"", "302 Found", Location="http://127.0.0.1:1/"))) as port:
        answer = ask(web, port)

    assert (answer.status, answer.headers["location"]) == (302, "http://127.0.0.1:1/")


def test_proxies_of_the_environment_are_not_used(web, monkeypatch):
    """The stack is asked itself."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with raw_server(says(response())) as port:
        assert ask(web, port).status == 200


def test_every_cookie_is_kept(web):
    """Cookies are not folded into one header."""
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Expires=Wed, 01 Jan\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    with raw_server(says(raw)) as port:
        assert ask(web, port).cookies == ("a=1; Expires=Wed, 01 Jan", "b=2")


def test_the_place_shows_no_password(web):
    """A user and password in an address do not reach the record."""
    with raw_server(says(response())) as port:
        answer = web.ask("GET", f"http://me:hunter2@127.0.0.1:{port}/x#y")

    assert answer.address == f"http://127.0.0.1:{port}/x"
    assert "hunter2" not in repr(answer.exchange)


def test_tls_with_a_private_authority(tmp_path):
    """The stack's own certificate authority is trusted when it is named, and only then."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with raw_server(says(response()), tls=context) as port:
        trusted = Http(str(tmp_path / "ca.pem")).ask("GET", f"https://localhost:{port}/")
        stranger = Http().ask("GET", f"https://localhost:{port}/")
        other_name = Http(str(tmp_path / "ca.pem")).ask("GET", f"https://127.0.0.1:{port}/")

    assert (trusted.status, trusted.phases.tls > 0) == (200, True)
    assert (stranger.outcome, stranger.status) == ("tls", 0)
    assert "unable to get local issuer certificate" in stranger.problem
    assert "ip address mismatch" in other_name.problem


def test_plain_http_behind_an_https_address(web):
    """A port that does not speak TLS is said to be one."""
    with raw_server(says(response())) as port:
        answer = web.ask("GET", f"https://127.0.0.1:{port}/", seconds=1.0)

    assert answer.problem == f"fails TLS on 127.0.0.1:{port}: the port does not speak TLS"


def test_an_unreadable_authority_is_unknown(tmp_path):
    """A certificate authority's file that is not there is named."""
    for place, content in itertools.product([tmp_path / "none.pem", tmp_path / "bad.pem"], [""]):
        if place.name == "bad.pem":
            place.write_text("not a certificate" + content)
        with pytest.raises(CouldNotCheck, match=place.name):
            Http(str(place)).ask("GET", "https://127.0.0.1:1/")
