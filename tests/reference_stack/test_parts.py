"""The parts are real: what a browser, an operator and the database itself see of them."""

import base64
import hashlib
import hmac
import json
import re
import ssl
import time
import tomllib
from pathlib import Path

import httpx
import psycopg
import pytest
from msgspec.structs import fields
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from oncall.target.reader import read_target
from oncall.target.schema import Limits, StackKeys
from stack import faults, lifecycle, template
from stack.state import Home, read_env
from tests.test_config import keys as known_keys

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def stack(shared):
    """The handle on the shared stack."""
    return lifecycle.running(Home(shared.home))


@pytest.fixture
def backend(stack):
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports['backend']}", trust_env=False) as client:
        yield client


@pytest.fixture
def frontend(stack):
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.ports['frontend']}", trust_env=False) as client:
        yield client


def bearer(stack):
    return {"Authorization": f"Bearer {stack.token()}"}


def keys(table, place=""):
    """Every dotted key of a table."""
    for key, value in table.items():
        name = f"{place}{key}"
        if isinstance(value, dict) and key not in ("headers", "blames"):
            yield from keys(value, name + ".")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from {deep for each in value for deep in keys(each, name + ".")}
        else:
            yield name


def test_the_target_file_is_one_that_a_diagnosis_reads(stack):
    """It holds only keys that there are (the shipped oncall.toml explains each), and is accepted whole."""
    known = {*known_keys(StackKeys), *(f"limits.{one.name}" for one in fields(Limits))}
    written = set(keys(tomllib.loads(stack.home.target.read_text())))

    assert written <= known
    assert read_target(stack.home.target).stack.name == "reference"


def test_health_tells_of_database_and_memory(backend):
    """Two sub-checks with what was measured."""
    answer = backend.get("/health")
    body = answer.json()

    assert answer.status_code == 200
    assert body["status"] == "ok"
    assert body["checks"]["database"].keys() == {"status", "latency_ms"}
    assert 0 < body["checks"]["memory"]["used"] < body["checks"]["memory"]["limit"]


def test_health_fails_with_the_database_and_recovers_by_itself(stack, backend):
    """503 that names the database while it is away; 200 as soon as it is back."""
    stack.stop("postgres")
    start = time.monotonic()
    away = backend.get("/health")
    took = time.monotonic() - start
    refused = backend.get("/api/suites", headers={"Authorization": "Bearer x.y.z"})
    stack.start("postgres")
    back = backend.get("/health")

    assert (away.status_code, away.json()["checks"]["database"]["status"]) == (503, "error")
    assert away.json()["checks"]["memory"]["status"] == "ok"
    assert took < 8
    assert refused.status_code == 401
    assert back.status_code == 200


def test_login_gives_a_token_and_tells_strangers_nothing(stack, backend):
    """A wrong password and an unknown account are refused alike, in about the same time."""
    known = stack.secrets
    times, answers = [], []
    for name, password in (
        (known["ONCALL_ACCOUNT"], known["ONCALL_PASSWORD"]),
        (known["ONCALL_ACCOUNT"], "wrong"),
        ("nobody-of-this-name", "wrong"),
        ("guest001", "wrong"),
    ):
        start = time.monotonic()
        answers.append(backend.post("/api/auth/login", json={"username": name, "password": password}))
        times.append(time.monotonic() - start)

    assert [answer.status_code for answer in answers] == [200, 401, 401, 401]
    assert answers[0].json()["token"].count(".") == 2
    assert answers[1].content == answers[2].content == answers[3].content
    assert max(times) < 10 * min(times)


def test_the_token_is_a_standard_one(stack):
    """HS256 over the secret of the env file, eight hours long."""
    head, body, signature = stack.token().split(".")
    secret = stack.env("backend")["JWT_SECRET"].encode()
    expected = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))

    assert base64.urlsafe_b64decode(signature + "=") == expected
    assert claims["exp"] - claims["iat"] == 8 * 3600
    assert len(secret) >= 32


