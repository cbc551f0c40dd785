"""The last screen: what is broken, what is the cause, what to type next, and never more than 25 rows."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from oncall.diagnosis.advice import next_of
from oncall.diagnosis.cause import Cause, Diagnosis
from oncall.playbook import Playbook, parse
from oncall.reporting.terminal import report as terminal
from oncall.reporting.terminal.page import columns
from oncall.results.comparison import Change, Comparison
from oncall.target.schema import Backend, Endpoint, Stack
from oncall.timeline.merge import Event
from tests.reporting.runs import (
    ACCEPTED,
    ATTACK,
    ERROR,
    HEALTHY,
    HOSTILE,
    NO_DATABASE,
    OUTAGE,
    PASSED,
    REACHABLE,
    SKIPPED,
    SLOTS,
    SUB_CHECK,
    UNKNOWN,
    USUAL,
    ready,
    run,
    verdict,
)

PLAYBOOK = parse((Path(__file__).parents[2] / "PLAYBOOK.md").read_text("utf-8"))
PYTESTS_OWN = 1  # row at the end: "4 failed, 19 passed in 0.5 s"


def cause(found, confidence="confirmed", because="two traces of it", **fields):
    """A cause that one failed check shows."""
    about = {"component": found.component, "severity": found.severity, "symptom": found.symptom}
    about |= {"evidence": found.evidence, "findings": (found,), "playbook": found.playbook}
    return Cause(confidence=confidence, because=because, **about | fields)


DATABASE = cause(REACHABLE, consequences=(SUB_CHECK,), blocked=UNKNOWN)


def sick(*causes, **fields):
    """A run with these causes, and nothing else."""
    parts = [(*one.findings, *one.consequences, *one.blocked) for one in causes]
    return replace(run(*(each for part in parts for each in part)), diagnosis=Diagnosis(causes=causes), **fields)


DIAGNOSED = replace(OUTAGE, diagnosis=Diagnosis(causes=(DATABASE,)))


def many(number):
    """As many causes, each with much to say."""
    severities = ("p1", "p2", "p3", "p4")
    for place in range(number):
        severity = severities[min(3, place * 4 // number)]
        found = replace(
            REACHABLE,
            nodeid=f"n{place}",
            severity=severity,
            component=f"part-{place}",
            symptom=f"no. {place} " + "says " * 14,
            evidence={f"key {key}": "v" * 30 for key in range(9)},
        )
        yield cause(found, because="because of this and that and " * 5)


def told(run, playbook=PLAYBOOK, stack=USUAL, **how):
    return terminal.lines(ready(run, playbook, stack), playbook, **how)


def diagnosis(lines):
    return lines[: next(index for index, line in enumerate(lines) if "end of diagnosis" in line)]


def rows(lines, width=80):
    return sum(max(1, -(-columns(line) // width)) for line in lines)


def test_a_cause_says_what_it_is_and_what_to_type():
    """Severity, symptom, respond-by, what it explains, why we think so, evidence, command, section: in this order."""
    assert told(sick(DATABASE))[1:9] == [
        "P1 postgres: localhost:5432 refuses the connection",
        "respond  by 20:44 UTC; explains 1 failed, 3 unknown",
        "because  confirmed by two traces of it",
        "evidence address=localhost:5432, seconds=0.002, listens=no",
        "next     docker-compose ps postgres",
        "         docker-compose logs --tail=100 postgres",
        f"then     PLAYBOOK.md database-down, {len(PLAYBOOK.section('database-down').recovery)} steps",
        "",
    ]


def test_whoever_is_only_accused_is_not_said_to_be_broken():
    """The title says how sure it is; a component without a finding of its own gets the section's first step."""
    accused = cause(SUB_CHECK, "likely", "", component="postgres", findings=(), playbook="database-down")
    lines = told(sick(accused))

    assert "P1 postgres (likely): backend answers 503: database is 'error'" in lines
    assert "because  likely" in lines
    assert "next     docker-compose ps postgres" in lines


def test_the_look_that_is_about_this_check_comes_first():
    """Somebody without connection slots is shown the query for them, not the log."""
    lines = told(sick(cause(SLOTS)))

    assert any(line.startswith("next ") and "pg_stat_activity" in line for line in lines)


