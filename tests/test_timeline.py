"""What happened when: each source by a literal, and two stacks that are really broken."""

import itertools
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stack.docker.lifecycle
import stack.lifecycle
from oncall.facts.backend import HealthAnswer
from oncall.facts.containers import ContainerState, DockerEngine, HealthResult, ServiceContainers, ServiceHealth
from oncall.facts.host import NewestBackup
from oncall.facts.http import Exchange
from oncall.facts.logs import AuthenticationLog, ContainerLog, ErrorBursts, ErrorKind, ErrorTemplate, LogSign
from oncall.facts.migrations import FailedMigration, MigrationLock, Migrations, MigrationTimes
from oncall.facts.oom import EngineEvent, OomKill, OomKills
from oncall.facts.postgres import (
    CorruptionLog,
    DamagedDatabase,
    DatabaseClock,
    DatabaseConnection,
    DatabaseRole,
    PageChecksums,
)
from oncall.facts.queries import Blocked, Session, Sessions
from oncall.target.schema import Limits
from oncall.timeline.merge import Event, changes, first_sign, timeline
from stack import faults
from tests.patient import quiet, running

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parent.parent
LOCAL = DockerEngine(address="the socket", outcome="answers", local=True, ahead_seconds=0.0)
EXACT = DatabaseClock(offset_seconds=0.0, round_trip_seconds=0.002)


def ago(**span):
    return NOW - timedelta(**span)


def told(*facts, seconds=3.0, limits=None):
    """The timeline of these facts without the run's own two lines."""
    looks = {f"look {number}": fact for number, fact in enumerate(facts)}
    events = timeline(looks, NOW, seconds, limits or Limits())
    return [event for event in events if event.kind != "run"]


def lines(*facts, **options):
    """Of each event: how long ago in seconds, its kind, component and words."""
    found = told(*facts, **options)
    return [(round((NOW - one.at).total_seconds(), 3), one.kind, one.component, one.what) for one in found]


def container(component="backend", number=1, **state):
    known = {"id": f"{component}{number}", "name": f"shop-{component}-{number}", "status": "running", "exit_code": 0}
    return ContainerState(**known | state)


def service(*containers, component="backend"):
    return ServiceContainers(component=component, service=component, project="shop", containers=containers)


def kills(*found, events=()):
    return OomKills(kills=found, events=events, sources={"container state": "read"})


def happened(action, at, component="backend", number=1, **more):
    return EngineEvent(component=component, id=f"{component}{number}", action=action, at=at, **more)


def kill(source="container state", **more):
    known = {"component": "backend", "service": "backend", "name": "shop-backend-1", "id": "backend1", "source": source}
    return OomKill(**known | more)


# The run, order, bounds


def test_a_run_without_facts_has_itself_to_tell_of():
    """Its start and its end; nothing is a problem."""
    events = timeline({}, NOW, 2.5)

    assert [(one.what, one.kind, one.at) for one in events] == [
        ("this run began", "run", NOW),
        ("this run ended", "run", NOW + timedelta(seconds=2.5)),
    ]
    assert first_sign(events) is None


def many():
    return [
        LOCAL,
        EXACT,
        service(container(created_at=ago(hours=3), started_at=ago(hours=2))),
        service(
            container("postgres", status="exited", exit_code=137, started_at=ago(hours=2), finished_at=ago(minutes=9)),
            component="postgres",
        ),
        ContainerLog(
            service="backend",
            containers=1,
            signs=(LogSign(name="refused", meaning="postgres refuses", count=2, first=ago(minutes=9), last=NOW),),
        ),
    ]


def test_the_order_of_arrival_makes_no_difference():
    """Two runs over the same stack tell the same story."""
    stories = {tuple(told(*order)) for order in itertools.permutations(many())}

    assert len(stories) == 1
    (story,) = stories
    assert [one.at for one in story] == sorted(one.at for one in story)
    assert all(one.at.utcoffset() == timedelta(0) for one in story)


