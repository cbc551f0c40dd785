"""Runs to tell of: a healthy one, one fault, an outage, two faults, a selection, and one whose every text is an attack.

Those with a diagnosis have it written down here, so that a report is tested on the records and not on `diagnose()`.
"""

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from oncall.diagnosis.advice import advised
from oncall.diagnosis.cause import Cause, Diagnosis
from oncall.facts.backend import ResponseTimes
from oncall.facts.container_stats import ContainerStats, ContainerUse
from oncall.facts.http import Exchange, Phases
from oncall.facts.logs import ContainerLog, LogSign
from oncall.facts.postgres import ConnectionSlots
from oncall.facts.queries import Statement, Statements
from oncall.results.comparison import Change, Comparison
from oncall.results.record import RunRecord
from oncall.target.schema import Stack
from oncall.timeline.merge import Event
from oncall.verdict import Acceptance, ProbeNote, Verdict

ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> javascript:alert(3) {{7*7}} {% raw %} </style></details>"
    "' \" & \x1b[31m\x1b]8;;http://evil\x07click\x1b\\ \u202egpj\u2066 \u200b\ufeff\r\n"
    "::error::\x00\x7f\x9b\u2028\ud800"
)


def verdict(check, severity, outcome, **fields):
    return Verdict(check=check, nodeid=f"checks/test_it.py::{check}", severity=severity, outcome=outcome, **fields)


def run(*verdicts, **fields):
    placed = tuple(replace(one, position=place) for place, one in enumerate(verdicts))
    about = {"stack": "motel", "started": datetime(2026, 11, 23, 20, 29, tzinfo=UTC), "seconds": 3.42, "host": "ops-1"}
    about |= {"budget": 10.0, "report": "reports/diagnosis.html", "versions": {"pytest-oncall": "0.1.0"}}
    return RunRecord(verdicts=placed, **about | fields)


NO_DATABASE = "the database was not reached"
REACHABLE = verdict(
    "test_database_is_reachable",
    "p1",
    "failed",
    claim="Every request that needs data fails.",
    playbook="database-down",
    symptom="localhost:5432 refuses the connection",
    evidence={"address": "localhost:5432", "sqlstate": None, "seconds": 0.0021, "listens": False},
    component="postgres",
    probes=(ProbeNote(name="database_connection", seconds=0.003, log=("localhost:5432: refused",)),),
)
SUB_CHECK = verdict(
    "test_every_health_sub_check_is_ok",
    "p1",
    "failed",
    claim="Parts of the service fail.",
    playbook="backend-down",
    symptom="backend answers 503: database is 'error'",
    evidence={"database": "error, since 20:20"},
    component="backend",
    blames="postgres",
)
SLOTS = verdict(
    "test_database_has_free_connection_slots",
    "p1",
    "failed",
    playbook="database-down",
    symptom="only 2 of 100 connection slots are free",
    component="postgres",
)
UNKNOWN = tuple(
    verdict(name, "p1", "unknown", reason=NO_DATABASE, root_check="test_database_is_reachable")
    for name in ("test_database_accepts_the_login", "test_database_answers_in_time", "test_database_accepts_writes")
)
ACCEPTED = verdict(
    "test_swap_is_not_exhausted",
    "p1",
    "accepted",
    symptom="94 % of swap is used",
    component="host",
    accepted=Acceptance(reason="swap is small here", until=date(2026, 12, 31)),
)
SKIPPED = verdict("test_newest_backup_is_recent", "p1", "skipped", reason="host.backup_file is empty")
PASSED = verdict("test_handshake_succeeds", "p2", "passed", claim="The page shows 'Offline'.")
ERROR = verdict("test_clocks_agree", "p2", "error", reason="Traceback:\n  line 12\nKeyError: 'date'")

