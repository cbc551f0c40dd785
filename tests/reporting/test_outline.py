"""The order in which people read, and what a run comes down to."""

import random

from oncall.reporting import summary
from oncall.verdict import answered, ordered
from tests.reporting.runs import ERROR, OUTAGE, PASSED, REACHABLE, SKIPPED, SLOTS, SUB_CHECK, run, verdict


def test_the_order_does_not_depend_on_who_answered_first():
    """Facts arrive in any order; the report has one."""
    shuffled = list(OUTAGE.verdicts)
    random.Random(1).shuffle(shuffled)

    assert ordered(shuffled) == ordered(OUTAGE.verdicts)
    assert ordered(shuffled)[0].check == "test_database_is_reachable"


def test_only_an_answer_counts_as_answered():
    """Unknown and error are no answers; a skipped check was not due."""
    assert answered([PASSED, REACHABLE, ERROR, SKIPPED]) == (2, 3)


def test_two_components_that_accuse_each_other_are_both_shown():
    """A circle of blame hides nobody."""
    back = verdict("test_a", "p1", "failed", symptom="a", component="postgres", blames="backend")

    assert summary.broken(run(SUB_CHECK, back)) == "P1 postgres (likely), backend (likely)"
    assert summary.behind(back, run(SUB_CHECK, back)) is None


def test_a_component_is_named_once_at_its_worst():
    """postgres with two findings is one thing to mend."""
    late = verdict("test_b", "p3", "failed", symptom="b", component="postgres")

    assert summary.broken(run(late, SLOTS, REACHABLE)) == "P1 postgres"


def test_a_finding_without_a_component_is_named_by_its_check():
    """Nothing that failed is left out of the summary."""
    assert summary.broken(run(verdict("test_x", "p2", "failed", symptom="x"))) == "P2 test_x"


def test_state_is_never_healthy_by_default():
    """No verdicts, only skipped ones, or an error: not healthy."""
    assert [
        summary.state(run(*ends)) for ends in ((), (SKIPPED,), (ERROR, PASSED), (PASSED,), (REACHABLE, PASSED))
    ] == [
        "unknown",
        "unknown",
        "unknown",
        "healthy",
        "broken",
    ]