def test_at_most_sixty_lines_and_the_first_sign_among_them():
    """The oldest changes go first; of problems the first sign stays whatever comes after it."""
    migrated = tuple(
        MigrationTimes(name=f"{number:02}", finished_at=ago(hours=1, seconds=number)) for number in range(20)
    )
    signs = tuple(
        LogSign(name=f"sign {number}", meaning=f"sign {number}", count=1, first=ago(minutes=5, seconds=number))
        for number in range(56)
    )
    facts = {
        "migrations": Migrations(table="m", exists=True, newest=migrated),
        "log": ContainerLog(service="backend", containers=1, signs=signs),
    }
    events = timeline(facts, NOW, 1.0)
    only_problem = timeline(
        {str(n): ContainerLog(service=f"s{n}", containers=1, signs=signs) for n in range(3)}, NOW, 1
    )

    assert len(events) == len(only_problem) == 60
    assert [one.what for one in events if one.kind == "change"] == [f"migration {n:02} was applied" for n in (1, 0)]
    assert first_sign(events).what == first_sign(only_problem).what == "sign 55"
    assert [one.kind for one in events[-2:]] == ["run", "run"]


def test_a_change_of_long_ago_is_left_out_and_problem_is_not():
    """What was deployed last year tells nothing of today; what has been broken since then does."""
    facts = [
        Migrations(table="m", exists=True, newest=(MigrationTimes(name="old", finished_at=ago(days=300)),)),
        service(container(status="exited", exit_code=1, created_at=ago(days=99), finished_at=ago(days=30))),
    ]

    assert [one.what for one in told(*facts)] == ["ended with exit code 1"]


# Containers


def test_the_life_of_a_container():
    """Made, started, ended: each by its own time."""
    state = container(created_at=ago(hours=2), started_at=ago(hours=1), finished_at=ago(hours=1, seconds=30))

    assert lines(LOCAL, service(state)) == [
        (7200, "change", "backend", "container made anew"),
        (3630, "change", "backend", "ended"),
        (3600, "change", "backend", "started"),
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "exited", "exit_code": 137}, "ended with exit code 137, killed (SIGKILL)"),
        ({"status": "restarting", "exit_code": 1, "restarts": 4}, "ended with exit code 1, after 4 restarts by Docker"),
        ({"status": "running", "restarts": 5, "up_seconds": 1.0}, "ended, after 5 restarts by Docker"),
        (
            {"status": "exited", "exit_code": 137, "oom_killed": True},
            "killed for lack of memory; ended with exit code 137, killed (SIGKILL)",
        ),
    ],
)
def test_an_end_that_lasts_is_problem(state, words):
    """It does not run, or it only starts again and again."""
    one = container(started_at=ago(seconds=50), finished_at=ago(seconds=40), **state)
    found = told(LOCAL, service(one))

    assert first_sign(found) == Event(
        at=ago(seconds=40), what=words, source="container state", kind="problem", component="backend"
    )


def test_a_container_that_never_started_was_made_and_failed_at_once():
    """The change stands beside the problem that it brought."""
    one = container(status="created", exit_code=127, error="no such file", created_at=ago(minutes=1))
    found = told(LOCAL, service(one))

    assert [(event.kind, event.what) for event in found] == [
        ("change", "container made anew"),
        ("problem", "was created but never started: exit code 127, its command was not found"),
    ]
    assert [one.what for one in changes(found, "backend", first_sign(found).at)] == ["container made anew"]


def test_replicas_are_told_apart_and_another_image_is_told():
    """The one that was made last is the suspect."""
    old = container(number=1, created_at=ago(days=2), started_at=ago(days=2), image="shop:1")
    new = container(number=2, created_at=ago(hours=1), started_at=ago(hours=1), image="shop:2")
    found = lines(LOCAL, service(old, new))

    assert (3600, "change", "backend", "container made anew from another image: shop:2 instead of shop:1 "
            "(shop-backend-2)") in found  # fmt: skip
    assert len(found) == len(set(found)) == 4


