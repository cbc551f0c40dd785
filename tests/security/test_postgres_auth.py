"""Attack A4 on a real server: how it may ask for the password, by default and where the target says otherwise."""

import contextlib
import select
import socket
import ssl
import struct
import threading

import pytest
import trustme

from oncall.finding import CouldNotCheck
from oncall.probes.postgres.place import from_url
from oncall.target.schema import Postgres, Stack
from oncall.target.secrets import Secrets
from tests.probes.asking import door
from tests.probes.postgres_server import postgres
from tests.security.hostile_postgres import SSL

PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def root(authority, tmp_path_factory):
    file = tmp_path_factory.mktemp("ca") / "root.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


@pytest.fixture(scope="module")
def server():
    """A server whose roles are asked for their passwords in all kinds of ways."""
    with postgres() as running:
        running.run("SET password_encryption = md5", "CREATE ROLE old LOGIN")
        with running.connect() as connection:
            connection.execute("SET password_encryption = md5")
            connection.execute("ALTER ROLE old PASSWORD 'pw-oncall-1'")
        running.run("CREATE ROLE clear LOGIN PASSWORD 'pw-oncall-1'", "CREATE ROLE open LOGIN")
        (running.folder / "data" / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nlocal all all password\nhost all clear 127.0.0.1/32 password\n"
            "host all old 127.0.0.1/32 md5\nhost all open 127.0.0.1/32 trust\n"
            "host all all 127.0.0.1/32 scram-sha-256\n"
        )
        running.ctl("reload")
        yield running


@pytest.fixture(scope="module")
def tls(authority, server):
    """The port of the same server behind TLS, as a proxy gives it: the wheel's own has none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def serve(client):
        with client, contextlib.suppress(OSError):
            assert struct.unpack("!i", client.recv(8)[4:8])[0] == SSL
            client.sendall(b"S")
            with (
                context.wrap_socket(client, server_side=True) as inner,
                socket.create_connection(("127.0.0.1", server.port)) as outer,
            ):
                while True:
                    for one in [inner] if inner.pending() else select.select([inner, outer], [], [])[0]:
                        if not (data := one.recv(1 << 16)):
                            return
                        (outer if one is inner else inner).sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture
def login(server):
    """How our login ends: "accepted", or the reason for which it is not known."""

    def look(environment=PASSWORD, **keys):
        stack = Stack(postgres=Postgres(**{"host": "127.0.0.1", "port": server.port, **keys}))
        with door(stack, environment) as answer:
            try:
                assert answer("database_connection").answered
                return answer("database_login").outcome
            except CouldNotCheck as error:
                return str(error)

    return look


ANY = "scram-sha-256,none,md5,password,gss,sspi"
CLEAR = 'asks for the password in clear text; nothing was sent: set postgres.require_auth = "password" if that is meant'
MD5 = 'the server asks for the password as md5; nothing was sent: set postgres.require_auth = "md5" if that is meant'


def test_proof_by_scram_and_no_password_at_all_need_no_key(login, capfd):
    """Neither teaches the server anything."""
    assert login() == "accepted"
    assert login(user="open") == "accepted"
    assert login(user="open", environment={}) == "accepted"
    assert capfd.readouterr().err == "", "libpq has something to say"


def test_weak_ways_are_refused_until_the_target_says_so(login, tls):
    """Also through TLS that nobody has verified."""
    assert login(port=tls, sslmode="require") == "accepted"
    for keys in ({}, {"sslmode": "disable"}, {"port": tls}, {"port": tls, "sslmode": "require"}):
        assert CLEAR in login(user="clear", **keys)
        assert login(user="old", **keys) == MD5
    assert login(user="clear", require_auth="password") == "accepted"
    assert login(user="old", require_auth="scram-sha-256,md5") == "accepted"
    assert login(user="old", require_auth="!password,!none") == "accepted"


def test_a_target_may_ask_for_more(login):
    """A server that asks for nothing is refused where a proof is wanted, and a proof where something else is."""
    assert "lets everybody in without a password" in login(user="open", require_auth="scram-sha-256")
    assert 'set postgres.require_auth = "scram-sha-256"' in login(require_auth="md5")


def test_a_verified_server_may_ask_as_it_likes(login, root, tls):
    """TLS then keeps the password from everybody else."""
    verified = {"port": tls, "sslmode": "verify-full", "sslrootcert": root}
    assert login(user="clear", **verified) == "accepted"
    assert login(user="old", **verified | {"sslmode": "verify-ca"}) == "accepted"
    assert CLEAR in login(user="clear", **verified, require_auth="scram-sha-256")


def test_a_server_that_is_not_verified_is_unknown_with_the_key(login, tls, root, tmp_path):
    """A wrong authority, a wrong name, no TLS at all, a file that is not there."""
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    for keys in (
        {"sslmode": "verify-full", "sslrootcert": str(stranger)},
        {"sslmode": "verify-full", "sslrootcert": str(tmp_path / "none.pem")},
        {"sslmode": "verify-full"},
        {"sslmode": "verify-full", "sslrootcert": root, "host": "localhost"},
    ):
        reason = login(port=tls, **keys)
        assert reason.startswith("the database's certificate could not be verified, so nothing was sent")
        assert "postgres.sslrootcert" in reason
    assert "the database offers no TLS, which postgres.sslmode asks for" in login(sslmode="require")


def test_a_socket_of_this_host_may_ask_as_it_likes(login, server):
    """Nobody stands between."""
    assert login(host=str(server.folder), user="clear") == "accepted"


@pytest.mark.parametrize(
    ("options", "keys", "mode", "methods"),
    [
        ("", {}, "prefer", "scram-sha-256,none"),
        ("?sslmode=disable", {}, "prefer", "scram-sha-256,none"),
        ("?sslmode=disable", {"sslmode": "disable"}, "disable", "scram-sha-256,none"),
        ("?sslmode=verify-full", {}, "verify-full", ANY),
        ("?sslmode=verify-full&require_auth=scram-sha-256", {}, "verify-full", "scram-sha-256"),
        ("?sslmode=require", {"sslmode": "verify-ca"}, "verify-ca", ANY),
        ("?require_auth=password", {}, "prefer", "scram-sha-256,none"),
        ("?require_auth=password,scram-sha-256", {}, "prefer", "scram-sha-256"),
        ("?require_auth=!none", {}, "prefer", "scram-sha-256"),
        ("?require_auth=password", {"require_auth": "password,md5"}, "prefer", "password"),
        ("", {"require_auth": "!password"}, "prefer", "scram-sha-256,none,md5,gss,sspi"),
        ("?host=/run/postgresql", {}, "prefer", ANY),
        ("?host=/run/postgresql,db", {}, "prefer", "scram-sha-256,none"),
    ],
)
def test_an_address_may_be_stricter_than_the_target_and_never_laxer(options, keys, mode, methods):
    """Its own options are kept as far as they do not weaken what the target or the default asks for."""
    part = Postgres(url_variable="DATABASE_URL", **keys)
    found = from_url(f"postgres://u:p@db/d{options}", part, Secrets({}, None, lambda value: None)).parameters

    assert (found["sslmode"], found["require_auth"]) == (mode, methods)


@pytest.mark.parametrize("options", ["?sslmode=never", "?sslrootcert=%00x"])
def test_an_address_with_options_that_mean_nothing_is_refused(options):
    """libpq would read them its own way."""
    with pytest.raises(CouldNotCheck, match="DATABASE_URL"):
        from_url(f"postgres://u:p@db/d{options}", Postgres(url_variable="DATABASE_URL"),
                 Secrets({}, None, lambda value: None))  # fmt: skip
