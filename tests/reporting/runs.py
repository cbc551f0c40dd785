"""Runs to tell of: a healthy one, one fault, an outage, and one whose every text is an attack."""

from dataclasses import replace
from datetime import UTC, date, datetime

from oncall.run import Run
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
    return Run(verdicts=placed, **about | fields)


NO_DATABASE = "the database was not reached (see test_database_is_reachable)"
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
    verdict(name, "p1", "unknown", reason=NO_DATABASE)
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
    trouble=(ATTACK,),
    replayed_from=ATTACK,
    report=ATTACK,
)
