"""The end of a run on the terminal: broken, unknown and why, what next."""

from dataclasses import replace
from pathlib import Path

import pytest

from oncall.config import Stack
from oncall.playbook import Playbook, parse
from oncall.reporting import terminal
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
    run,
    verdict,
)

PLAYBOOK = parse((Path(__file__).parents[2] / "PLAYBOOK.md").read_text("utf-8"))


def told(run, playbook=PLAYBOOK, **how):
    return terminal.lines(run, playbook, Stack(), **how)


def diagnosis(lines):
    return lines[: next(index for index, line in enumerate(lines) if "end of diagnosis" in line)]


def test_a_finding_says_what_was_seen_and_what_to_type():
    """Message, check, evidence, command, section: in this order, under its severity and respond-by time."""
    lines = told(run(REACHABLE))
    start = lines.index("P1 Service outage - respond within 15 minutes")

    assert lines[start + 1 : start + 6] == [
        "FAILED   localhost:5432 refuses the connection    test_database_is_reachable",
        "         evidence: address=localhost:5432, sqlstate=none, seconds=0.002, listens=no",
        "         next: docker-compose ps postgres",
        "               docker-compose logs --tail=100 postgres",
        "         then: PLAYBOOK.md database-down, 8 steps",
    ]


def test_the_look_that_is_about_this_check_comes_first():
    """Somebody without connection slots is shown the query for them, not the log."""
    lines = told(run(SLOTS))

    assert any("next: " in line and "pg_stat_activity" in line for line in lines)


@pytest.mark.parametrize("section", PLAYBOOK.sections, ids=lambda section: section.id)
def test_next_never_changes_anything(section):
    """What a tired person copies first only looks."""
    names = {step.verify for step in section.recovery} | {"test_other"}
    for name in names:
        sick = verdict(name, section.severity, "failed", playbook=section.id, symptom="it is sick")
        chosen = terminal.outline.next_step(sick, section)

        assert chosen.risk == "read-only"


def test_whoever_accuses_another_comes_after_it_and_points_at_it():
    """A dead database is one thing to do, not two."""
    lines = told(run(SUB_CHECK, REACHABLE))
    first, second = (next(i for i, line in enumerate(lines) if name in line) for name in (REACHABLE.check, "→ blames"))

    assert first < second
    assert "         next: postgres first (see test_database_is_reachable)" in lines
    assert "broken   P1 postgres" in lines


def test_an_accused_component_without_a_finding_is_only_likely():
    """Nobody looked at it: the report does not claim more than was seen."""
    assert "broken   P1 postgres (likely)" in told(run(SUB_CHECK))


def test_the_same_commands_are_not_repeated():
    """Two findings of one section share its steps."""
    lines = told(run(REACHABLE, replace(REACHABLE, check="test_other")))

    assert sum("next: docker-compose" in line for line in lines) == 1
    assert "         next: as above (PLAYBOOK.md database-down)" in lines


def test_unknowns_with_one_reason_are_one_line():
    """Three checks that want the same thing are one thing to mend, and each is named."""
    lines = told(OUTAGE)
    at = lines.index(f"UNKNOWN  3 checks: {NO_DATABASE}")

    assert lines[at + 1].split() == [
        "test_database_accepts_the_login,",
        "test_database_answers_in_time,",
        "test_database_accepts_writes",
    ]


def test_the_last_lines_name_what_keeps_most_checks_from_an_answer():
    """One missing password, over all severities, is one line; rare reasons are counted."""
    wants = {"no password": 3, "no account": 2, "no file": 1, "no port": 1}
    missing = [
        verdict(f"test_{reason[3:]}_{number}", f"p{number + 1}", "unknown", reason=reason)
        for reason, times in wants.items()
        for number in range(times)
    ]
    lines = diagnosis(told(run(*missing)))

    assert lines[-5:] == [
        "unknown  7 checks",
        "         3: no password",
        "         2: no account",
        "         1: no file",
        "         1: for what stands above",
    ]