def test_two_looks_at_one_container_are_told_once():
    """The backend's containers are looked at for two checks, a few milliseconds apart."""
    looks = [service(container(up_seconds=100.0 + number / 100)) for number in range(2)]

    assert lines(LOCAL, *looks) == [(100, "change", "backend", "started")]


def test_a_snapshot_without_the_moments_counts_back():
    """Old snapshots hold ages only: the run's own length is how far off they may be."""
    one = container(status="exited", exit_code=1, ended_seconds_ago=60.0)
    (event,) = told(LOCAL, service(one), seconds=4.0)

    assert (event.at, event.within_seconds, event.kind) == (ago(minutes=1), 4.0, "problem")


# Docker's health log


def test_health_is_told_from_its_first_failure():
    """Not from when Docker made up its mind."""
    sick = HealthResult(id="backend1", name="b", status="unhealthy", streak=12, failing_since=ago(minutes=6),
                        since_within_seconds=30.0)  # fmt: skip
    well = HealthResult(id="backend2", name="c", status="healthy")
    (event,) = told(LOCAL, ServiceHealth(component="backend", service="backend", containers=(sick, well)))

    assert event == Event(
        at=ago(minutes=6),
        what="health check failed for the first time of 12 in a row (b)",
        source="health log",
        kind="problem",
        component="backend",
        within_seconds=30.0,
    )


# Engine events


def test_one_moment_of_two_sources_is_one_line():
    """The container's state and the engine's event tell of the same end."""
    end = ago(minutes=2)
    state = container(status="exited", exit_code=137, started_at=ago(hours=1), finished_at=end)
    events = (
        happened("kill", end - timedelta(milliseconds=90), signal=9),
        happened("die", end + timedelta(milliseconds=40), exit_code=137),
    )
    found = told(LOCAL, service(state), kills(events=events))

    assert [(one.kind, one.what, one.source) for one in found[1:]] == [
        ("change", "was sent SIGKILL by somebody", "engine event"),
        ("problem", "ended with exit code 137, killed (SIGKILL)", "container state, engine event"),
    ]
    assert first_sign(found).at == end
    assert changes(found, "backend", end)[0].what == "was sent SIGKILL by somebody"


def test_traces_of_one_kill_are_one_line():
    """State, event and kernel log: the surest time, and all that they say."""
    end = ago(minutes=3)
    state = container(status="exited", exit_code=137, oom_killed=True, started_at=ago(hours=1), finished_at=end)
    traces = (
        kill(at=end, age_seconds=180.0, whole=True, down=True),
        kill("engine event", at=end - timedelta(milliseconds=200), age_seconds=180.2),
        kill("kernel log", at=end - timedelta(seconds=1), age_seconds=181.0),
    )
    found = told(LOCAL, service(state), kills(*traces, events=(happened("oom", end), happened("die", end))))

    assert [(one.what, one.source) for one in found if one.kind == "problem"] == [
        (
            "killed for lack of memory; ended with exit code 137, killed (SIGKILL)",
            "container state, engine event, kernel log",
        )
    ]


def test_two_replicas_that_end_together_are_two_lines():
    """Only moments of one container are one."""
    both = [container(number=n, status="exited", exit_code=1, finished_at=ago(minutes=1)) for n in (1, 2)]

    assert len(told(LOCAL, service(*both))) == 2


def test_the_database_and_its_container_start_once():
    """The postmaster comes a moment after its container."""
    state = container("postgres", started_at=ago(minutes=30))
    role = DatabaseRole(state="primary", started_at=ago(minutes=30) + timedelta(seconds=1), up_seconds=1799.0)
    (event,) = told(LOCAL, EXACT, service(state, component="postgres"), role)

    assert (event.source, event.at) == ("container state, database", ago(minutes=30))