def test_the_command_asks_the_endpoint_that_is_slow():
    """Not the first of the target's."""
    endpoints = tuple(Endpoint(name=name, path=f"/api/{name}") for name in ("suites", "tasks"))
    about = {"playbook": "slow-endpoint", "symptom": "tasks takes 2.3 s", "component": "backend"}
    about["parameters"] = {"endpoint": "tasks"}
    slow = verdict("test_endpoint_answers_in_time[tasks]", "p3", "failed", **about)
    lines = told(sick(cause(slow)), stack=Stack(backend=Backend(endpoints=endpoints)))

    assert any(line.endswith("localhost:3001/api/tasks") for line in lines)
    assert not any("/api/suites" in line for line in lines)


@pytest.mark.parametrize("section", PLAYBOOK.sections, ids=lambda section: section.id)
def test_next_never_changes_anything(section):
    """What a tired person copies first only looks; where nothing is there, nothing can be changed."""
    names = {step.verify for step in section.recovery} | {"test_other"}
    for name in names:
        found = verdict(name, section.severity, "failed", playbook=section.id, symptom="it is sick")
        chosen = next_of(cause(found), PLAYBOOK, Stack())

        assert chosen.risk == "read-only" or section.id == "project-not-created"


def test_the_time_to_respond_counts_from_the_first_sign_of_problem():
    """Not from when somebody got round to looking; another day is named; what is over is said to be over."""

    def first(before, component="postgres"):
        at = OUTAGE.started - before
        sign = Event(at=at, what="exited", source="container state", kind="problem", component=component)
        return told(sick(DATABASE, timeline=(sign,)))[2].partition(";")[0]

    assert first(timedelta(minutes=10)) == "respond  by 20:34 UTC"
    assert first(timedelta(minutes=10), "host") == "respond  by 20:44 UTC"  # another cause's sign
    assert first(timedelta(hours=1)) == "respond  by 19:44 UTC, overdue when this run began"
    assert first(timedelta(days=2)) == "respond  by 2026-11-21 20:44 UTC, overdue when this run began"


@pytest.mark.parametrize("width", [None, 80])
@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 40])
def test_the_last_screen_has_at_most_25_rows(number, width):
    """However much is broken: the most urgent in full, and each of the others is named."""
    accepted = [replace(ACCEPTED, nodeid=f"a{place}") for place in range(9)]
    unknown = [replace(UNKNOWN[0], nodeid=f"u{place}", reason=f"reason {place} " * 9) for place in range(9)]
    errors = [replace(ERROR, nodeid=f"e{place}") for place in range(9)]
    causes = tuple(many(number))
    run_ = sick(*causes, problem=("the JUnit file could not be written: disk full",))
    run_ = replace(run_, verdicts=(*run_.verdicts, *accepted, *unknown, *errors, PASSED, SKIPPED))
    lines = told(run_, width=width)
    text = "\n".join(lines)

    assert rows(lines, width or 10**6) + PYTESTS_OWN <= 25, text
    assert "evidence key 0=" in text
    assert text.count("\nP1 part-0") == 1
    assert number <= 3 or "more: " in text or all(f"part-{place}" in text for place in range(number))
    for kind in ("unknown ", "ERROR ", "accepted "):
        assert f"\n{kind}" in text


def compared(number):
    """So many findings new, gone and still there each."""
    change = Change(check="test_a", nodeid="test_a", severity="p1", symptom="it is sick " * 9, since=OUTAGE.started)
    some = (change,) * number
    return Comparison(
        earlier=OUTAGE.started, compared=60, new=some, gone=some, still=some, unclear=("test_b",) * number
    )


@pytest.mark.parametrize("width", [None, 80])
@pytest.mark.parametrize("causes", [1, 8])
def test_what_has_changed_fits_on_the_same_screen(causes, width):
    """As much of it as there is room for, the new first; -v tells all of it."""
    run_ = sick(*many(causes), comparison=compared(9), problem=("the JUnit file could not be written: disk full",))
    lines, whole = told(run_, width=width), told(run_, width=width, everything=True)

    assert rows(lines, width or 10**6) + PYTESTS_OWN <= 25
    assert any(line.startswith("since    2026-11-23 20:29 UTC: 9 new (test_a, ") for line in lines)
    assert [line.partition(" ")[0] for line in whole if line.startswith(("new ", "gone ", "still ", "unclear "))] == [
        *["new"] * 6,
        *["gone"] * 6,
        *["still"] * 6,
        "unclear",
    ]


def test_what_has_changed_stands_below_the_diagnosis():
    """Between the two markers the same facts give the same lines, whatever last night was like."""
    run_ = sick(DATABASE)

    assert diagnosis(told(run_)) == diagnosis(told(replace(run_, comparison=compared(2))))
    assert [line.partition(" ")[0] for line in told(replace(run_, comparison=compared(1)))][-6:] == [
        "since",
        "new",
        "gone",
        "still",
        "unclear",
        "report",
    ]


