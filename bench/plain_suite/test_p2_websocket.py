"""P2: the realtime socket."""

import json
import os

import pytest
from websockets import InvalidStatus
from websockets.sync.client import connect

SECONDS = 5


def address(base, token=""):
    return os.environ[base].replace("http://", "ws://") + "/realtime" + (f"?token={token}" if token else "")


@pytest.mark.parametrize("base", ["PLAIN_BACKEND", "PLAIN_FRONTEND"], ids=["directly", "through the proxy"])
def test_handshake_and_first_message(base, token):
    with connect(address(base, token), open_timeout=SECONDS, close_timeout=SECONDS) as socket:
        socket.send(json.dumps({"type": "hello"}))
        assert json.loads(socket.recv(SECONDS))["type"] == "welcome"
        assert socket.ping().wait(SECONDS)


def test_handshake_without_token_is_refused():
    with pytest.raises(InvalidStatus), connect(address("PLAIN_BACKEND"), open_timeout=SECONDS):
        pass


def test_few_sockets_are_open(metrics):
    assert metrics["websocket_connections"] < 1000


def test_log_shows_no_socket_error(containers):
    assert b"too many sockets" not in containers["backend"].logs(tail=200)