HEALTHY = run(PASSED, SKIPPED)
OUTAGE = run(SUB_CHECK, REACHABLE, *UNKNOWN, ACCEPTED, SKIPPED, PASSED, ERROR, selection="-m 'p1 or p2'")
HOSTILE = run(
    verdict(
        f"test_a[{ATTACK}]",
        "p1",
        "failed",
        claim=ATTACK,
        playbook="database-down",
        symptom=ATTACK,
        evidence={ATTACK: ATTACK, "big": "x" * 10_000_000, "number": float("nan")},
        component=ATTACK,
        blames=ATTACK + "!",
        probes=(ProbeNote(name=ATTACK, seconds=0.1, log=(ATTACK, "y" * 10_000_000)),),
    ),
    verdict("test_b", "p1", "unknown", reason=ATTACK, claim=ATTACK),
    verdict("test_c", "p2", "skipped", reason=ATTACK),
    verdict("test_d", "p2", "error", reason=ATTACK),
    verdict("test_e", "p3", "accepted", symptom=ATTACK, accepted=Acceptance(reason=ATTACK, until=date(2026, 12, 31))),
    verdict("test_f", "p4", "passed", claim=ATTACK, playbook=ATTACK),
    stack=ATTACK,
    host=ATTACK,
    selection=ATTACK,
    versions={ATTACK: ATTACK},
    problem=(ATTACK,),
    replayed_from=ATTACK,
    report=ATTACK,
)


# What was measured.


def times(endpoint, path, *seconds, failure=None, **phases):
    """An endpoint that answered after so many seconds each; the phases are those of every sample."""
    samples = tuple(
        Exchange(
            address=path,
            at="localhost:3001",
            outcome="answered",
            status=200,
            seconds=each,
            phases=Phases(**phases or {"dns": 0.001, "connect": 0.002, "first_byte": each - 0.005, "transfer": 0.002}),
        )
        for each in seconds
    )
    return ResponseTimes(endpoint=endpoint, path=path, samples=samples, failure=failure)


def use(name, memory_mib, limit_mib):
    """A container that uses so much of its memory."""
    return ContainerUse(
        id=name,
        name=name,
        seconds=1.0,
        memory_mib=memory_mib,
        memory_limit_mib=limit_mib,
        cpu_percent=4.0,
        cpu_most_percent=9.0,
        cpus=2.0,
        throttled_percent=0.0,
        processes=7,
        processes_limit=100,
    )


def stats(component, *containers):
    return ContainerStats(component=component, service=component, containers=containers)


SLOW_QUERY = "SELECT b.id, b.guest, r.number FROM bookings b JOIN rooms r ON r.id = b.room WHERE lower(b.guest) LIKE $1"
CALM = {
    "response_times[rooms]": times("rooms", "/api/rooms", 0.021, 0.019, 0.02),
    "response_times[bookings]": times("bookings", "/api/bookings?day=today", 0.142, 0.155, 0.149),
    "container_stats[postgres]": stats("postgres", use("motel_postgres_1", 212.0, 1024.0)),
    "container_stats[backend]": stats("backend", use("motel_backend_1", 148.0, 512.0)),
    "container_stats[frontend]": stats("frontend", use("motel_frontend_1", 11.0, 128.0)),
    "connection_slots": ConnectionSlots(limit=97, used=14, free=83, by_state={"active": 2, "idle": 12}),
    "statements": Statements(
        version="1.10",
        tracked=31,
        slowest=(
            Statement(calls=2210, mean_seconds=0.131, max_seconds=0.4, query=SLOW_QUERY),
            Statement(calls=9120, mean_seconds=0.018, max_seconds=0.1, query="SELECT * FROM rooms WHERE free"),
        ),
    ),
}
SICK = CALM | {
    "response_times[bookings]": times("bookings", "/api/bookings?day=today", 3.412, 3.398),
    "container_stats[backend]": stats("backend", use("motel_backend_1", 498.0, 512.0)),
    "connection_slots": ConnectionSlots(
        limit=97, used=95, free=2, by_state={"active": 41, "idle": 6, "idle in transaction": 48}
    ),
    "statements": Statements(
        version="1.10",
        tracked=31,
        slowest=(Statement(calls=2210, mean_seconds=3.31, max_seconds=4.2, query=SLOW_QUERY),),
    ),
}


# What happened when.


def event(minutes, what, source, kind, component=None, **fields):
    """One moment, so many minutes before the runs began."""
    return Event(
        at=HEALTHY.started - timedelta(minutes=minutes),
        what=what,
        source=source,
        kind=kind,
        component=component,
        **fields,
    )