@pytest.mark.parametrize("path", ["/api/suites", "/api/tasks?suite=7"])
def test_the_api_needs_a_token_and_is_quick(stack, frontend, path):
    """Through the proxy: 401 without, 200 with, in a fraction of a second although there are 150,000 tasks."""
    refused = frontend.get(path)
    headers = bearer(stack)
    start = time.monotonic()
    given = frontend.get(path, headers=headers)

    assert refused.status_code == 401
    assert given.status_code == 200
    assert len(given.json()) >= 20
    assert time.monotonic() - start < 8
    assert len(given.headers.get_list("date")) == 1


def test_metrics_need_their_own_token(stack, backend):
    """The account's token is not good for it."""
    own = {"Authorization": f"Bearer {stack.secrets['METRICS_TOKEN']}"}
    page = backend.get("/metrics", headers=own)

    assert backend.get("/metrics", headers=bearer(stack)).status_code == 401
    assert page.status_code == 200
    for name in ("websocket_connections", "process_open_fds", "process_max_fds", "http_requests_total"):
        assert re.search(rf"(?m)^{name}[ {{]", page.text), name


@pytest.mark.parametrize("part", ["backend", "frontend"])
def test_the_socket_talks_and_is_counted(stack, backend, part):
    """Welcome for hello, a pong for a ping; counted while open."""
    own = {"Authorization": f"Bearer {stack.secrets['METRICS_TOKEN']}"}
    address = f"ws://127.0.0.1:{stack.ports[part]}/realtime?token={stack.token()}"
    with connect(address, proxy=None) as socket:
        socket.send('{"type":"hello"}')
        answer = json.loads(socket.recv(timeout=3))
        answered = socket.ping().wait(3)
        counted = backend.get("/metrics", headers=own).text

    assert answer == {"type": "welcome"}
    assert answered
    assert "\nwebsocket_connections 1.0\n" in counted
    stack.wait(
        lambda: "\nwebsocket_connections 0.0\n" in backend.get("/metrics", headers=own).text, "the socket is released"
    )


@pytest.mark.parametrize("part", ["backend", "frontend"])
@pytest.mark.parametrize("query", ["", "?token=x.y.z"])
def test_the_socket_is_refused_without_a_good_token(stack, part, query):
    """At the handshake, as an HTTP answer, also through the proxy."""
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{stack.ports[part]}/realtime{query}", proxy=None)

    assert refused.value.response.status_code == 401


def test_the_page_and_all_it_names_are_served(frontend):
    """Each asset with its own type and a lasting name; the page itself is asked for anew each time."""
    page = frontend.get("/")
    named = re.findall(r'(?:href|src)="(/[^"]+)"', page.text)
    types = {name: frontend.get(name).headers["content-type"] for name in named}

    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert ">Offline<" in page.text
    assert len(set(named)) == 7
    assert not [name for name, kind in types.items() if "html" in kind]
    assert frontend.get("/suites/7").text == page.text
    assert frontend.get("/assets/app.00000000.js").status_code == 404
    assert frontend.get("/missing.js").status_code == 404
    assert frontend.get("/..%2f..%2foncall.env").status_code in (404, 200)
    assert "ONCALL_PASSWORD" not in frontend.get("/..%2foncall.env").text


def test_the_page_is_served_by_tls_too(stack):
    """With a certificate that the private authority vouches for."""
    context = ssl.create_default_context(cafile=str(stack.home.tls / "ca.pem"))
    answer = httpx.get(f"https://localhost:{stack.ports['tls']}/", verify=context, trust_env=False)

    assert answer.status_code == 200


def test_the_proxy_says_that_the_backend_is_away(stack, frontend):
    """502 for a request and for a handshake."""
    stack.stop("backend")
    request = frontend.get("/api/suites")
    with pytest.raises(InvalidStatus) as handshake:
        connect(f"ws://127.0.0.1:{stack.ports['frontend']}/realtime", proxy=None)
    stack.start("backend")

    assert request.status_code == 502
    assert handshake.value.response.status_code == 502


