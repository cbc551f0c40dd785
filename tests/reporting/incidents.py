"""Incidents to write up: runs with their diagnosis and a timeline, as the plugin hands them to a report."""

from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from oncall.diagnosis.advice import advised
from oncall.playbook import parse
from oncall.target.schema import Stack
from oncall.testing import judge
from oncall.timeline.merge import Event
from tests.reporting import runs

PLAYBOOK = parse((Path(__file__).parents[2] / "PLAYBOOK.md").read_text())


def diagnosed(run, *timeline):
    """The run as the plugin would hand it on."""
    found = advised(judge(*run.verdicts), PLAYBOOK, Stack())
    return replace(run, diagnosis=found, timeline=tuple(sorted(timeline, key=lambda one: one.at)))


def moment(clock, what, source="container state", kind="problem", day=23, **fields):
    """One event of the day of the runs, "20:14"."""
    hour, minute = map(int, clock.split(":"))
    at = datetime(2026, 11, day, hour, minute, tzinfo=UTC)
    return Event(at=at, what=what, source=source, kind=kind, **fields)


STOPPED = moment("20:14", "postgres finished with exit code 137", component="postgres")
REFUSED = moment("20:20", "first ECONNREFUSED", "log of backend", component="backend", within_seconds=60.0)
DEPLOYED = moment("19:50", "image changed", "docker events", "change", component="backend")
NIGHT = moment("23:58", "backup finished", "host", "change", day=22)

OUTAGE = diagnosed(runs.OUTAGE, STOPPED, REFUSED, DEPLOYED, NIGHT)
HEALTHY = diagnosed(runs.HEALTHY)
HOSTILE = diagnosed(
    runs.HOSTILE, moment("20:14", runs.ATTACK, runs.ATTACK, component=runs.ATTACK), moment("20:15", "@here # - 1. x")
)
UNKNOWN = diagnosed(runs.run(*runs.UNKNOWN[:1], replace(runs.PASSED, severity="p1")))
SLOW = runs.verdict(
    "test_endpoint_answers_in_time[suites]",
    "p3",
    "failed",
    claim="Pages that need this endpoint load slowly or show an error.",
    symptom="suites takes 3.1 s",
    component="backend",
    layer="fast",
    ambiguity="a lock would look the same",
    playbook="slow-api",
)
LOGIN = runs.verdict(
    "test_probe_account_logs_in",
    "p2",
    "failed",
    claim="Users cannot log in, or wait long for it.",
    symptom="login answers 500",
    component="auth",
    playbook="auth-failure",
)
SECRET = runs.verdict(
    "test_jwt_secret_is_not_a_default",
    "p2",
    "failed",
    claim="Nobody notices: anybody can make tokens that the backend accepts.",
    noticed=False,
    symptom="JWT_SECRET is the one of the tutorial",
    component="auth",
    layer="config",
)
TWO_FAULTS = diagnosed(runs.run(runs.REACHABLE, SLOW))