def test_a_loop_is_told_by_its_first_and_its_last_round():
    """Forty deaths are one story."""
    events = [happened(action, ago(minutes=9) + timedelta(seconds=10 * n + late), exit_code=code)
              for n in range(40) for action, late, code in (("start", 0, None), ("die", 3, 1))]  # fmt: skip
    state = container(
        status="restarting", exit_code=1, restarts=40, started_at=events[-2].at, finished_at=events[-1].at
    )
    found = told(LOCAL, service(state), kills(events=tuple(events)))

    assert [one.kind for one in found] == ["change", "problem", "change", "problem"]
    assert first_sign(found).at == events[1].at
    assert any(one.what.endswith("the last of several times") for one in found)


def test_a_container_that_is_gone_is_known_by_its_events():
    """Nothing else remembers it."""
    gone = (
        happened("die", ago(seconds=31), exit_code=0, component="frontend"),
        happened("destroy", ago(seconds=30), component="frontend"),
    )
    found = told(LOCAL, service(component="frontend"), kills(events=gone))

    assert [(one.kind, one.what) for one in found] == [
        ("problem", "ended with exit code 0"),
        ("problem", "container removed by somebody"),
    ]


def test_a_deployment_is_a_change_and_its_new_image_is_told():
    """The old container's end belongs to it."""
    begun = ago(minutes=4)
    events = tuple(
        happened(action, begun + timedelta(seconds=number), number=of, image=image, exit_code=code)
        for number, (action, of, image, code) in enumerate(
            [("die", 1, "shop:1", 0), ("destroy", 1, "shop:1", None), ("create", 2, "shop:2", None),
             ("start", 2, "shop:2", None)]
        )
    )  # fmt: skip
    new = container(number=2, created_at=events[2].at, started_at=events[3].at, image="shop:2")
    found = told(LOCAL, service(new), kills(events=events))

    assert first_sign(found) is None
    assert [one.what for one in changes(found, "backend", NOW)] == [
        "started",
        "container made anew from another image: shop:2 instead of shop:1",
        "container removed by somebody",
        "ended with exit code 0",
    ]


def test_a_pause_is_problem_while_it_lasts():
    """Somebody's pause of before is none."""
    paused = service(container(status="paused", started_at=ago(hours=1)))
    going = service(container(started_at=ago(hours=1)))
    pause, unpause = happened("pause", ago(seconds=20)), happened("unpause", ago(seconds=10))

    assert first_sign(told(LOCAL, paused, kills(events=(pause,)))).what == "paused by somebody"
    assert first_sign(told(LOCAL, going, kills(events=(pause, unpause)))) is None


# Benign scenarios


BENIGN = {
    "killed and started again": [
        service(container(started_at=ago(minutes=2), finished_at=ago(minutes=2, seconds=4))),
        kills(events=(happened("die", ago(minutes=2, seconds=4), exit_code=137), happened("start", ago(minutes=2)))),
    ],
    "ended and started, the start forgotten by the engine": [
        service(container(started_at=ago(minutes=2))),
        kills(events=(happened("die", ago(minutes=3), exit_code=1),)),
    ],
    "killed for memory before a start by hand": [
        service(container(started_at=ago(minutes=2), finished_at=ago(minutes=3))),
        kills(
            kill(at=ago(minutes=3), age_seconds=180.0, superseded=True),
            events=(happened("oom", ago(minutes=3)), happened("die", ago(minutes=3), exit_code=137)),
        ),
    ],
    "a child killed for memory hours ago": [kills(kill("kernel log", at=ago(hours=5), age_seconds=5 * 3600.0))],
    "a health check that failed and passes again": [
        service(container(started_at=ago(hours=1))),
        kills(
            events=(
                happened("health_status: unhealthy", ago(minutes=5)),
                happened("health_status: healthy", ago(minutes=4)),
            )
        ),
    ],
    "unhealthy before its last start": [
        service(container(started_at=ago(minutes=1))),
        kills(events=(happened("health_status: unhealthy", ago(minutes=5)),)),
    ],
    "lines from before the last start": [
        ContainerLog(
            service="backend",
            containers=1,
            past=(LogSign(name="heap", meaning="its heap is full", count=3, first=ago(hours=1), last=ago(hours=1)),),
        )
    ],
    "a migration that failed and was applied in the end": [
        Migrations(
            table="m",
            exists=True,
            rows=2,
            newest=(
                MigrationTimes(name="07", started_at=ago(hours=1), finished_at=ago(hours=1)),
                MigrationTimes(name="07", started_at=ago(hours=2), rolled_back_at=ago(minutes=90)),
            ),
        )
    ],
    "a few refused logins": [
        AuthenticationLog(
            service="backend",
            containers=1,
            minutes=15,
            kinds=(ErrorKind(name="login", words="refused logins", count=3, first=ago(minutes=3), last=NOW),),
        )
    ],
    "one restart by Docker": [service(container(restarts=1, started_at=ago(hours=3), finished_at=ago(hours=3)))],
}


