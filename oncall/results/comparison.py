"""Two runs of the same name, stack and selection, side by side: what is new, what is gone, what is still there. Pure.

    then        now         is
    passed      failed      new
    sick        passed      gone        sick: failed or accepted
    sick        failed      still
    failed      no answer   unclear     no answer: unknown, also where that is accepted, skipped, error
    no answer   failed      unclear

Everything else says nothing: what was not looked at cannot have come or gone, and what is accepted now is known.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from oncall.verdict import Outcome, Severity

Moment = Annotated[datetime, Meta(tz=True)]  # UTC

SICK = ("failed", "accepted")
ANSWERED = (*SICK, "passed")


class Change(Struct, frozen=True, kw_only=True):
    """One finding that came, went or stayed.

    since: the start of the first kept run that had it without a break: of something new, of this run.
    """

    check: str
    nodeid: str
    severity: Severity
    symptom: str
    since: Moment
    component: str | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """What has changed since an earlier run, in the order of the later run's verdicts: the most urgent first.

    earlier: when that run began, UTC. compared: how many checks had an answer in both.
    unclear: the checks that failed in one of the two and had no answer in the other.
    """

    earlier: Moment
    compared: int
    new: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()
    still: tuple[Change, ...] = ()
    unclear: tuple[str, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """The few members of a verdict that a comparison needs."""

    check: str
    nodeid: str
    severity: Severity
    outcome: Outcome
    symptom: str | None = None
    claim: str = ""
    component: str | None = None

    @property
    def answered(self) -> bool:
        """As `Verdict.answered`."""
        return self.outcome in ANSWERED and not (self.outcome == "accepted" and self.symptom is None)


class Result(Struct, frozen=True, kw_only=True):
    """The few members of a result document that a comparison needs; see `oncall.reporting.json.document`."""

    version: int
    stack: str
    started: Moment
    verdicts: tuple[Answer, ...]
    name: str = ""
    target: str = ""
    selection: str = ""
    comparison: Comparison | None = None
    errors: dict[str, tuple[str, ...]] = {}


def comparable(then: Result, now: Result) -> bool:
    """Whether it is an earlier run of the same name, stack and selection."""
    same = all(getattr(then, one) == getattr(now, one) for one in ("version", "name", "stack", "target", "selection"))
    return same and then.started < now.started


def compare(then: Result, now: Result) -> Comparison:
    """Two results of comparable runs; the earlier one's own comparison tells since when it had its findings."""
    before = {answer.nodeid: answer for answer in then.verdicts}
    since = {change.nodeid: change.since for change in then.comparison.still} if then.comparison else {}
    pairs = [(before[answer.nodeid], answer) for answer in now.verdicts if answer.nodeid in before]
    both = [(old, new) for old, new in pairs if old.answered and new.answered]
    half = [(old, new) for old, new in pairs if old.answered != new.answered]

    def there(answer: Answer) -> Change:
        """What both runs, or only the earlier one, had."""
        return _change(answer, since.get(answer.nodeid, then.started))

    return Comparison(
        earlier=then.started,
        compared=len(both),
        new=tuple(_change(new, now.started) for old, new in both if (old.outcome, new.outcome) == ("passed", "failed")),
        gone=tuple(there(old) for old, new in both if old.outcome in SICK and new.outcome == "passed"),
        still=tuple(there(new) for old, new in both if old.outcome in SICK and new.outcome == "failed"),
        unclear=tuple(new.check for old, new in half if "failed" in (old.outcome, new.outcome)),
    )


def _change(answer: Answer, since: datetime) -> Change:
    return Change(
        check=answer.check,
        nodeid=answer.nodeid,
        severity=answer.severity,
        symptom=answer.symptom or answer.claim,
        since=since,
        component=answer.component,
    )
