"""The backend's health: each way to be sick in its own words, and no word where nobody could look."""

import json

import pytest

from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.http.sub_check_names import Blaming
from oncall.target.kinds import Component, PostgresServer
from oncall.target.schema import Health, Stack
from tests.probes.looking import backend, look
from tests.probes.patients import free_port, raw_server, response, says, silent

HEALTHY = {
    "status": "ok",
    "checks": {
        "database": {"status": "ok", "latency_ms": 1},
        "memory": {"status": "ok", "used": 120.5, "limit": 512},
    },
}


def health(body, status="200 OK", content_type="application/json", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return says(response(raw, status, content_type, **headers))


def answer(talk, **settings):
    with raw_server(talk) as port:
        return look("backend_health", backend(port, health=Health(**settings)))


def test_a_healthy_answer_is_understood():
    """Verdict, sub-checks, memory and the answering clock are all read."""
    fact = answer(health(HEALTHY, Date="Wed, 01 Jan 2025 10:00:00 GMT"))

    assert fact.problem is None
    assert [(check.name, check.healthy, check.blames) for check in fact.checks] == [
        ("database", True, "postgres"),
        ("memory", True, "backend"),
    ]
    assert (fact.memory_used, fact.memory_limit) == (120.5, 512)
    assert fact.date.isoformat() == "2025-01-01T10:00:00+00:00"
    assert 0 < fact.exchange.seconds < 0.3


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (health({"status": "error"}), "says it is 'error'"),
        (health({"status": False}), "says it is 'false'"),
        (health({"status": None}), "says it is 'null'"),
        (health(b"<html>hello", content_type="text/html"), "answers its health check with an HTML page"),
        (health(b"all good"), "answers its health check with a body that is no JSON"),
        (health(b"\xff\xfe\x00"), "answers its health check with a body that is no JSON"),
        (health(b"[" * 100_000), "answers its health check with a body that is no JSON"),
        (health(b""), "answers its health check with an empty body"),
        (health(["ok"]), "answers its health check with JSON that is no object"),
        (health({"uptime": 3}), "answers its health check without a verdict at 'status'"),
        (health({"status": {"ok": 1}}), "answers its health check without a verdict at 'status'"),
        (health(b" " * 2_000_000), "answers its health check with more than 1 MiB"),
        (health({"status": "ok"}, "500 Oops"), "answers 500"),
        (health(b"", "302 Found", Location="/login"), "redirects in a circle (302): /health -> /login -> /login"),
        (silent, "accepted the connection but did not answer within 0.8 s"),
    ],
    ids=(
        "error false null html text bytes nested empty list no-verdict odd-verdict huge 500 302 silent".split()  # noqa: SIM905
    ),
)
def test_each_sick_answer_has_its_words(talk, words):
    """Somebody who was woken reads what is wrong, not that something is."""
    assert answer(talk).problem == words


def test_nobody_listens():
    """A refused connection is a fact, with the address."""
    port = free_port()
    fact = look("backend_health", backend(port))

    assert fact.problem == f"refuses connections on 127.0.0.1:{port}"


def test_a_bad_status_names_the_sub_check_and_its_component():
    """503 because of the database accuses the database."""
    fact = answer(health({"status": "error", "checks": {"database": {"status": "error"}}}, "503 Down"))

    assert fact.problem == "answers 503: database is 'error'"
    assert fact.blames == "postgres"


def test_a_failing_sub_check_alone_is_not_told_twice():
    """With status 200, "error" with a sub-check that says why is the sub-check's finding."""
    body = {"status": "error", "checks": {"cache": "up", "database": {"status": "down", "message": "no\nroute"}}}
    with raw_server(health(body)) as port:
        stack = backend(port)
        fact, checks = look("backend_health", stack), look("health_checks", stack)

    assert fact.problem is None
    assert checks.symptom == "says database is 'down'"
    assert checks.evidence == {"database": "down no route"}


@pytest.mark.parametrize(
    ("checks", "settings", "failing"),
    [
        ({"a": "ok", "b": "DOWN"}, {}, ["b"]),
        ({"a": True, "b": False}, {}, ["b"]),
        ([{"name": "a", "status": "UP"}, {"name": "b", "status": "down"}, {"status": "x"}], {}, ["b", "number 3"]),
        ({"a": {"state": "up"}, "b": {"state": "dead"}}, {"check_status_key": "state"}, ["b"]),
        ({"a": {"status": "ok"}, "b": {"used": 3}, "c": None, "d": 7}, {}, []),
    ],
)
def test_sub_checks_come_in_many_shapes(checks, settings, failing):
    """Mappings, words, booleans and lists are read; what says nothing is silent, not healthy."""
    body = {"status": "ok", "details": {"all": checks}}
    with raw_server(health(body)) as port:
        fact = look("health_checks", backend(port, health=Health(checks_key="details.all", **settings)))

    assert [check.name for check in fact.failing] == failing
    if len(checks) == 4:
        assert fact.silent == ("b", "c", "d")


