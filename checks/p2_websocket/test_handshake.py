"""P2 WebSocket disconnections: the socket does not open, or does not live."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("websocket-down"), pytest.mark.component("websocket")]


@pytest.mark.judges("direct_handshake")
def test_handshake_succeeds(direct_handshake, finding):
    """The interface shows 'Offline' and nothing updates by itself."""
    assert direct_handshake.succeeded, finding(
        f"websocket {direct_handshake.problem}",
        evidence=direct_handshake.evidence,
        component="websocket",
        layer=direct_handshake.layer,
        manner=direct_handshake.manner,
        blames=direct_handshake.accuses,
        address=direct_handshake.at,
    )


@pytest.mark.judges("public_handshake")
def test_handshake_succeeds_through_the_proxy(public_handshake, finding):
    """The interface shows 'Offline' for everybody who comes through the proxy."""
    assert public_handshake.succeeded, finding(
        f"{public_handshake.beside}: websocket {public_handshake.problem}",
        evidence=public_handshake.evidence,
        component="frontend",
        layer=public_handshake.layer,
        manner=public_handshake.manner,
        root=public_handshake.root,
        address=public_handshake.at,
    )


def test_ping_is_answered_in_time(websocket_ping, limits, finding):
    """Real-time updates come late, and the interface reconnects again and again."""
    problem = websocket_ping.problem(limits.websocket_ping_seconds)

    assert problem is None, finding(
        f"websocket {problem}",
        evidence={
            "ping": websocket_ping.kind,
            "seconds": round(websocket_ping.seconds, 3),
            "limit": limits.websocket_ping_seconds,
        },
        component="websocket",
        layer="fast" if websocket_ping.answered else "answers",
        manner="late" if websocket_ping.answered else "silent",
    )


@pytest.mark.judges("stranger_socket")
@pytest.mark.unnoticed
def test_socket_refuses_a_made_up_token(stranger_socket, finding):
    """Nobody notices: strangers can listen to what only users may hear."""
    assert not stranger_socket.let_in, finding(
        f"websocket takes a made-up token: it {stranger_socket.how}",
        evidence={"address": stranger_socket.address, "token sent in": stranger_socket.sent_in},
        component="websocket",
        manner="wrong answer",
    )


@pytest.mark.active("hold")
def test_socket_stays_open(websocket_hold, finding):
    """The interface reconnects every minute or so."""
    assert websocket_hold.stayed_open, finding(
        f"websocket {websocket_hold.problem}",
        evidence={
            "address": websocket_hold.address,
            "through the proxy": websocket_hold.through_proxy,
            "held seconds": round(websocket_hold.held_seconds, 1),
            "heartbeats answered": websocket_hold.heartbeats or None,
            "close reason": websocket_hold.close_reason or None,
        },
        component="websocket",
        statement=websocket_hold.close_reason,
        speaker="server",
    )
