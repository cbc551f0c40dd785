"""Messages through apprise, to a server of our own."""

import json
import logging
import subprocess
import sys
import time

import pytest

from oncall.notify.messaging import MISSING, send, wrong_address
from tests.integration.playbook_runs import ROOT
from tests.listening import listening


def test_message_arrives(caplog):
    """Title, text and how bad it is."""
    with listening() as server:
        address = server.url.replace("http", "json") + "/token-4711"
        assert send([address], "motel: P1 postgres", "line one\nline two", sick=True) == []
        assert send([address], "motel", "all gone", sick=False) == []

    first, second = (json.loads(call.body) for call in server.calls)
    assert (first["title"], first["message"], first["type"]) == ("motel: P1 postgres", "line one\nline two", "failure")
    assert second["type"] == "success"
    assert server.calls[0].path == "/token-4711"


def test_each_address_is_told_of_by_its_service_alone(capfd):
    """One that fails does not keep the others from theirs; no address is repeated, not by apprise either."""
    with listening() as server, listening(500) as broken:
        good = server.url.replace("http", "json")
        bad = broken.url.replace("http", "json") + "/token-4711"
        said = send([bad, "nosuch://token-4711/x", good], "title", "text", sick=True)

    assert said == [
        "the message to json was not sent: the service did not take it",
        "the message to nosuch was not sent: apprise does not know such an address",
    ]
    assert len(server.calls) == 1
    assert "4711" not in "".join(capfd.readouterr())


def test_service_that_hangs_is_left():
    """The time is for all addresses together."""
    with listening(hangs=30.0) as server, listening() as quick:
        began = time.monotonic()
        said = send([one.url.replace("http", "json") for one in (server, server, quick)], "t", "x", True, seconds=1.0)
        took = time.monotonic() - began

    assert said == ["the message to json was not sent: no answer within 1 s"] * 2
    assert took < 15
    assert len(quick.calls) == 1


def test_missing_extra_is_one_sentence():
    """It says what to install."""
    without = "import sys; sys.modules['apprise'] = None; from oncall.notify.messaging import send; "
    script = without + "print(send(['json://x'], '', '', True))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.strip() == str([MISSING])
    assert "pip install 'pytest-oncall[notify]'" in MISSING


def test_apprise_keeps_its_words_to_itself():
    """It would write addresses to whoever listens to the log."""
    send(["nosuch://x"], "", "", True)

    assert logging.getLogger("apprise").propagate is False


@pytest.mark.parametrize(
    "address", ["", "slack", "slack:", "slack://", "slack://a b", "sla ck://a", "slack://a\n", "://a"]
)
def test_wrong_addresses(address):
    """Seen at once, without apprise."""
    assert wrong_address(address) == "must be an address as apprise writes it, such as mailto://... or slack://..."


@pytest.mark.parametrize(
    "address", ["slack://T1/B2/C3", "mailto://u:p@mail.example", "json://localhost", "TGRAM://1:a/2"]
)
def test_right_addresses(address):
    """As apprise documents them."""
    assert wrong_address(address) == ""