@pytest.mark.parametrize(
    ("body", "settings", "reason"),
    [
        ({"status": "ok"}, {}, "no sub-checks at 'checks'"),
        ({"status": "ok", "checks": {"a": 1}}, {}, "no sub-check says how it is at 'status'"),
        (b"<html>", {}, "an HTML page"),
    ],
)
def test_sub_checks_that_cannot_be_read_are_unknown(body, settings, reason):
    """No sub-check is not an ok sub-check."""
    with raw_server(health(body)) as port, pytest.raises(CouldNotCheck) as caught:
        look("health_checks", backend(port, health=Health(**settings)))

    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["health_checks", "health_memory"])
def test_without_an_answer_the_deeper_looks_point_at_the_first(name):
    """One dead backend is one finding."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "backend_health"):
        look(name, backend(free_port()))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("health_checks", {"checks_key": ""}),
        ("health_checks", {"body": "text"}),
        ("health_memory", {"memory_used_key": ""}),
        ("health_memory", {"body": "text"}),
    ],
)
def test_what_the_target_declares_away_is_not_part(name, settings):
    """An empty key says that there is none."""
    with raw_server(health(HEALTHY)) as port, pytest.raises(NotPart):
        look(name, backend(port, health=Health(**settings)))


def test_memory_is_told():
    """Used and limit, in whatever unit."""
    with raw_server(health(HEALTHY)) as port:
        fact = look("health_memory", backend(port))

    assert round(fact.percent, 1) == 23.5


@pytest.mark.parametrize("memory", [{}, {"used": 1}, {"used": "12MB", "limit": 1}, {"used": 1, "limit": 0}, None])
def test_memory_that_is_not_told_is_unknown(memory):
    """A missing number, a text or a limit of zero proves nothing."""
    body = {"status": "ok", "checks": {"memory": memory}}
    with raw_server(health(body)) as port, pytest.raises(CouldNotCheck, match=r"set backend\.health\.memory_"):
        look("health_memory", backend(port))


def test_a_text_body_is_not_read():
    """With body = "text", the status is all there is to know."""
    fact = answer(health(b"pong", content_type="text/plain"), body="text")

    assert fact.problem is None


def test_a_backend_declared_absent_is_not_asked():
    """No backend, no look."""
    with pytest.raises(NotPart):
        look("backend_health", backend(free_port(), absent=True))


HEALTH_JSON = {
    "status": "fail",
    "checks": {
        "pg:responseTime": [{"componentType": "datastore", "status": "fail", "output": "role app is not permitted"}],
        "cpu:utilization": [
            {"componentId": "node-1", "status": "pass", "observedValue": 85},
            {"componentId": "node-2", "status": "warn", "observedValue": 95},
        ],
        "uptime": [{"observedValue": 12}],
    },
}


def test_health_json_is_read():
    """Lists under a name, pass, warn and fail, the part before the colon (draft-inadarei-api-health-check)."""
    talk = health(HEALTH_JSON, "503 Unavailable", content_type="application/health+json")
    with raw_server(talk) as port:
        fact = look("backend_health", backend(port))

    assert fact.problem == "answers 503: pg:responseTime is 'fail'"
    assert (fact.blames, fact.statement, fact.manner) == ("postgres", "role app is not permitted", "error answer")
    assert [(check.name, check.healthy) for check in fact.checks] == [
        ("pg:responseTime", False),
        ("cpu:utilization node-1", True),
        ("cpu:utilization node-2", True),
    ]
    assert fact.silent == ("uptime",)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"status": "DOWN", "components": {"db": {"status": "DOWN", "details": {"error": "no route"}}}}, "components"),
        ({"status": "error", "info": {}, "error": {"database": {"status": "down", "message": "no route"}},
          "details": {"database": {"status": "down", "message": "no route"}}}, "details"),
    ],
    ids=["spring-boot", "nestjs"],
)  # fmt: skip
def test_health_of_the_usual_frameworks_is_read(body, key):
    """Whom it accuses, and in which words."""
    with raw_server(health(body, "503 Unavailable")) as port:
        fact = look("backend_health", backend(port, health=Health(checks_key=key)))

    assert fact.blames == "postgres"
    assert "no route" in fact.statement


@pytest.mark.parametrize(
    ("name", "accused"),
    [
        ("cache", "cache"),
        ("redisCache", "cache"),
        ("orders-db", "orders-db"),
        ("ordersdbPool", ""),
        ("pg:connections", "postgres"),
        ("PostgreSQL", "postgres"),
        ("mailer", ""),
        ("memory", "backend"),
    ],
)
def test_a_sub_check_is_known_by_the_names_of_components(name, accused):
    """Their own, their services', and what their kind is called; the database that this backend needs before others."""
    stack = Stack(
        components={"cache": Component(service="valkey"), "orders-db": PostgresServer(host="db2")},
    )

    assert Blaming(Health(), stack).of(name) == accused


def test_of_two_that_fit_none_is_named():
    """A guess would send somebody to the wrong one."""
    stack = Stack(components={"cache-a": Component(service="cache"), "cache-b": Component(service="cache")})

    assert Blaming(Health(), stack).of("cache") == ""
