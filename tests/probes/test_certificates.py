"""Certificates as a browser sees them: good, near their end, refused; and addresses where none can be seen."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from oncall.finding import CouldNotCheck, NotPart
from oncall.target.schema import Backend, Frontend, Stack, Websocket
from tests.probes.looking import look
from tests.probes.patients import free_port, raw_server, response, says


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = trustme.CA()
    authority.file = str(tmp_path_factory.mktemp("ca") / "ca.pem")
    authority.cert_pem.write_to_path(authority.file)
    return authority


def server(authority, *names, **dates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost",)), **dates).configure_cert(context)
    return raw_server(says(response()), tls=context)


def stack(*ports, ca_file=""):
    return Stack(frontend=Frontend(certificates=tuple(f"localhost:{port}" for port in ports), ca_file=ca_file))


def now():
    return datetime.now(UTC)


def test_a_good_certificate_tells_its_end(authority):
    """Its last day is read from a verified handshake."""
    with server(authority, not_after=now() + timedelta(days=30, hours=1)) as port:
        fact = look("certificates", stack(port, ca_file=authority.file))

    assert fact.failing(14) == ()
    assert 29.9 < fact.seen[0].days_left < 30.1
    assert [one.symptom for one in fact.failing(31)] == [f"certificate of localhost:{port} ends in 30.0 days"]


@pytest.mark.parametrize(
    ("names", "dates", "trusted", "words"),
    [
        ((), {"not_after": now() - timedelta(days=1)}, True, "certificate has expired"),
        ((), {"not_before": now() + timedelta(days=1)}, True, "certificate is not yet valid"),
        (("shop.example",), {}, True, "hostname mismatch"),
        ((), {}, False, "unable to get local issuer certificate"),
    ],
    ids=["expired", "early", "name", "issuer"],
)
def test_a_refused_certificate_says_why(authority, names, dates, trusted, words):
    """Each reason of a browser's warning is told apart."""
    if "not_after" in dates:
        dates = {"not_before": now() - timedelta(days=9), **dates}
    with server(authority, *names, **dates) as port:
        fact = look("certificates", stack(port, ca_file=authority.file if trusted else ""))

    assert words in fact.failing(14)[0].symptom


def test_a_port_without_tls_shows_none():
    """A listener that does not speak TLS is a finding."""
    with raw_server(says(response())) as port:
        fact = look("certificates", stack(port))

    assert fact.failing(14)[0].symptom == f"certificate of localhost:{port} shows none: the port does not speak TLS"


def test_what_cannot_be_reached_is_unknown(authority):
    """No certificate seen is no certificate judged; a bad one elsewhere is still told."""
    with pytest.raises(CouldNotCheck, match="refuses connections"):
        look("certificates", stack(free_port()))
    with server(authority) as port:
        half = look("certificates", stack(port, free_port(), ca_file=authority.file))
        bad = look("certificates", stack(port, free_port()))
    with pytest.raises(CouldNotCheck, match="could not be seen"):
        half.failing(14)

    assert "issuer" in bad.failing(14)[0].symptom


def test_an_address_that_hangs_is_unknown(monkeypatch):
    """A listener that never shakes hands does not hold the look."""
    monkeypatch.setattr("oncall.probes.http.certificates.SECONDS", 0.5)
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(CouldNotCheck, match="no answer within"):
        look("certificates", stack(listener.getsockname()[1]))


def test_every_tls_address_of_the_stack_is_watched(authority):
    """https:// and wss:// addresses are watched without being listed again, each once."""
    with server(authority) as port, server(authority) as other:
        fact = look(
            "certificates",
            Stack(
                backend=Backend(url=f"https://localhost:{port}"),
                websocket=Websocket(url=f"wss://localhost:{port}/realtime", public_url=f"wss://localhost:{other}/"),
                frontend=Frontend(ca_file=authority.file),
            ),
        )

    assert {(one.address, one.component) for one in fact.seen} == {
        (f"localhost:{port}", "backend"),
        (f"localhost:{other}", "frontend"),
    }


def test_no_tls_address_is_not_part():
    """A stack without TLS has no certificate to watch."""
    with pytest.raises(NotPart):
        look("certificates", Stack())
