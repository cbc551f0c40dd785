"""A slow login: waited for where all else is quick, measured while it lasts, and told with what the backend does."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from starlette.responses import JSONResponse

from oncall.facts.auth import LoginTime
from oncall.facts.backend import HealthAnswer
from oncall.facts.http import Exchange
from oncall.finding import CouldNotCheck
from oncall.probes.auth.login import patience
from oncall.probes.auth.login_time import PATIENCE, QUICK, LoginWatch
from oncall.runtimes.runtime import Container, Project, Sample
from oncall.target.schema import Limits, Stack
from tests.probes.looking import look
from tests.probes.patient_backend import Look, Patient, served, stack


def health(seconds=0.01, status=200, outcome="answered"):
    return HealthAnswer(
        exchange=Exchange(address="http://api/health", at="api:80", outcome=outcome, status=status, seconds=seconds),
        expected=(200,),
    )


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (health(), PATIENCE),
        (health(seconds=1.5), 2.5),
        (health(status=503), 2.5),
        (health(outcome="timeout", status=0), 2.5),
        (CouldNotCheck("nobody asked"), 2.5),
    ],
    ids=["quick", "slow", "sick", "silent", "unknown"],
)
def test_a_login_is_waited_for_where_all_else_is_quick(told, seconds):
    """Otherwise it would only be late like the rest."""
    assert patience(Limits(), told) == seconds


def test_a_slow_login_is_in_and_is_slow():
    """Past its limit by far, and a token comes; a second one is too much to ask."""
    patient = Patient()
    genuine = patient.login

    async def slow(body):
        await asyncio.sleep(1.3 if body["username"] == "probe" else PATIENCE)
        return genuine(body)

    patient.login = slow
    with served(patient.app) as port:
        look = Look(stack(port))

        assert look("login").problem is None
        assert look("login_time").exchange.seconds > 1.2
        with pytest.raises(CouldNotCheck, check=lambda error: error.root == "login_time"):
            look("refused_login")


def test_a_login_that_is_refused_has_no_time():
    """Nobody gets in: that is told by another check."""
    patient = Patient()
    patient.login = lambda body: JSONResponse({}, 401)
    with served(patient.app) as port, pytest.raises(CouldNotCheck, check=lambda error: error.root == "login"):
        Look(stack(port))("login_time")


class Computing:
    """A runtime that counts so many CPU seconds a second."""

    def __init__(self, cpus):
        self.cpus = cpus

    def sample(self, container):
        used = dict(memory=1, memory_limit=0, cpus=2, periods=0, throttled=0, pids=1, pids_limit=0)
        return Sample(at=time.monotonic(), cpu_seconds=self.cpus * time.monotonic(), **used)


def computing(watch, cpus=1.0):
    runs = Container(id="1", name="backend", service="backend", status="running")
    given = {"runtime": Computing(cpus), "project": Project("motel", (runs,)), "backend_health": None}
    return look("login_computing", Stack(), login_watch=watch, **given)


def under_way(seconds):
    """A login that has begun, and is over after so many seconds."""
    watch, until = LoginWatch(), time.monotonic() + seconds
    watch.begun.set()
    watch.over = SimpleNamespace(wait=lambda most: _waited(until, most))
    return watch


def _waited(until, most):
    time.sleep(max(0.0, min(most, until - time.monotonic())))
    return time.monotonic() >= until


def test_what_computes_while_a_login_lasts_is_measured():
    """One CPU all the while."""
    assert computing(under_way(QUICK + 0.5)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("watch", [LoginWatch(), under_way(0.0)], ids=["none", "quick"])
def test_a_quick_login_is_not_measured(watch):
    """Nor one that nobody sends."""
    assert computing(watch) == 0.0


@pytest.mark.parametrize(
    ("cpus", "words"),
    [
        (0.95, "login takes 4.0 s, spent computing, as a password hash of too high a cost is"),
        (0.2, "login takes 4.0 s"),
        (None, "login takes 4.0 s"),
    ],
)
def test_only_a_backend_that_computes_is_said_to(cpus, words):
    """One that waits, or that nobody could watch, is slow and no more."""
    exchange = Exchange(address="http://api/login", at="api:80", outcome="answered", status=200, seconds=4.0)
    assert LoginTime(exchange=exchange, cpus=cpus).symptom == words