def test_the_proxy_can_be_told_not_to_upgrade(stack):
    """As a proxy without upgrade headers: the backend asks for the upgrade that never reached it."""
    stack.restart("frontend", UPGRADE_PATHS="/none")
    with pytest.raises(InvalidStatus) as handshake:
        connect(f"ws://127.0.0.1:{stack.ports['frontend']}/realtime", proxy=None)
    stack.restart("frontend", UPGRADE_PATHS=None)

    assert handshake.value.response.status_code == 426


def test_every_log_line_of_the_backend_is_one_object(stack):
    """And no line holds a token or a password."""
    text = stack.log("backend").read_text()
    lines = [json.loads(line) for line in text.splitlines()]

    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert "eyJ" not in text
    assert not [value for value in read_env(stack.home.secrets).values() if len(value) > 15 and value in text]


def test_the_database_is_large_enough_and_well_kept(stack):
    """Many tasks, read by index alone; checksums on; both extensions there."""
    bearer_header = bearer(stack)
    stack.ask("/api/suites", headers=bearer_header)
    [(rows, sequential, by_index)] = stack.sql(
        "SELECT n_live_tup, seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'tasks'"
    )

    assert rows >= 120_000
    assert sequential == 0
    assert by_index > 100
    assert stack.sql("SHOW data_checksums") == [("on",)]
    assert stack.sql("SELECT extname FROM pg_extension WHERE extname ~ 'stat|amcheck' ORDER BY 1") == [
        ("amcheck",),
        ("pg_stat_statements",),
    ]


def test_the_applied_migrations_are_those_of_the_folder(stack):
    """Names and checksums as Prisma computes them, all finished."""
    rows = stack.sql("SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1")
    folders = [
        (file.parent.name, hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted(template.MIGRATIONS.glob("*/migration.sql"))
    ]

    assert rows == folders
    assert len(rows) == 3


def test_the_probe_role_may_look_and_nothing_more(stack):
    """It reads accounts, migrations and statistics; neither the tasks nor anything to write."""
    with psycopg.connect(stack.address("oncall"), autocommit=True) as session:
        assert session.execute("SELECT count(*) > 300 FROM users").fetchone() == (True,)
        assert session.execute("SELECT pg_has_role('pg_monitor', 'MEMBER')").fetchone() == (True,)
        assert session.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        for forbidden in ("SELECT 1 FROM tasks", "DELETE FROM users", "CREATE TABLE mine (n int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden)


def test_a_held_session_stays_until_heal(stack):
    """A helper keeps its lock when the command that started it has ended."""
    stack.hold_session("BEGIN", "LOCK TABLE suites", name="locker")
    held = stack.sql("SELECT count(*) FROM pg_locks WHERE relation = 'suites'::regclass AND mode ~ '^AccessExcl'")
    stack.edit_target("limits.health_seconds", 0.5)
    lifecycle.heal(stack.home, print)
    after = stack.sql("SELECT count(*) FROM pg_locks WHERE relation = 'suites'::regclass")

    assert held == [(1,)]
    assert after == [(0,)]
    assert "limits" not in tomllib.loads(stack.home.target.read_text())


def test_every_fault_is_fully_described():
    """A component, a class, a sentence, and at least one check that must notice."""
    for name, fault in faults.catalogue().items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert fault.story.endswith("."), name
        assert fault.must_fail or fault.unknown, name


def test_the_stacks_own_code_knows_no_fault():
    """Faults act from outside: no part of the stack has heard of one."""
    own = [file for file in (ROOT / "stack").rglob("*.py") if "faults" not in file.parts]
    names = list(faults.catalogue())

    assert not [(file.name, name) for file in own for name in names if name in file.read_text()]


def test_stack_and_suite_do_not_know_each_other():
    """The reference stack is diagnosed as any stranger's would be."""
    for package, other in (("stack", "oncall"), ("oncall", "stack")):
        for file in (ROOT / package).rglob("*.py"):
            assert not re.search(rf"(?m)^\s*(from|import) {other}\b", file.read_text()), file