@pytest.mark.parametrize("name", BENIGN)
def test_what_is_over_is_no_sign_of_problem(name):
    """Before the last start, superseded, old, or mended: at most a change."""
    found = told(LOCAL, EXACT, *BENIGN[name])

    assert first_sign(found) is None
    assert {one.kind for one in found} <= {"change"}


def test_a_kill_that_docker_itself_mended_still_counts():
    """Its own restart is no mend: it will come again."""
    state = container(restarts=1, started_at=ago(minutes=2), finished_at=ago(minutes=2, seconds=1))
    end = ago(minutes=2, seconds=1)
    found = told(LOCAL, service(state), kills(kill("engine event", at=end, age_seconds=121.0)))

    assert first_sign(found).what == "a process was killed for lack of memory; ended"


def test_a_kill_without_a_time_lies_somewhere_behind_us():
    """A counter has no clock: the line says so, and how far back it may have been; a dated trace is better."""
    counted = kill("cgroup counter", longest_seconds=300.0)
    (alone,) = told(LOCAL, kills(counted))
    (dated,) = told(LOCAL, kills(counted, kill("engine event", at=ago(minutes=1), age_seconds=60.0)))

    assert (alone.at, alone.within_seconds) == (NOW, 300.0)
    assert alone.what == "a process was killed for lack of memory at some time since its last start"
    assert dated.at == ago(minutes=1)


# Logs


def test_a_sign_is_told_by_its_first_and_its_last_line():
    """With its meaning, and once when there is but one line."""
    signs = (
        LogSign(name="refused", meaning="postgres refuses connections", count=40, first=ago(minutes=8), last=NOW),
        LogSign(name="disk-full", meaning="no space is left on its disk", count=1, first=ago(minutes=3)),
        LogSign(name="unhandled", meaning="an exception was not handled", count=2),  # lines without a time
    )
    log = ContainerLog(service="backend", containers=1, signs=signs)

    assert lines(LOCAL, log) == [
        (480, "problem", "backend", "postgres refuses connections (first of 40 lines)"),
        (180, "problem", "backend", "no space is left on its disk"),
        (0, "problem", "backend", "postgres refuses connections (last line)"),
    ]
    assert {one.source for one in told(LOCAL, log)} == {"log of backend"}


def test_a_sign_that_has_gone_on_for_longer_than_counts():
    """The first sign of a problem is where the unbroken series began."""
    sign = LogSign(
        name="refused", meaning="it is refused", count=9, first=ago(minutes=14), last=NOW, since=ago(hours=2)
    )

    assert lines(LOCAL, ContainerLog(service="backend", containers=1, signs=(sign,)))[0] == (
        7200,
        "problem",
        "backend",
        "it is refused (since then, again and again)",
    )


def test_a_burst_of_one_error_is_told_by_its_first_and_its_last_line():
    """In its own words; too few of another are none."""
    many, few = (ErrorTemplate(template="x", count=n, first=ago(minutes=3), last=NOW, line="ERROR x") for n in (12, 9))
    log = ErrorBursts(component="worker", containers=1, minutes=15, templates=(many, few))

    assert lines(LOCAL, log) == [
        (180, "problem", "worker", "ERROR x (first of 12)"),
        (0, "problem", "worker", "ERROR x (last line)"),
    ]


