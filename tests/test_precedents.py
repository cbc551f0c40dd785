"""Errors that are new: what good runs that are kept have met in a log, and what this one makes of it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from oncall.facts.logs import ErrorBursts, ErrorTemplate, UndeclaredErrorBursts, key_of
from oncall.probes.logs.error_bursts import marked
from oncall.probing.known_errors import KnownErrors
from oncall.results.comparison import Answer, Result
from oncall.results.history import RECALLED, History
from oncall.results.precedents import known_errors, quiet_errors

NIGHT = datetime(2026, 11, 29, 3, tzinfo=UTC)
NOW = NIGHT + timedelta(days=1)
HERE = {"stack": "motel", "target": "http://localhost:3001"}


def error(count, template="ERROR job #: no such file", **more):
    return ErrorTemplate(template=template, count=count, line=template.replace("#", "7"), **more)


def log(*templates, component="backend"):
    return ErrorBursts(component=component, containers=1, minutes=15, templates=templates)


def result(started=NIGHT, **more):
    answer = Answer(check="test_a", nodeid="test_a", severity="p1", outcome="passed")
    return Result(version=2, started=started, verdicts=(answer,), **HERE | more)


def test_three_lines_of_a_new_error_are_a_finding_and_nine_of_an_old_one_none():
    """It stands in its headline that no good run has met it."""
    new = log(error(3, new=True))
    old = log(error(9), error(2, "ERROR other", new=True))

    assert new.bursts(10, 3) == new.templates
    assert new.symptom(10, 3) == (
        "log of backend: 3 times within 15 min, and in no good run before: ERROR job 7: no such file"
    )
    assert list(new.evidence(10, 3)) == ["3 x new: ERROR job #: no such file", "lines read"]
    assert old.bursts(10, 3) == ()


def test_a_run_leaves_what_stands_in_quiet_logs():
    """Of declared parts and of others; of a log that is judged red nothing is a precedent."""
    noisy = log(error(12), component="mailer")
    fact = UndeclaredErrorBursts(in_project=3, parts=(log(component="worker"), noisy))

    assert quiet_errors([log(error(2)), fact], 10, 3) == {
        "backend": (key_of("ERROR job #: no such file"),),
        "worker": (),
    }


def test_runs_of_the_last_hour_are_no_precedent():
    """What an incident's first run has met once is not old to the second one."""
    runs = [
        result(NIGHT, errors={"backend": ("a", "b")}),
        result(NIGHT - timedelta(days=1), errors={"backend": ("c",), "page": ()}),
        result(NOW - timedelta(minutes=59), errors={"backend": ("d",), "worker": ()}),
    ]

    assert known_errors(runs, NOW) == {"backend": {"a", "b", "c"}, "page": frozenset()}


def test_nothing_is_new_to_a_log_that_no_good_run_has_read():
    """The first run of all knows no old errors, so it can call none new."""
    known = KnownErrors(lambda: {"backend": frozenset({error(1).key})})
    seen = (error(5), error(4, "ERROR other"))

    assert [one.new for one in marked(seen, known.of("backend"))] == [False, True]
    assert [one.new for one in marked(seen, known.of("worker"))] == [False, False]
    assert [one.new for one in marked(seen, KnownErrors().of("backend"))] == [False, False]


def test_runs_of_every_name_are_asked_and_those_of_other_stacks_are_not(tmp_path):
    """During an outage what the nights have met counts as well; of many runs the newest ten."""
    for number in range(RECALLED + 2):
        keep(tmp_path, "nightly", NIGHT - timedelta(days=number))
    keep(tmp_path, "diagnosis", NIGHT + timedelta(hours=1))
    keep(tmp_path, "nightly", NIGHT + timedelta(hours=2), target="http://localhost:4001")
    (tmp_path / "nightly-2026-11-29T090000Z.json").write_text("{")

    found = History(tmp_path, "other", 30).of_stack(**HERE)

    assert [run.name for run in found] == ["diagnosis", *["nightly"] * (RECALLED - 1)]
    assert min(run.started for run in found) == NIGHT - timedelta(days=RECALLED - 2)


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_be_read_knows_nothing(tmp_path, folder):
    """There is no run before the first one."""
    (tmp_path / "file").touch()

    assert History(tmp_path / folder, "nightly", 30).of_stack(**HERE) == []


def keep(folder, name, started, **more):
    History(folder, name, 30).add(started, None, msgspec.json.encode(result(started, name=name, **more)))