def test_two_faults_are_told_in_full_on_one_screen():
    """A double fault is two things to do: nothing of either is left out."""
    other = replace(SLOTS, nodeid="n2", component="frontend", playbook="frontend-down", evidence={"free": 2})
    lines = told(sick(DATABASE, cause(other)), width=80)

    assert sum(line.startswith("next ") for line in lines) == 2
    assert sum(line.startswith("then ") for line in lines) == 2
    assert rows(lines) + PYTESTS_OWN <= 24


def test_causes_beyond_the_screen_are_counted_and_named():
    """Nobody takes the first screen of forty causes for all of them."""
    lines = told(sick(*many(40)), width=200)
    more = next(line for line in lines if line.startswith("and "))
    shown = sum(bool(re.match(r"P\d part-\d+: ", line)) for line in lines)

    assert more.startswith(f"and {40 - shown} more: ")
    assert f"part-{shown}, " in more


def test_a_finding_that_no_cause_explains_is_told_all_the_same():
    """Nothing is hidden because the diagnosis has no place for it."""
    lines = told(run(REACHABLE))

    assert lines[1] == "Broken: P1 postgres"
    assert "FAILED   localhost:5432 refuses the connection (test_database_is_reachable)" in lines


def test_unknowns_behind_a_cause_are_counted_there_and_not_again():
    """What could not be looked at for another reason stands alone, with that reason."""
    other = verdict("test_login", "p2", "unknown", reason="ONCALL_PASSWORD is not set")
    run_ = sick(DATABASE)
    text = "\n".join(told(replace(run_, verdicts=(*run_.verdicts, other))))

    assert NO_DATABASE not in text
    assert "unknown  test_login: ONCALL_PASSWORD is not set" in text


def test_unknowns_are_told_by_reason_the_commonest_first():
    """One missing password, over all severities, is one line; rare reasons are counted."""
    wants = {"no account": 2, "no password": 3, "no file": 1, "no port": 1}
    missing = [
        verdict(f"test_{reason[3:]}_{number}", f"p{number + 1}", "unknown", reason=reason)
        for reason, times in wants.items()
        for number in range(times)
    ]
    lines = diagnosis(told(run(*missing)))

    assert lines[1:] == [
        "Inconclusive: 7 checks could not run; no failures found",
        "",
        "unknown  3 checks: no password",
        "         2 checks: no account",
        "         and 2 more",
        "passed   0 checks; answered P1 0/4, P2 0/2, P3 0/1",
    ]


def test_every_outcome_is_told():
    """Error with its reason, accepted with its last day, and one line for what was skipped and what passed."""
    lines = told(DIAGNOSED)

    assert "ERROR    test_clocks_agree: KeyError: 'date' (a bug in the suite, not in the stack)" in lines
    assert "accepted 94 % of swap is used, until 2026-12-31: swap is small here" in lines
    assert "passed   1 check, 1 skipped; answered P1 3/6, P2 1/2" in lines


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ((PASSED, SKIPPED), "Healthy: 1 check passed, 1 skipped"),
        ((PASSED, ACCEPTED), "Healthy: 1 check passed, 1 accepted"),
        ((SKIPPED,), "Nothing was looked at: every check was skipped"),
        ((), "Nothing was looked at: no check was selected"),
        ((ERROR, PASSED), "Inconclusive: 1 check could not run; no failures found"),
    ],
)
def test_the_first_line_says_how_it_is(verdicts, words):
    """Nobody takes "did not look" for "healthy"."""
    assert told(run(*verdicts))[1] == words


@pytest.mark.parametrize("everything", [False, True])
def test_the_diagnosis_is_the_same_for_the_same_facts(everything):
    """How long, from where and on what: it stands below; and answers may arrive in any order."""
    later = replace(
        DIAGNOSED,
        seconds=0.1,
        budget=60.0,
        replayed_from="last.snapshot",
        host="elsewhere",
        report="another.html",
        problem=("the JUnit file was not written: disk full",),
        verdicts=tuple(reversed(DIAGNOSED.verdicts)),
        interrupted=True,
        selection="-m p1",
    )
    first, second = (told(each, everything=everything) for each in (DIAGNOSED, later))

    assert diagnosis(first) == diagnosis(second)


