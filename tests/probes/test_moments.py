"""The moments that facts carry for the timeline: read off inspect's JSON, a real engine, a real database."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from oncall.probes.logs.accusations import Accused
from oncall.probes.logs.judging import Written, signs
from oncall.probes.logs.lines import read
from oncall.probes.postgres.integrity import written
from oncall.runtimes.compose_records import container
from oncall.runtimes.engine_answers import Inspected
from tests.probes.docker_patients import NO_ENGINE, docker, looks, patients, state, wait

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
engine = pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")


def stamp(**span):
    return (NOW - timedelta(**span)).isoformat().replace("+00:00", "Z")


def health(*codes, streak, started=600, every=10, took=1):
    """The health of a container whose last results had these exit codes."""
    results = [
        {"Start": stamp(seconds=every * (len(codes) - place)), "ExitCode": code,
         "End": stamp(seconds=every * (len(codes) - place) - took)}
        for place, code in enumerate(codes)
    ]  # fmt: skip
    inspected = {
        "Id": "a" * 64,
        "State": {
            "StartedAt": stamp(seconds=started),
            "Health": {"Status": "unhealthy", "FailingStreak": streak, "Log": results},
        },
        "Config": {"Healthcheck": {"Interval": 10_000_000_000}},
    }
    return container(msgspec.convert(inspected, Inspected)).health


def test_failing_since_is_the_end_of_the_first_failure_in_a_row():
    """A check that began before the problem has met it at its end; what passed before it is another story."""
    found = health(0, 1, 0, 1, 1, streak=2)

    assert (found.failing_since, found.since_within_seconds) == (NOW - timedelta(seconds=19), 1.0)
    assert health(0, 0, streak=0).failing_since is None


def test_failures_that_the_engine_has_forgotten_are_counted_back():
    """It keeps five; twelve in a row at one in ten seconds began two minutes ago, give or take a round."""
    found = health(1, 1, 1, 1, 1, streak=12)

    assert (found.failing_since, found.since_within_seconds) == (NOW - timedelta(seconds=119), 11.0)


def test_failures_of_before_the_last_start_are_history():
    """The engine keeps the results of the life before, but counts anew; counting back ends at the start."""
    assert health(1, 1, 1, streak=2, started=25).failing_since == NOW - timedelta(seconds=19)
    assert health(1, 1, 1, streak=40, started=60).failing_since == NOW - timedelta(seconds=60)


def test_a_result_without_times_is_no_moment():
    """Other engines leave out what they like."""
    inspected = {
        "Id": "a" * 64,
        "State": {"Health": {"Status": "unhealthy", "FailingStreak": 2, "Log": [{"ExitCode": 1}]}},
    }

    assert container(msgspec.convert(inspected, Inspected)).health.failing_since is None


def said(text, **before):
    at = NOW - timedelta(**before)
    return read(text.encode(), at)


@pytest.mark.parametrize(
    ("others", "since"),
    [
        ([], 14),
        ([18, 22, 26], 26),
        ([18, 22, 40], 22),  # more than five minutes of silence
        ([40], 14),
    ],
    ids=["none", "unbroken", "broken once", "long before"],
)
def test_a_series_of_lines_begins_where_it_was_last_silent(others, since):
    """Lines that are too old to count still tell when it began."""
    minutes = sorted([*others, 14, 3], reverse=True)
    lines = [said("Error: ENOSPC: no space left on device", minutes=one) for one in minutes]
    log = Written(lines=lines, started_at=NOW - timedelta(hours=9))
    (sign,), _ = signs(
        "backend", [log], now=NOW, recent=timedelta(minutes=15), up_since={}, blame=lambda a, b: Accused(a)
    )

    assert sign.first == NOW - timedelta(minutes=14)
    assert sign.since == NOW - timedelta(minutes=since)
    assert sign.count == 2


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-11-25 11:59:58.123 UTC [7] PANIC:  x", NOW - timedelta(seconds=1.877)),
        ("2026-11-25 11:59:58 GMT [7] PANIC:  x", NOW - timedelta(seconds=2)),
        ("2026-11-25 11:59:58.123 CET [7] PANIC:  x", None),
        ("2026-06-31 11:59:58 UTC [7] PANIC:  x", None),
        ("PANIC:  at 2026-11-25 11:59:58 UTC", None),
    ],
)
def test_a_line_of_the_databases_log_has_a_time_where_its_zone_is_known(line, at):
    """Another zone's name says little: CST is three of them."""
    assert written(line) == at


@pytest.mark.docker
@engine
def test_a_real_engine_keeps_all_of_these():
    """One container's life, its death by hand, and one that is gone: absolute times, at no further request."""
    with patients("moments") as them:
        before = datetime.now(UTC)
        them.start("backend", "sleep", "600")
        gone = them.start("frontend", "sleep", "600")
        sick = ("--health-cmd", "false", "--health-interval", "1s", "--health-retries", "2")
        them.start("sick", "sleep", "600", options=sick)
        docker("kill", "--signal", "KILL", them.names["backend"])
        docker("rm", "-f", gone)
        wait(lambda: state(them.names["backend"], "{{.State.Running}}") == "false", "an end")
        wait(lambda: state(them.names["sick"], "{{.State.Health.Status}}") == "unhealthy", "a health check's failure")
        fact, oom, found = looks(["service_containers", "oom_kills", "docker_engine"], them.stack())
        (ill,) = looks(["service_health"], them.stack(), "sick")[0].containers
        after = datetime.now(UTC)
    (one,) = fact.containers
    told = {(event.component, event.action): event for event in oom.events}

    assert before <= one.created_at <= one.started_at <= one.finished_at <= after
    assert (found.ahead_seconds, found.uncertain_seconds) == (0.0, 0.0)
    assert before <= found.looked_at <= after
    assert before <= ill.failing_since <= after
    assert ("sick", "health_status: unhealthy") in told
    assert told["backend", "kill"].signal == 9
    assert told["backend", "die"].exit_code == 137
    assert abs(told["backend", "die"].at - one.finished_at) < timedelta(seconds=2)
    assert {action for component, action in told if component == "frontend"} >= {"create", "start", "die", "destroy"}
    assert [event.at for event in oom.events] == sorted(event.at for event in oom.events)
