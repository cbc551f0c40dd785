"""What is new, gone and still there, and what nobody can tell."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from oncall.reporting import changes
from oncall.results.comparison import Answer, Result, comparable, compare
from oncall.target.identity import identity
from oncall.target.schema import Backend, Limits, Postgres, Stack

NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)


def night(number, **outcomes):
    """The result of one night: outcome by check."""
    verdicts = tuple(
        Answer(
            check=check, nodeid=f"checks/test_it.py::{check}", severity="p1", outcome=outcome, symptom=f"{check} is bad"
        )
        for check, outcome in outcomes.items()
    )
    about = {"version": 1, "stack": "motel", "name": "nightly", "target": "local", "selection": ""}
    return Result(started=NIGHT + timedelta(days=number), verdicts=verdicts, **about)


def told(comparison):
    """The names of the checks under each word."""
    groups = {word: [one.check for one in getattr(comparison, word)] for word in ("new", "gone", "still")}
    return {word: names for word, names in groups.items() if names} | (
        {"unclear": list(comparison.unclear)} if comparison.unclear else {}
    )


@pytest.mark.parametrize(
    ("then", "now", "word"),
    [
        ("passed", "failed", "new"),
        ("failed", "passed", "gone"),
        ("failed", "failed", "still"),
        ("accepted", "failed", "still"),
        ("accepted", "passed", "gone"),
        ("failed", "accepted", None),
        ("passed", "accepted", None),
        ("accepted", "accepted", None),
        ("passed", "passed", None),
        ("failed", "unknown", "unclear"),
        ("failed", "skipped", "unclear"),
        ("failed", "error", "unclear"),
        ("unknown", "failed", "unclear"),
        ("error", "failed", "unclear"),
        ("passed", "unknown", None),
        ("unknown", "passed", None),
        ("unknown", "error", None),
    ],
)
def test_only_what_was_answered_in_both_has_come_or_gone(then, now, word):
    """Each pair of outcomes has exactly one word, or none."""
    comparison = compare(night(0, test_a=then), night(1, test_a=now))

    assert told(comparison) == ({word: ["test_a"]} if word else {})
    assert comparison.compared == (then in ("failed", "accepted", "passed") and now in ("failed", "accepted", "passed"))


def test_check_that_one_run_did_not_have_is_not_compared():
    """A new check that fails at once is a finding, not news since last night; a check that was removed is not gone."""
    comparison = compare(night(0, test_old="failed", test_a="passed"), night(1, test_fresh="failed", test_a="passed"))

    assert told(comparison) == {}
    assert comparison.compared == 1


def test_since_is_the_first_run_of_an_unbroken_chain():
    """Each night asks only the one before, which remembers; a night without it, or without an answer, starts again."""
    ends = ["failed", "failed", "failed", "passed", "failed", "unknown", "failed", "failed"]
    nights = [night(0, test_a=ends[0])]
    for number, end in enumerate(ends[1:], 1):
        now = night(number, test_a=end)
        nights.append(replace(now, comparison=compare(nights[-1], now)))

    assert [[change.since.day for change in one.comparison.still] for one in nights[1:]] == [
        [23],
        [23],
        [],
        [],
        [],
        [],
        [29],
    ]
    assert nights[3].comparison.gone[0].since == NIGHT
    assert nights[4].comparison.new[0].since == nights[4].started
    assert nights[5].comparison.unclear == nights[6].comparison.unclear == ("test_a",)


def test_two_checks_of_one_name_are_two():
    """Checks are told apart by their place: another team's suite may use a name twice."""
    twice = [
        Answer(check="test_a", nodeid=f"{file}::test_a", severity="p2", outcome="passed") for file in ("x.py", "y.py")
    ]
    then = replace(night(0), verdicts=tuple(twice))
    now = replace(night(1), verdicts=(twice[0], replace(twice[1], outcome="failed", claim="Logins fail.")))

    assert [(change.nodeid, change.symptom) for change in compare(then, now).new] == [("y.py::test_a", "Logins fail.")]


@pytest.mark.parametrize("member", ["name", "stack", "target", "selection", "version"])
def test_runs_of_another_kind_are_not_compared(member):
    """A nightly run is not held against an outage run, another stack or another selection."""
    then, now = night(0), night(1)

    assert comparable(then, now)
    assert not comparable(replace(then, **{member: 2 if member == "version" else "another"}), now)


def test_later_run_is_not_an_earlier_one():
    """A clock that went back, or the other one of two at once, does not turn time round."""
    assert not comparable(night(1), night(1))
    assert not comparable(night(2), night(1))


def test_identity_is_where_a_stack_is_looked_at():
    """Another limit, endpoint or file leaves a stack the same; another address does not."""
    stack = Stack()

    assert Limits() == Limits(health_seconds=2.0)
    assert identity(stack) == identity(replace(stack, secrets_file="/elsewhere/.env", compose="docker compose"))
    assert identity(stack) != identity(replace(stack, postgres=Postgres(port=5433)))
    assert identity(stack) != identity(replace(stack, backend=Backend(url="http://10.0.0.7:3001")))
    assert identity(stack) != identity(replace(stack, backend=Backend(absent=True)))


def test_lines_say_what_came_went_and_stayed():
    """Severity, symptom, check, and since when; many of a kind are counted."""
    then = night(0, **{f"test_{one}": "passed" for one in "abcdefg"}, test_y="failed", test_z="failed", test_u="failed")
    now = night(1, **{f"test_{one}": "failed" for one in "abcdefg"}, test_y="passed", test_z="failed", test_u="unknown")
    lines = changes.lines(compare(then, now))

    assert lines == [
        "Since 2026-11-23 03:00 UTC: 7 new (test_a, test_b, test_c, ...), 1 gone (test_y), 1 still there (test_z)",
        *(f"new: P1 test_{one} is bad (test_{one})" for one in "abcde"),
        "new: and 2 more",
        "gone: P1 test_y is bad (test_y), there since 2026-11-23 03:00 UTC",
        "still: P1 test_z is bad (test_z), there since 2026-11-23 03:00 UTC",
        "unclear: 1 check failed in one run, without an answer in the other: test_u",
    ]


def test_lines_of_nothing_say_so():
    """No change is news as well, and so is that nothing could be compared."""
    quiet = compare(night(0, test_a="passed"), night(1, test_a="passed"))
    inconclusive = compare(night(0, test_a="unknown"), night(1, test_a="unknown"))

    assert changes.lines(quiet) == ["Since 2026-11-23 03:00 UTC: nothing new, nothing gone"]
    assert changes.lines(inconclusive) == [
        "Since 2026-11-23 03:00 UTC: nothing new, nothing gone: no check had an answer in both runs"
    ]