BEGAN = event(0, "this run began", "this run", "run")
ENDED = event(-0.057, "this run ended", "this run", "run")
QUIET = (
    event(1090, "migration 0042_guests applied", "migrations table", "change", "postgres"),
    event(61, "the newest backup was written", "backup file", "change", "host"),
    BEGAN,
    ENDED,
)
NIGHT = (
    *QUIET[:2],
    event(24, "made anew, from image motel-backend:412", "container state", "change", "backend"),
    event(9, "ended with exit code 137, killed (SIGKILL)", "container state, engine event", "problem", "postgres"),
    event(8, "12 x the database does not answer", "log of backend", "problem", "backend", within_seconds=60.0),
    BEGAN,
    ENDED,
)


# Runs with their diagnosis.

SIGNED = verdict(
    "test_service_is_running[postgres]",
    "p1",
    "failed",
    claim="What this service does is gone.",
    playbook="service-down",
    symptom="postgres has ended: exit code 137, killed (SIGKILL)",
    evidence={"motel_postgres_1": "exited, exit code 137, ended 9 min ago", "memory limit": "1,024 MiB"},
    component="postgres",
    layer="runs",
)
SLOW = verdict(
    "test_endpoint_answers_in_time[bookings]",
    "p3",
    "failed",
    claim="Pages that need this endpoint load slowly or show an error.",
    playbook="slow-endpoint",
    symptom="/api/bookings?day=today takes 3.4 s at the 95th percentile, mostly first byte",
    evidence={"samples": 2, "median seconds": 3.412, "first byte": 3.407},
    component="backend",
    layer="fast",
)
QUERY = verdict(
    "test_no_query_is_slow_on_average",
    "p3",
    "failed",
    claim="Some pages take seconds.",
    playbook="slow-query",
    symptom="a query takes 3.3 s on average",
    evidence={"query": SLOW_QUERY, "calls": 2210, "mean seconds": 3.31},
    component="postgres",
    layer="fast",
)
MANY = tuple(
    verdict(name, severity, "passed", claim=claim, probes=(ProbeNote(name="backend_health", seconds=0.021),))
    for name, severity, claim in (
        ("test_backend_answers_its_health_check", "p1", "Nothing in the application works."),
        ("test_page_loads", "p1", "People see an error instead of the page."),
        ("test_filesystems_have_space", "p1", "Nothing can be written."),
        ("test_probe_account_logs_in", "p2", "Users cannot log in."),
        ("test_handshake_succeeds", "p2", "The page shows 'Offline'."),
        ("test_no_query_runs_for_long", "p3", "The application becomes slower and slower."),
        ("test_images_load", "p4", "Pictures are missing."),
    )
)
LOG = ContainerLog(
    service="backend",
    containers=1,
    lines_read=200,
    signs=(
        LogSign(
            name="database",
            meaning="the database does not answer",
            count=12,
            blames="postgres",
            last=datetime(2026, 11, 23, 20, 28, 51, tzinfo=UTC),
            line="Error: connect ECONNREFUSED 172.18.0.2:5432 at TCPConnectWrap.afterConnect",
        ),
    ),
)


def cause(*findings, consequences=(), blocked=(), **fields):
    """A cause that its first finding tells."""
    head = findings[0]
    told = {
        "component": head.component,
        "severity": head.severity,
        "symptom": head.symptom,
        "evidence": head.evidence,
        "playbook": head.playbook,
        "confidence": "confirmed",
        "because": head.check,
    }
    return Cause(findings=findings, consequences=consequences, blocked=blocked, **told | fields)


USUAL = Stack()


def ready(run, playbook, stack=USUAL):
    """The run as the publisher hands it on: each cause with what to type next."""
    return replace(run, diagnosis=advised(run.diagnosis, playbook, stack))


def told(run, *causes, unknown=(), timeline=NIGHT, facts=SICK):
    """The run with this diagnosis, in which every check stands at its place in the run."""
    placed = {one.nodeid: one for one in run.verdicts}

    def here(verdicts):
        return tuple(placed[one.nodeid] for one in verdicts)

    found = tuple(
        replace(
            one,
            findings=here(one.findings),
            consequences=here(one.consequences),
            blocked=here(one.blocked),
        )
        for one in causes
    )
    return replace(run, diagnosis=Diagnosis(causes=found, unknown=here(unknown)), timeline=timeline, facts=facts)


