"""The scoring itself: it sees each way in which a diagnosis can be wrong."""

import json

import pytest

from bench import accuracy, scoreboard
from oncall.testing.running import Run
from stack import faults
from stack.faults.expected.words import OF_FAULT
from tests.scoring import localisation

STOPPED = faults.catalogue()["postgres-stopped"]
HANGS = faults.catalogue()["network-backend-hangs"]
BLIND = faults.catalogue()["migrations-folder-missing"]
RED = ("test_database_is_reachable", "test_backend_answers_its_health_check")


def verdict(check, outcome="failed", reason=None):
    return {"check": check, "outcome": outcome, "symptom": "it is so", "reason": reason, "component": "postgres",
            "severity": "p1"}  # fmt: skip


def cause(component="postgres", findings=RED[:1], consequences=RED[1:], blocked=("test_login",), **more):
    return {"component": component, "symptom": "it is so", "confidence": "confirmed", "because": "seen"} | {
        "severity": "p1", "next": None,
        "evidence": {"said": "refused"}, "playbook": "database-down", "findings": list(findings),
        "consequences": list(consequences), "blocked": list(blocked), **more}  # fmt: skip


def result(*causes):
    verdicts = [*map(verdict, RED), verdict("test_login", "unknown", "no database"), verdict("test_page", "passed")]
    return {"verdicts": verdicts, "causes": list(causes), "seconds": 1.5}


def ran(code, told):
    return Run(code=code, screen="", files={"result.json": json.dumps(told)})


def test_a_right_diagnosis_has_nothing_wrong():
    """One cause, everything that failed in it, everything unknown behind it."""
    assert localisation([STOPPED], result(cause())) == []


@pytest.mark.parametrize(
    ("causes", "said"),
    [
        ([], "no cause names postgres"),
        ([cause(component="backend")], "backend is named, and is no cause"),
        ([cause(), cause(component="frontend", findings=(), consequences=(), blocked=())], "frontend is named"),
        ([cause(consequences=())], "test_backend_answers_its_health_check failed, and is in no cause"),
        ([cause(blocked=())], "test_login is unknown behind no cause"),
        ([cause(consequences=(*RED, "test_page"))], "test_page is in a cause, and did not fail"),
        ([cause(consequences=RED)], "test_database_is_reachable is in several causes"),
        ([cause(blocked=("test_login", "test_page"))], "test_page is blocked, and not unknown"),
    ],
)
def test_what_is_wrong_is_said(causes, said):
    """Missed, made up, left out, put in, counted twice."""
    assert any(line.startswith(said) for line in localisation([STOPPED], result(*causes)))


def test_what_nothing_tells_apart_is_right_too():
    """A line that is broken just before the backend shows as the backend."""
    assert localisation([HANGS], result(cause(component="backend"))) == []
    assert localisation([HANGS], result(cause(component="network"))) == []


def test_what_only_hides_is_no_cause():
    """A look that is not set up right stands alone, and names what to set."""
    named = {"verdicts": [verdict("test_login", "unknown", "set auth.migrations_folder")], "causes": []}
    unnamed = {"verdicts": [verdict("test_login", "unknown", "it did not work")], "causes": []}

    assert localisation([BLIND], named) == []
    assert localisation([BLIND], unnamed) == ["test_login does not name what to set: it did not work"]
    assert localisation([BLIND], result(cause())) != []


def test_two_causes_of_one_component_are_told_apart_by_their_checks():
    """Each fault's checks belong into its own cause."""
    other = faults.catalogue()["postgres-index-invalid"]
    index = cause(findings=other.must_fail, consequences=(), blocked=())
    both = result(index, cause())
    both["verdicts"].append(verdict(other.must_fail[0]))
    swapped = result(cause(consequences=(*RED[1:], *other.must_fail)), cause(findings=(), consequences=(), blocked=()))
    swapped["verdicts"].append(verdict(other.must_fail[0]))

    assert localisation([STOPPED, other], both) == []
    assert "test_no_index_is_invalid belongs to postgres-index-invalid" in localisation([STOPPED, other], swapped)


def test_the_board_says_what_so_many_runs_prove():
    """No false alarm in a hundred runs proves fewer than three in a hundred; one is one."""
    green = ran(0, {"verdicts": [verdict("test_page", "passed")], "causes": [], "seconds": 1.0})
    red = ran(1, result(cause()))
    rows = [scoreboard.score(scoreboard.Row(str(n), "healthy", "idle"), (), green) for n in range(100)]

    assert any("fewer than 3.0 in 100" in line for line in scoreboard.lines(rows))
    rows.append(scoreboard.score(scoreboard.Row("100", "healthy", "idle"), (), red))
    assert any(line.startswith("false alarms: 1 in 101") for line in scoreboard.lines(rows))
    assert scoreboard.totals(rows)["healthy"]["right"] == 100


def test_the_board_scores_the_five_points_apart():
    """What the fault's own entry says: its severity, its words, the component that nothing tells it from."""
    step = {"commands": ["echo seen"], "risk": "read-only", "exits": [0]}
    seen = cause(component="backend", symptom="no answer within 3.0 s", next=step)
    row = scoreboard.score(scoreboard.Row("x", "real", "network"), (HANGS,), ran(1, result(seen)), lists=False)

    assert row.points == {"one cause": True, "component": True, "words": True, "severity": True, "next": True}
    assert row.indistinguishable_from
    assert row.typed[0]["as_typed"][0]["said"] == "seen"


def test_every_fault_has_words_that_would_tell_it():
    """Its class has none, or says too little: then its name has."""
    catalogues = [*faults.catalogue().values(), *faults.catalogue("docker").values()]

    assert [fault.name for fault in catalogues if fault.must_fail and not fault.words] == []
    assert OF_FAULT.keys() <= {fault.name for fault in catalogues}


def test_a_sample_is_spread_over_the_whole():
    """As many as are asked for, the same each time, from all components."""
    cases = [accuracy.single(fault) for fault in faults.catalogue().values()]
    some = accuracy.sample(cases, 12)

    assert len(some) == 12
    assert len({case.broken[0].component for case in some}) > 4
    assert accuracy.sample(cases[:3], 12) == cases[:3]


def test_the_board_wants_evidence_and_a_next_command():
    """A name alone helps nobody at three in the morning."""
    bare = ran(1, result(cause(evidence={}), cause(findings=(), consequences=(), blocked=(), playbook=None)))
    row = scoreboard.score(scoreboard.Row("x", "real", "stopped"), (STOPPED,), bare)

    assert (row.detected, row.evidence, row.right) == (True, False, False)