def test_a_burst_of_errors_belongs_to_its_subject():
    """Refused logins are problem of auth, whoever writes the line; too few are none."""
    many, few = (ErrorKind(name=str(n), words="refused logins", count=n, first=ago(minutes=3), last=NOW)
                 for n in (30, 9))  # fmt: skip
    log = AuthenticationLog(service="backend", containers=1, minutes=15, kinds=(many, few))

    assert lines(LOCAL, log) == [
        (180, "problem", "auth", "refused logins (first of 30)"),
        (0, "problem", "auth", "refused logins (last line)"),
    ]
    assert told(LOCAL, log, limits=Limits(log_burst=31)) == []


def test_damage_does_not_age():
    """A checksum that failed last month is still true."""
    checksums = PageChecksums(
        databases_seen=3, damaged=(DamagedDatabase(database="motel", failures=2, last=ago(days=30)),)
    )
    log = CorruptionLog(files=("a",), lines_read=9, count=2, first=ago(days=31), last=ago(days=30))

    assert [one[1:] for one in lines(EXACT, checksums, log)] == [
        ("problem", "postgres", "the log speaks of damage (first of 2 lines)"),
        ("problem", "postgres", "last of 2 checksum failures in motel"),
        ("problem", "postgres", "the log speaks of damage (last line)"),
    ]


# The database


def test_migrations_are_changes_until_one_fails():
    """A quick one is one line, a slow one two; what began and never ended is problem."""
    newest = (
        MigrationTimes(name="04", started_at=ago(minutes=5)),
        MigrationTimes(name="03", started_at=ago(hours=1), rolled_back_at=ago(minutes=50)),
        MigrationTimes(name="02", started_at=ago(hours=3), finished_at=ago(hours=2)),
        MigrationTimes(name="01", started_at=ago(hours=4, seconds=1), finished_at=ago(hours=4)),
    )
    fact = Migrations(
        table="m", exists=True, rows=4, newest=newest, failed=(FailedMigration(name="04", age_seconds=300.0),)
    )

    assert [(one[1], one[3]) for one in lines(EXACT, fact)] == [
        ("change", "migration 01 was applied"),
        ("change", "migration 02 began"),
        ("change", "migration 02 was applied"),
        ("change", "migration 03 began"),
        ("change", "migration 03 was marked as rolled back"),
        ("problem", "migration 04 began, and never finished"),
    ]
    for component in ("auth", "backend", "postgres"):
        assert changes(told(EXACT, fact), component, NOW)[0].what == "migration 03 was marked as rolled back"
    assert changes(told(EXACT, fact), "frontend", NOW) == ()


def test_a_failed_migration_of_an_old_snapshot_counts_back():
    """It holds an age only."""
    fact = Migrations(table="m", exists=True, rows=1, failed=(FailedMigration(name="04", age_seconds=300.0),))
    (event,) = told(fact, seconds=2.0)

    assert (event.at, event.within_seconds, event.kind) == (ago(minutes=5), 2.0, "problem")


def test_sessions_are_told_when_they_are_over_their_limits():
    """The oldest of each kind; none of its SQL."""

    def session(pid, seconds):
        return Session(pid=pid, user="app", application="", client="", state="", seconds=seconds, query="SELECT secret")

    fact = Sessions(
        seen=9,
        running=(session(1, 90), session(2, 80)),
        idle=(session(3, 700), session(4, 59)),
        blocked=(Blocked(waiting=session(5, 40), root_name="pid 3"),),
    )
    lock = MigrationLock(locks_seen=9, holder_pid=7, seconds=20.0)

    assert [(one[0], one[3]) for one in lines(fact, lock)] == [
        (700, "pid 3 left a transaction idle"),
        (90, "a query of pid 1 began that still runs"),
        (40, "pid 5 began to wait for a lock"),
        (20, "pid 7 holds the migration lock since then"),
    ]
    assert told(Sessions(seen=9, running=(session(1, 9),)), MigrationLock(locks_seen=1)) == []