def test_every_outcome_is_told():
    """Error with its reason, accepted with its last day, skipped with its reason, passed counted, coverage."""
    text = "\n".join(told(OUTAGE))

    assert "ERROR    test_clocks_agree: a bug in the suite" in text
    assert "KeyError: 'date'" in text
    assert "ACCEPTED 94 % of swap is used" in text
    assert "until 2026-12-31: swap is small here" in text
    assert "skipped  test_newest_backup_is_recent: host.backup_file is empty" in text
    assert "passed   1 check" in text
    assert "answered 3 of 6 P1 checks, 1 of 2 P2 checks" in text


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ((PASSED, SKIPPED), "Healthy: 1 check passed, 1 skipped"),
        ((PASSED, ACCEPTED), "Healthy: 1 check passed, 1 accepted"),
        ((SKIPPED,), "Nothing was looked at: every check was skipped"),
        ((), "Nothing was looked at: no check was selected"),
        ((ERROR, PASSED), "         1: for what stands above"),
    ],
)
def test_the_last_line_says_how_it_is(verdicts, words):
    """Nobody who reads only the last line takes "did not look" for "healthy"."""
    assert diagnosis(told(run(*verdicts)))[-1] == words


def test_the_diagnosis_is_the_same_for_the_same_facts():
    """When it ran, how long, from where and on what: it stands below; and answers may arrive in any order."""
    later = replace(
        OUTAGE,
        started=OUTAGE.started.replace(year=2027),
        seconds=0.1,
        budget=60.0,
        replayed_from="last.snapshot",
        host="elsewhere",
        report=None,
        trouble=("the report was not written: disk full",),
        verdicts=tuple(reversed(OUTAGE.verdicts)),
        interrupted=True,
    )

    assert diagnosis(told(later)) == diagnosis(told(OUTAGE))


def test_a_missing_report_is_said_with_its_reason():
    """The terminal tells all of it, and that there is no file."""
    lines = told(replace(HEALTHY, report=None, trouble=("the report x.html could not be written: disk full",)))

    assert lines[-2:] == [
        "TROUBLE  the report x.html could not be written: disk full",
        "report   no HTML report: all there is stands above",
    ]


def test_nothing_is_cut_without_a_terminal():
    """A cron mail has no width."""
    sick = replace(REACHABLE, symptom="s" * 300, evidence={"key": "v" * 300})
    text = "\n".join(told(run(sick), width=None))

    assert "s" * 300 in text
    assert "v" * 300 in text


@pytest.mark.parametrize("width", [1, 40, 80, 200])
def test_wrapping_loses_no_word_and_no_command(width):
    """Lines are folded at blanks; a command stays whole, because it is copied."""
    wide = told(OUTAGE, width=None)
    narrow = told(OUTAGE, width=width)
    words = [word for line in wide if "---" not in line for word in line.split()]

    assert [word for line in narrow if "---" not in line for word in line.split()] == words
    assert "               docker-compose logs --tail=100 postgres" in narrow


def test_colour_comes_only_when_asked():
    """No escape in a file; with colour, the same words."""
    plain, painted = told(OUTAGE), told(OUTAGE, colour=True)

    assert "\x1b" not in "".join(plain)
    assert any(line.startswith("\x1b[1;31mFAILED\x1b[0m") for line in painted)
    assert [_bare(line) for line in painted] == plain


def _bare(line):
    parts = line.split("\x1b[")
    return parts[0] + "".join(part.split("m", 1)[1] for part in parts[1:])


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_foreign_text_cannot_steer_the_terminal(encoding):
    """No control, no line of its own (a CI log obeys `::error::` at a line's start), and every line can be written."""
    lines = told(HOSTILE, width=80, encoding=encoding)

    assert all(line.isprintable() for line in lines)
    assert all(line.encode(encoding) for line in lines if line)
    assert not any(line.startswith("::") for line in lines)
    assert sum(map(len, lines)) < 100_000
    assert ATTACK not in "\n".join(lines)


def test_a_suite_without_a_playbook_is_told_all_the_same():
    """A foreign suite has no PLAYBOOK.md: no recovery is quoted, no time is named."""
    lines = told(OUTAGE, Playbook())

    assert "P1" in lines
    assert not any("next: docker" in line or "respond" in line for line in lines)
