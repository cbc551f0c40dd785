"""The heartbeat: what it is told, and that nothing it does can hold us up."""

import socket
import time

import pytest

from oncall.notify.heartbeat import call, wrong_address
from tests.listening import listening

TOKEN = "/5f2b9c1e-token"


def test_healthy_run_calls_the_address_itself():
    """A POST with the diagnosis as text."""
    with listening() as server:
        assert call(server.url + TOKEN, 0, "Healthy → all is well\n") == ""

    assert [(one.method, one.path, one.body) for one in server.calls] == [("POST", TOKEN, "Healthy → all is well\n")]
    assert server.calls[0].headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "code", "called"),
    [
        (TOKEN, 1, f"{TOKEN}/1"),
        (f"{TOKEN}/", 2, f"{TOKEN}/2"),
        (f"{TOKEN}?create=1#here", 6, f"{TOKEN}/6?create=1"),
        ("", 5, "/5"),
    ],
)
def test_other_exit_codes_stand_behind_the_address(path, code, called):
    """As healthchecks.io has it; a query stays where it was."""
    with listening() as server:
        assert call(server.url + path, code, "") == ""

    assert [one.path for one in server.calls] == [called]


def test_user_and_password_go_into_a_header():
    """Not into the request line, which servers write into their logs."""
    with listening() as server:
        assert call(server.url.replace("//", "//ops:p%40ss@") + TOKEN, 0, "") == ""

    assert server.calls[0].headers["Authorization"] == "Basic b3BzOnBAc3M="
    assert server.calls[0].path == TOKEN


def test_long_diagnosis_is_cut():
    """No service keeps more, and some refuse it."""
    with listening() as server:
        call(server.url, 1, "é" * 1_000_000)

    assert len(server.calls[0].body.encode()) <= 100_002


@pytest.mark.parametrize("manner", [{"hangs": 30.0}, {"dribbles": True}], ids=["says nothing", "never ends"])
def test_server_that_never_answers_is_left(manner):
    """The time is for all of it together, not for each byte."""
    with listening(**manner) as server:
        began = time.monotonic()
        said = call(server.url + TOKEN, 0, "", seconds=0.7)
        took = time.monotonic() - began

    assert said == "the heartbeat URL could not be called: no answer within 0.7 s"
    assert took < 15


def test_address_that_refuses_is_told():
    """In one sentence, without the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        said = call(f"http://127.0.0.1:{taken.getsockname()[1]}{TOKEN}", 0, "")

    assert said == "the heartbeat URL could not be called: Connection refused"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status):
    """The diagnosis goes where somebody has sent it, and a redirect that swallows it is no success."""
    with listening() as other, listening(status, headers=[("Location", f"{other.url}/there")]) as server:
        said = call(server.url + TOKEN, 1, "text")

    assert "it answers" in said
    assert f"{status}, a redirect: give the address that it leads to" in said
    assert other.calls == []


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404 Not Found"), (500, "500 Internal Server Error"), (799, "799")]
)
def test_error_of_the_service_is_told(status, words):
    """A token that was mistyped must not look like a call that arrived."""
    with listening(status) as server:
        assert call(server.url, 0, "") == f"the heartbeat URL could not be called: it answers {words}"


def test_answer_that_is_no_http_is_told():
    """Another service listens there."""
    with listening(garbage=True) as server:
        assert call(server.url, 0, "").startswith("the heartbeat URL could not be called: its answer is no HTTP")


def test_name_that_does_not_exist_is_told():
    """Without the address."""
    said = call(f"http://nobody.invalid{TOKEN}", 0, "")

    assert said.startswith("the heartbeat URL could not be called: ")
    assert "invalid" not in said


def test_proxy_of_the_environment_is_used(monkeypatch):
    """Whoever waits for the call is outside of the stack, and many a machine reaches the outside no other way."""
    with listening() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        said = call(f"http://checks.example{TOKEN}", 0, "")

    assert said == ""
    assert proxy.calls[0].path == f"http://checks.example{TOKEN}"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "hc-ping.com/x",
        "ftp://x/y",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://x:99999/",
        "http://x:p/",
    ]
    + ["http://[::1", "http://x/a b", "http://x/\n", "http://x/\x00", "http://ex\u00e4mple/", "javascript:alert(1)"],
)
def test_wrong_addresses_are_not_called(address):
    """One sentence, which does not repeat it."""
    assert wrong_address(address) == "must be an address that starts with http:// or https:// and names a host"
    assert call(address, 0, "").startswith("the heartbeat URL was not called: it must be an address")


@pytest.mark.parametrize("address", ["https://hc-ping.com/5f2b", "http://127.0.0.1:8000", "http://u:p@[::1]:80/x?y#z"])
def test_right_addresses(address):
    """As services hand them out."""
    assert wrong_address(address) == ""