# The host, and what the run met itself


def test_backups_are_changes_until_they_fail_us():
    """Written, unreadable, or too old from a certain moment on."""
    fresh = NewestBackup(pattern="*", matches=1, age_seconds=3600.0, reading="read")
    broken = NewestBackup(pattern="*", matches=1, age_seconds=3600.0, reading="broken")
    old = NewestBackup(pattern="*", matches=1, age_seconds=30 * 3600.0, reading="read")

    assert [one[1] for one in lines(fresh)] == ["change"]
    assert lines(broken) == [(3600, "problem", "host", "the newest backup was written, and cannot be read")]
    assert lines(old)[1] == (4 * 3600, "problem", "host", "the newest backup became older than 26 h")
    assert told(NewestBackup(pattern="*", matches=0)) == []


def test_what_the_run_met_itself_has_a_moment_too():
    """Where nothing else keeps a time, this is the first sign."""
    refused = Exchange(address="http://127.0.0.1:1/health", at="127.0.0.1:1", outcome="refused")
    facts = [
        HealthAnswer(exchange=refused, expected=(200,), looked_at=NOW + timedelta(seconds=1)),
        DatabaseConnection(address="db:5432", outcome="refused", looked_at=NOW),
        DockerEngine(address="the socket", outcome="refused", looked_at=NOW),
    ]

    assert {(one.component, one.kind, one.source) for one in told(*facts)} == {
        (component, "problem", "this run") for component in ("backend", "postgres", "docker")
    }
    assert told(DatabaseConnection(address="db:5432", outcome="accepted", looked_at=NOW)) == []


# Clocks


def test_times_of_another_clock_are_shifted_by_what_is_known_of_it():
    """A database ten minutes ahead would have started after the run that looks at it."""
    fast = DatabaseClock(offset_seconds=600.0, round_trip_seconds=0.2)
    role = DatabaseRole(state="primary", started_at=ago(minutes=-9), up_seconds=60.0)
    (event,) = told(fast, role)

    assert (event.at, event.within_seconds) == (ago(minutes=1), 0.1)


def test_an_engine_elsewhere_has_a_clock_of_its_own():
    """Containers, health, events and log lines all go by it."""
    ahead = DockerEngine(
        address="tcp://b:2375", outcome="answers", local=False, ahead_seconds=120.0, uncertain_seconds=0.05
    )
    later = ago(seconds=-60)  # its own word for a minute ago
    facts = [
        service(container(status="exited", exit_code=1, finished_at=later)),
        kills(kill(at=later, age_seconds=60.0, down=True), events=(happened("die", later, exit_code=1),)),
        ContainerLog(
            service="backend", containers=1, signs=(LogSign(name="x", meaning="it is full", count=1, first=later),)
        ),
    ]
    found = told(ahead, *facts)

    assert {(one.at, one.within_seconds) for one in found} == {(ago(seconds=60), 0.05)}


def test_an_unknown_clock_makes_a_moment_uncertain():
    """By as much as the suite tolerates between clocks; a start is counted back instead, which needs no clock."""
    elsewhere = DockerEngine(address="tcp://b:2375", outcome="answers", local=False)
    state = service(container(status="exited", exit_code=1, finished_at=ago(minutes=1)))
    role = DatabaseRole(state="primary", started_at=ago(minutes=-9), up_seconds=60.0)

    assert [one.within_seconds for one in told(elsewhere, state)] == [5.0]
    assert [(one.at, one.within_seconds) for one in told(role, seconds=2.0)] == [(ago(minutes=1), 2.0)]