WELL = told(run(*MANY, ACCEPTED, SKIPPED), timeline=QUIET, facts=CALM)
SINGLE = told(
    run(REACHABLE, SUB_CHECK, *UNKNOWN, *MANY[1:], SKIPPED),
    cause(REACHABLE, consequences=(SUB_CHECK,), blocked=UNKNOWN),
)
TOTAL = told(
    run(SIGNED, REACHABLE, SUB_CHECK, SLOTS, *UNKNOWN, ACCEPTED, SKIPPED, ERROR, selection="-m 'p1 or p2'"),
    cause(
        SIGNED,
        REACHABLE,
        consequences=(SUB_CHECK, SLOTS),
        blocked=UNKNOWN,
        confidence="not proven",
        because="exit code 137 without an OOM event looks the same as docker kill",
    ),
    facts={name: fact for name, fact in SICK.items() if "statements" not in name and "slots" not in name}
    | {"container_log[backend]": LOG},
)
DOUBLE = told(run(REACHABLE, SLOW, *MANY), cause(REACHABLE), cause(SLOW))
SELECTED = told(
    run(*UNKNOWN, *MANY[3:5], selection="-m p2"),
    Cause(
        component="postgres",
        severity="p1",
        symptom="the database was not reached",
        confidence="likely",
        because="3 checks blocked by it; its own checks are not in this selection",
        blocked=UNKNOWN,
        playbook="database-down",
    ),
)
LONG = "z" * 10_000_000
ATTACKED = told(
    HOSTILE,
    cause(
        HOSTILE.verdicts[0],
        blocked=HOSTILE.verdicts[1:2],
        because=ATTACK,
        symptom=ATTACK,
        component=ATTACK,
        evidence={ATTACK: ATTACK, "long": LONG},
    ),
    timeline=(
        event(9, ATTACK, ATTACK, "problem", ATTACK),
        event(8, LONG, ATTACK, "change", ATTACK),
        BEGAN,
        ENDED,
    ),
    facts={
        ATTACK: times(ATTACK, ATTACK, 3.0),
        "response_times[long]": times("long", LONG, 1.0),
        "response_times[failed]": times(
            "failed",
            ATTACK,
            failure=Exchange(at=ATTACK, outcome="unreachable", detail=ATTACK),
        ),
        "container_stats[x]": stats(ATTACK, use(ATTACK, 99.0, 100.0), use(LONG, 1.0, 0.0)),
        "connection_slots": ConnectionSlots(limit=10, used=9, free=1, by_state={ATTACK: 4, "idle": 5}),
        "statements": Statements(
            version=ATTACK,
            tracked=2,
            slowest=(
                Statement(calls=9, mean_seconds=3.0, max_seconds=4.0, query=ATTACK),
                Statement(calls=9, mean_seconds=2.9, max_seconds=4.0, query=LONG),
            ),
        ),
        "container_log[x]": ContainerLog(
            service=ATTACK,
            containers=1,
            signs=(LogSign(name="x", meaning=ATTACK, count=1, line=ATTACK),),
            past=(LogSign(name="y", meaning=LONG, count=1, line=LONG),),
        ),
    },
)


def changed(symptom, check):
    """One of a kind of change each, since the night before."""
    began = OUTAGE.started

    def some(severity, days):
        since = began - timedelta(days=days)
        return (Change(check=check, nodeid=check, severity=severity, symptom=symptom, since=since),)

    earlier = began - timedelta(days=1)
    return Comparison(
        earlier=earlier, compared=61, new=some("p1", 0), gone=some("p3", 2), still=some("p4", 9), unclear=(check,)
    )


TOTAL = replace(TOTAL, comparison=changed("the database refuses connections", "test_database_is_reachable"))
WELL = replace(WELL, comparison=Comparison(earlier=OUTAGE.started - timedelta(days=1), compared=61))
ATTACKED = replace(ATTACKED, comparison=changed(ATTACK, ATTACK))
