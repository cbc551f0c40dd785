"""Redirects and bodies that never end or break off: what really came, where it leads, and where we stopped."""

import gzip

import pytest

from oncall.target.schema import Limits
from tests.probes.looking import backend, frontend, look
from tests.probes.patients import PAGE, free_port, raw_server, response, says, site

PATIENT = Limits(health_seconds=2, page_seconds=2)


def moved(location, status="301 Moved Permanently"):
    return response(b"", status, "text/html", Location=location)


def page(pages):
    with raw_server(site(pages)) as port:
        return look("frontend_page", frontend(port), limits=PATIENT), port


def test_a_circle_is_told_with_its_way():
    """A browser says "too many redirects" and not between which addresses."""
    fact, port = page({"/": moved("/a"), "/a": moved("/b?token=x"), "/b": moved("/")})

    assert fact.problem == "redirects in a circle (301): / -> /a -> /b -> / instead of its page"
    assert (fact.manner, fact.exchange.at) == ("wrong answer", f"127.0.0.1:{port}")


def test_a_redirect_to_nobody_is_told_with_where_it_ends():
    """To https, where nothing listens: that is what people see."""
    closed = free_port()
    fact, _ = page({"/": moved(f"https://127.0.0.1:{closed}/")})
    there = f"https://127.0.0.1:{closed}/"

    assert (
        fact.problem == f"answers 301 to {there}, which refuses connections on 127.0.0.1:{closed} instead of its page"
    )


def test_a_redirect_to_a_page_names_the_key_that_is_out_of_date():
    """Where the page is, the target file can say."""
    fact, _ = page({"/": moved("/app/"), "/app/": response(PAGE, content_type="text/html")})

    assert fact.problem == "answers 301 to /app/ instead of its page: set frontend.path if people open that"


def test_a_redirect_to_another_host_is_not_followed():
    """Nobody is asked whom the target file does not name."""
    fact, _ = page({"/": moved("https://shop.example/?code=secret", "302 Found")})

    assert fact.problem == (
        "answers 302 to https://shop.example/ instead of its page: set frontend.url if people open that"
    )


def test_a_redirect_of_the_health_check_says_where_to():
    """The same for the backend."""
    pages = {"/health": moved("/login", "302 Found"), "/login": response(b"log in")}
    with raw_server(site(pages)) as port:
        fact = look("backend_health", backend(port), limits=PATIENT)

    assert (fact.problem, fact.manner) == ("answers 302 to /login", "wrong answer")


BOMB = gzip.compress(b"0" * (20 << 20))
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\n"


def flood(connection, path):
    connection.sendall(HEAD + b"\r\n")
    while True:
        connection.sendall(b"<p>" * 30_000)


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (flood, "sends a body that does not end: cut at 1 MiB"),
        (says(response(BOMB, content_type="text/html", Content_Encoding="gzip")),
         "sends a compressed body that unpacks to more than 1 MiB: cut there"),
        (says(HEAD + b"Content-Length: 10240\r\n\r\n" + b"x" * 512),
         "broke off in the middle of its answer: 512 of 10240 bytes came"),
        (says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"),
         "broke off in the middle of its answer: 4 bytes came"),
    ],
    ids=["endless", "bomb", "short", "chunked"],
)  # fmt: skip
def test_a_body_that_is_not_whole_is_told_as_what_came(talk, words):
    """Neither "did not answer" nor green: how much came, of how much, and where we stopped."""
    with raw_server(talk) as port:
        as_page = look("frontend_page", frontend(port), limits=PATIENT)
        as_health = look("backend_health", backend(port), limits=PATIENT)

    assert as_page.problem == words
    assert as_health.problem == words


def test_an_answer_that_drips_says_how_far_it_came():
    """At our deadline a part was there."""
    dripping = says(HEAD + b"Content-Length: 999\r\n\r\nab", *[b"c"] * 999, pause=0.02)
    with raw_server(dripping) as port:
        words = look("frontend_page", frontend(port)).problem

    assert words.startswith("began to answer but did not finish within 0.8 s: ")
    assert words.endswith(" of 999 bytes came")