def test_times_that_no_calendar_holds_are_left_out():
    """A snapshot may have been anywhere: the rest is told all the same."""
    odd = service(container(up_seconds=1e300), container(number=2, started_at=datetime(2026, 11, 25)))  # noqa: DTZ001
    late = DatabaseClock(offset_seconds=float("nan"), round_trip_seconds=0.1)
    role = DatabaseRole(state="primary", started_at=ago(hours=1), up_seconds=3600.0)
    backup = NewestBackup(pattern="*", matches=1, age_seconds=60.0, reading="read")

    assert [one.what for one in told(LOCAL, odd, late, role, backup)] == ["the newest backup was written"]


# Questions to a timeline


def test_changes_of_the_last_day_newest_first():
    """Before the first sign, of this component only; problem and the run are no changes."""

    def event(hours, component="backend", kind="change", what="started"):
        return Event(at=ago(hours=hours), what=what, source="container state", kind=kind, component=component)

    events = (event(30), event(20), event(9, "frontend"), event(5), event(4, kind="problem"), event(3))

    assert changes(events, "backend", ago(hours=4)) == (event(5), event(20))


def test_the_first_sign_can_be_asked_of_some_components_only():
    """A backup that failed last night is not when today's outage began."""
    night = Event(at=ago(hours=10), what="broken", source="backup file", kind="problem", component="host")
    today = Event(at=ago(minutes=1), what="ended", source="container state", kind="problem", component="postgres")

    assert first_sign((night, today)) == night
    assert first_sign((night, today), {"postgres", "backend"}) == today
    assert first_sign((night, today), {"frontend"}) is None


# Real stacks, really broken


def broken(tmp_path, life, *names):
    """Break a stack, look at it: the moment of breaking, the timeline of the result file, and its end."""
    mode = "docker" if life is stack.docker.lifecycle else "embedded"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONT", "ONCALL"))}
    with running(tmp_path, life) as home:
        before = datetime.now(UTC)
        faults.inject(life.running(home), faults.named(names, mode), quiet)
        after, result = datetime.now(UTC), tmp_path / "result.json"
        command = [sys.executable, "-m", "pytest", f"--target={home.target}", f"--json={result}"]
        run = subprocess.run(
            [*command, f"--html={tmp_path / 'report.html'}"], cwd=ROOT, env=clean, capture_output=True, text=True,
            timeout=90,
        )  # fmt: skip
    assert run.returncode == 1, run.stdout
    events = json.loads(result.read_text())["timeline"]
    for event in events:
        event["at"] = datetime.fromisoformat(event["at"])
    return before, after, events


def sign_of(events):
    return next(event for event in events if event["kind"] == "problem")


@pytest.mark.stack
def test_the_first_sign_is_when_a_process_was_killed(tmp_path):
    """Without Docker nobody keeps the moment of an end: it is when the run met nobody, seconds later."""
    before, after, events = broken(tmp_path, stack.lifecycle, "backend-killed")
    sign = sign_of(events)

    assert sign["component"] == "backend"
    assert before <= sign["at"] <= after + timedelta(seconds=15)
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


@pytest.mark.stack
def test_the_first_sign_is_when_a_migration_failed(tmp_path):
    """The database keeps the moment itself."""
    before, after, events = broken(tmp_path, stack.lifecycle, "migrations-failed")
    sign = sign_of(events)
    slack = timedelta(seconds=sign["within_seconds"] + 0.1)

    assert sign["source"] == "migrations table"
    assert before - slack <= sign["at"] <= after + slack


@pytest.mark.docker
def test_the_first_sign_is_when_a_container_was_killed(tmp_path):
    """The engine's event and the container's state agree, and who sent the signal stands before it."""
    before, after, events = broken(tmp_path, stack.docker.lifecycle, "container-postgres-killed")
    sign = sign_of(events)
    earlier = [event for event in events if event["at"] <= sign["at"] and event["component"] == "postgres"]

    assert sign["what"] == "ended with exit code 137, killed (SIGKILL)"
    assert (sign["component"], sign["within_seconds"]) == ("postgres", 0.0)
    assert sign["source"].startswith("container state")
    assert before <= sign["at"] <= after
    assert [event["what"] for event in earlier if event["kind"] == "change"][:2] == ["container made anew", "started"]
