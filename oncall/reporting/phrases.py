"""A cause in words, for every line that names one: what, by when, how much it explains, what to type. Pure."""

from __future__ import annotations

from datetime import datetime

from oncall.diagnosis.cause import Cause
from oncall.playbook import Playbook
from oncall.reporting import plain, summary
from oncall.results.record import RunRecord
from oncall.timeline.merge import first_sign
from oncall.verdict import SEVERITIES, Verdict, answered

FOREIGN = "this command is filled from the snapshot, not checked; --target FILE fills it from yours"


def title(cause: Cause) -> str:
    """ "P1 postgres: connection refused at 127.0.0.1:5432"; how sure that is, where it is less than confirmed."""
    sure = "" if cause.confidence == "confirmed" else f" ({cause.confidence})"
    return plain.escape_control_chars(f"{cause.severity.upper()} {cause.component}{sure}: {cause.symptom}")


def respond_by(severity: str, run: RunRecord, playbook: Playbook, cause: Cause | None = None) -> datetime | None:
    """When somebody must have answered, UTC: counted from the first sign of a problem, or else from the run's start.

    cause: only the signs of the components that it concerns count; last night's backup is not why the site is down now.
    """
    level = playbook.levels.get(severity)
    sign = first_sign(run.timeline, concerned(cause) if cause else None)
    return (sign.at if sign else run.started) + level.respond_within if level else None


def concerned(cause: Cause) -> set[str]:
    """The components that a cause concerns: its own, and those of all that it explains."""
    told = (verdict.component for verdict in (*cause.findings, *cause.consequences))
    return {cause.component, *(component for component in told if component)}


def deadline(severity: str, run: RunRecord, playbook: Playbook, cause: Cause | None = None) -> str:
    """ "by 14:32 UTC", with the day when it is another one than the run's; empty for a playbook that names no time."""
    at = respond_by(severity, run, playbook, cause)
    if at is None:
        return ""
    day = "" if at.date() == run.started.date() else f"{at:%Y-%m-%d} "
    overdue = ", overdue when this run began" if at < run.started else ""
    return f"by {day}{at:%H:%M} UTC{overdue}"


def explains(cause: Cause) -> str:
    """ "explains 5 failed, 32 unknown"; empty for a cause that stands alone."""
    counts = {"failed": len(cause.consequences), "unknown": len(cause.blocked)}
    parts = [f"{number} {outcome}" for outcome, number in counts.items() if number]
    seen = f"seen by {summary.checks(len(cause.findings))}" if len(cause.findings) > 1 else ""
    return ", ".join(filter(None, (seen, f"explains {', '.join(parts)}" if parts else "")))


def because(cause: Cause) -> str:
    """ "confirmed by State.OOMKilled and the kernel log", "likely: not checked directly in this run"."""
    between = " " if cause.confidence == "confirmed" else ": "
    return cause.confidence + (between + reason(cause) if cause.because else "")


def reason(cause: Cause) -> str:
    """What stands after the word of confidence: "by State.OOMKilled and the kernel log"."""
    joint = "by " if cause.confidence == "confirmed" else ""
    return plain.escape_control_chars(joint + cause.because) if cause.because else ""


def evidence(values: Cause | Verdict) -> str:
    """ "address=127.0.0.1:5432, said=Connection refused"; what says nothing is left out."""
    return ", ".join(f"{plain.quoted(key)}={plain.quoted(value)}" for key, value in plain.told(values.evidence))


def unexplained(run: RunRecord, outcome: str) -> tuple[Verdict, ...]:
    """The checks of this outcome that stand under no cause: none is lost because nothing explains it."""
    causes = run.diagnosis.causes
    under = {verdict.nodeid for cause in causes for verdict in (*cause.findings, *cause.consequences, *cause.blocked)}
    return tuple(verdict for verdict in run.of(None, outcome) if verdict.nodeid not in under)


def error(verdict: Verdict) -> str:
    """ "test_clocks_agree: KeyError: 'date' (a bug in the suite, not in the stack)": the last line of its reason."""
    last = ((verdict.reason or "").strip().splitlines() or ["no reason was given"])[-1]
    return plain.escape_control_chars(f"{verdict.check}: {last} (a bug in the suite, not in the stack)")


def accepted(verdict: Verdict) -> str:
    """ "94 % of swap is used, until 2026-12-31: swap is small here"; of one without an answer, why there is none."""
    until = f", until {verdict.accepted.until.isoformat()}: {verdict.accepted.reason}" if verdict.accepted else ""
    return plain.escape_control_chars(f"{verdict.symptom or verdict.full_reason or verdict.claim}{until}")


def unanswered(reason: str, verdicts: tuple[Verdict, ...]) -> str:
    """ "3 checks: no password is set", or the one check's name."""
    name = verdicts[0].check if len(verdicts) == 1 else summary.checks(len(verdicts))
    return plain.escape_control_chars(f"{name}: {reason}")


def passed(run: RunRecord) -> str:
    """ "19 checks, 35 skipped": what needs nobody."""
    skipped = len(run.of(None, "skipped"))
    return summary.checks(len(run.of(None, "passed"))) + (f", {skipped} skipped" if skipped else "")


def coverage(run: RunRecord) -> str:
    """ "P1 12/18, P2 8/25": how many of the checks have an answer; empty when none ought to."""
    answers = [(severity, *answered(run.of(severity))) for severity in SEVERITIES]
    return ", ".join(f"{severity.upper()} {known}/{due}" for severity, known, due in answers if due)
