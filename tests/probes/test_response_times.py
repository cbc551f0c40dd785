"""Response times: as many requests as the verdict needs, and only successes are fast or slow."""

import itertools
import time

import pytest

from oncall.finding import CouldNotCheck
from oncall.target.schema import Endpoint, Limits
from tests.probes.looking import backend, look
from tests.probes.patients import free_port, raw_server, response, silent

HEALTH = response(b'{"status": "ok"}', content_type="application/json")
OPEN = (Endpoint(name="suites", path="/api/suites", authorized=False),)
CLOSED = (Endpoint(name="suites", path="/api/suites"),)


class Token:
    def header(self):
        return {"Authorization": "Bearer abc"}


def times(answer, *, endpoints=OPEN, health=HEALTH, token=None, limits=None):
    """Serve the endpoint with `answer(connection, count)` and look at it."""
    counter = itertools.count(1)

    def talk(connection, path):
        if path == "/health":
            connection.sendall(health) if health else silent(connection, path)
        else:
            answer(connection, next(counter))

    with raw_server(talk) as port:
        options = {"limits": limits} if limits else {}
        stack = backend(port, endpoints=endpoints)
        return look(
            "response_times", stack, endpoint="suites", access_token=token or CouldNotCheck("no login"), **options
        )


def after(*seconds, status="200 OK"):
    """Answer the first request after the first time, and so on; the last time holds for the rest."""

    def answer(connection, count):
        time.sleep(seconds[min(count, len(seconds)) - 1])
        connection.sendall(response(b"[]", status))

    return answer


def test_a_fast_endpoint_needs_five_requests():
    """When all are well under the limit the verdict is settled."""
    fact = times(after(0.01))

    assert (len(fact.samples), fact.problem) == (5, None)
    assert fact.p95 < 0.3


def test_one_slow_answer_in_twenty_is_not_slow():
    """A cold start is not a slow endpoint."""
    fact = times(after(0.4, 0.0))

    assert len(fact.samples) == 20
    assert fact.p95 < 0.3


def test_two_slow_answers_settle_it():
    """The 95th percentile of twenty cannot be under the limit any more."""
    fact = times(after(0.4))

    assert len(fact.samples) == 2
    assert fact.p95 > 0.3
    assert fact.mostly == "mostly first byte"


def test_an_endpoint_that_hangs_is_slow():
    """A request that is cut off counts with the time that it was waited for."""
    fact = times(silent)

    assert fact.p95 > 0.3
    assert fact.problem is None
    assert fact.mostly == "without an answer"


def test_a_request_cut_off_by_our_own_end_proves_nothing(monkeypatch):
    """When our time is up before the limit, the sample is left out."""
    monkeypatch.setattr("oncall.probes.http.response_times.SECONDS", 1.0)
    began = time.perf_counter()
    # four answers leave less than the limit, even where this machine takes two thirds of the time
    slow = after(0.4, 0.4, 0.4, 0.4, 5)
    fact = times(slow, limits=Limits(health_seconds=0.3, response_seconds=0.9))

    assert {sample.outcome for sample in fact.samples} == {"answered"}
    assert time.perf_counter() - began < 6


@pytest.mark.parametrize(
    ("status", "words"), [("500 Oops", "answers 500"), ("404 No", "answers 404"), ("302 Found", "answers 302")]
)
def test_no_success_is_not_called_slow(status, words):
    """An endpoint that fails fast is told as failing."""
    assert times(after(0, status=status)).problem == words


@pytest.mark.parametrize("status", ["401 No", "403 No", "429 Slow down"])
def test_an_endpoint_that_will_not_serve_us_is_unknown(status):
    """A refusal says nothing about speed."""
    with pytest.raises(CouldNotCheck, match="/api/suites"):
        times(after(0, status=status))


def test_a_failed_login_makes_only_authorised_endpoints_unknown():
    """Who needs no token does not care for the login."""
    assert times(after(0)).problem is None
    with pytest.raises(CouldNotCheck, match="no login"):
        times(after(0), endpoints=CLOSED)
    assert times(after(0), endpoints=CLOSED, token=Token()).problem is None


def test_a_dead_backend_is_told_once():
    """Refused, or hanging like its health check: one finding, elsewhere."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "backend_health"):
        look("response_times", backend(free_port(), endpoints=OPEN), endpoint="suites", access_token=Token())
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "backend_health"):
        times(silent, health=None)


def test_an_endpoint_that_answers_beside_a_hanging_health_check_is_judged():
    """The health check hangs with the database; what answers is judged all the same."""
    assert times(after(0), health=None).problem is None


def saying(served, content_type="application/json", /, **keys):
    """Serve an endpoint with this body and 200; what is wrong with it, and how."""
    endpoints = (Endpoint(name="suites", path="/api/suites", authorized=False, **keys),)
    fact = times(
        lambda connection, _: connection.sendall(response(served, content_type=content_type)), endpoints=endpoints
    )
    return fact.problem, fact.manner


@pytest.mark.parametrize(
    ("body", "keys", "words"),
    [
        (b"<!doctype html><h1>Maintenance", {}, "answers 200 with an HTML page instead of JSON"),
        (b"", {}, "answers 200 with an empty body instead of JSON"),
        (b"all good", {}, "answers 200 with a body that is no JSON"),
        (b'{"success": false, "data": []}', {}, "answers 200 and says success is false"),
        (b'{"errors": ["no"]}', {"error_key": "errors"}, "answers 200 with an error at 'errors'"),
        (b"[]", {"min_items": 1}, "answers 200 with an empty list instead of at least 1"),
        (b'{"data": {"rows": [1]}}', {"min_items": 2, "items_key": "data.rows"},
         "answers 200 with 1 items at 'data.rows' instead of at least 2"),
        (b'{"data": 3}', {"min_items": 1, "items_key": "data"}, "answers 200 without a list at 'data'"),
        (b"[1]", {"contains": "Motel"}, "answers 200 without 'Motel'"),
    ],
)  # fmt: skip
def test_a_success_that_says_something_else_is_a_wrong_answer(body, keys, words):
    """A 200 is no success when its body is another one's, or an error."""
    assert saying(body, **keys) == (words, "wrong answer")


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (b"[]", {}),
        (b'{"success": true, "error": null}', {"error_key": "error"}),
        (b'{"success": false}', {"error_key": ""}),
        (b"plain words", {"body": "text"}),
        (b"<html>report", {"body": "any"}),
        (b"[1, 2]", {"min_items": 2, "contains": "1"}),
    ],
)
def test_a_success_that_says_what_it_should_is_one(body, keys):
    """What the target file allows is no finding."""
    assert saying(body, **keys) == (None, "late")


def test_a_large_answer_is_no_endless_one(monkeypatch):
    """Only what promises no end has none; of what is merely large the beginning is judged."""
    monkeypatch.setattr("oncall.probes.http.response_times.LONGEST_BODY", 100)

    assert saying(b"[" + b"1," * 200 + b"1]")[0] is None


def test_a_body_without_an_end_is_told_with_our_bound(monkeypatch):
    """What was seen is that it went on where we stopped to read."""
    monkeypatch.setattr("oncall.probes.http.response_times.LONGEST_BODY", 1 << 20)
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n"

    def endless(connection, count):
        connection.sendall(head)
        while True:
            connection.sendall(b"1," * 50_000)

    fact = times(endless, limits=Limits(health_seconds=0.3, response_seconds=5))

    assert (fact.problem, fact.manner) == ("sends a body that does not end: cut at 1 MiB", "wrong answer")