@pytest.mark.parametrize("how", ["-v", "no report"])
def test_all_of_it_is_told_when_asked_and_when_there_is_no_report(how):
    """Every check with its evidence under its cause, every reason, every name."""
    run_ = DIAGNOSED if how == "-v" else replace(DIAGNOSED, report=None)
    text = "\n".join(told(run_, everything=how == "-v"))

    assert "FAILED   localhost:5432 refuses the connection    test_database_is_reachable" in text
    assert "FAILED   backend answers 503: database is 'error'    test_every_health_sub_check_is_ok → blames" in text
    assert 'database="error, since 20:20"' in text
    assert f"UNKNOWN  3 checks: {NO_DATABASE}" in text
    assert all(each.check in text for each in UNKNOWN)
    assert "Traceback:\n           line 12\n         KeyError: 'date'" in text
    assert "skipped  test_newest_backup_is_recent: host.backup_file is empty" in text


def test_a_missing_report_is_said_with_its_reason():
    """The terminal tells all of it, and that there is no file."""
    lines = told(replace(HEALTHY, report=None, problem=("the report x.html could not be written: disk full",)))

    assert lines[-2:] == [
        "PROBLEM  the report x.html could not be written: disk full",
        "report   no HTML report written; everything is above",
    ]


def test_the_report_is_named_where_it_tells_more():
    """The last screen is not all of it: it says where the rest is."""
    assert told(DIAGNOSED)[-1] == "report   reports/diagnosis.html (or rerun with -v)"


LONG = cause(replace(REACHABLE, symptom="s" * 300, evidence={"key": "v" * 300}), because="b" * 300)


def test_nothing_is_cut_without_a_terminal():
    """A cron mail has no width."""
    text = "\n".join(told(sick(LONG), width=None))

    assert all(sign * 300 in text for sign in "svb")


def test_long_texts_are_cut_on_a_terminal_and_whole_with_everything():
    """Two rows each, and a mark; -v cuts nothing."""
    short, whole = told(sick(LONG), width=80), told(sick(LONG), width=80, everything=True)

    assert sum("…" in line for line in short) == 3
    assert rows(short) < 20
    assert all(any(sign * 300 in line for line in whole) for sign in "svb")


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_wrapping_loses_no_word_and_no_command(width):
    """Lines are folded at blanks; a command stays whole, because it is copied."""
    wide = told(DIAGNOSED, width=None, everything=True)
    narrow = told(DIAGNOSED, width=width, everything=True)
    words = [word for line in wide if "---" not in line for word in line.split()]

    assert [word for line in narrow if "---" not in line for word in line.split()] == words
    assert "         docker-compose logs --tail=100 postgres" in narrow


def test_signs_of_two_columns_do_not_break_the_count():
    """A log in Japanese takes twice the room: what is cut is cut by columns."""
    wide = cause(replace(REACHABLE, symptom="接続" * 200, evidence={"key": "拒否 " * 200}), because="理由" * 200)
    lines = told(sick(*(wide for _ in range(9))), width=80)

    assert rows(lines) + PYTESTS_OWN <= 25
    assert all(columns(line) <= 80 for line in lines)


def test_colour_comes_only_when_asked():
    """No escape in a file; with colour, the same words."""
    plain, painted = told(DIAGNOSED), told(DIAGNOSED, colour=True)

    assert "\x1b" not in "".join(plain)
    assert painted[1].startswith("\x1b[1;31mP1 postgres")
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in painted] == plain


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("everything", [False, True])
def test_foreign_text_cannot_steer_the_terminal(encoding, everything):
    """No control, no line of its own (a CI log obeys `::error::` at a line's start), and every line can be written."""
    failed, unknown = HOSTILE.verdicts[:2]
    attacked = cause(failed, because=ATTACK, consequences=(failed,), blocked=(unknown,))
    for run_ in (HOSTILE, replace(HOSTILE, diagnosis=Diagnosis(causes=(attacked,)))):
        lines = told(run_, width=80, encoding=encoding, everything=everything)

        assert all(line.isprintable() for line in lines)
        assert all(line.encode(encoding) for line in lines if line)
        assert not any(line.startswith("::") for line in lines)
        assert sum(map(len, lines)) < 100_000
        assert ATTACK not in "\n".join(lines)


def test_a_suite_without_a_playbook_is_told_all_the_same():
    """A foreign suite has no PLAYBOOK.md: no recovery is quoted, no time is named."""
    lines = told(DIAGNOSED, Playbook())

    assert "P1 postgres: localhost:5432 refuses the connection" in lines
    assert "explains 1 failed, 3 unknown" in lines
    assert not any(line.startswith(("next", "respond", "then")) for line in lines)
