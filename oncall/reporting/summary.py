"""What a run comes down to, said the same way by every output: where to start, what stands behind what, who shares
a reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from oncall.playbook import Playbook
from oncall.results.record import RunRecord
from oncall.verdict import OUTCOMES, SEVERITIES, Verdict, answered

FINDINGS = ("failed", "unknown", "error")


def headline(run: RunRecord) -> str:
    """The whole run in one sentence: what is broken, what is unknown, or that all is well."""
    open_ = len(run.of(None, "unknown", "error"))
    if run.of(None, "failed") or run.diagnosis.causes:
        return f"Broken: {broken(run)}" + (f"; {checks(open_)} without an answer" if open_ else "")
    if open_:
        return f"Inconclusive: {checks(open_)} could not run; no failures found"
    if not run.of(None, "passed", "accepted"):
        return "Nothing was looked at" + (": every check was skipped" if run.verdicts else ": no check was selected")
    accepted, skipped = len(run.of(None, "accepted")), len(run.of(None, "skipped"))
    parts = [f"{checks(len(run.of(None, 'passed')))} passed"]
    parts += [f"{accepted} accepted"] if accepted else []
    parts += [f"{skipped} skipped"] if skipped else []
    return f"Healthy: {', '.join(parts)}"


def state(run: RunRecord) -> str:
    """The same in one word: broken, unknown or healthy."""
    if run.of(None, "failed") or run.diagnosis.causes:
        return "broken"
    return "healthy" if run.of(None, "passed", "accepted") and not run.of(None, "unknown", "error") else "unknown"


def broken(run: RunRecord) -> str:
    """What to mend, worst severity first: "P1 postgres, backend (likely); P2 auth".

    The causes; of a failed check that stands under none whom it accuses, or whose symptom it is.
    """
    causes = run.diagnosis.causes
    under = {verdict.nodeid for cause in causes for verdict in (*cause.findings, *cause.consequences)}
    named: set[str] = set()
    lines: dict[str, list[str]] = {}
    for severity in SEVERITIES:
        found: list[tuple[str, str]] = [
            (cause.component, cause.confidence) for cause in causes if cause.severity == severity
        ]
        loose = [verdict for verdict in run.of(severity, "failed") if verdict.nodeid not in under]
        found += [(one.accuses, "likely") if one.accuses else (one.component or one.check, "") for one in loose]
        for name, sure in found:
            if name not in named:
                named.add(name)
                words = f"{name} (likely)" if sure == "likely" else name
                lines.setdefault(severity, []).append(words)
    return "; ".join(f"{severity.upper()} {', '.join(names)}" for severity, names in lines.items())


def heading(severity: str, playbook: Playbook) -> str:
    """A severity as the playbook calls it: "P1 Service outage"."""
    level = playbook.levels.get(severity)
    return f"{severity.upper()} {level.name}" if level else severity.upper()


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many ended how, worst first, every outcome named."""
    ends = [verdict.outcome for verdict in verdicts]
    return {outcome: ends.count(outcome) for outcome in OUTCOMES}


def coverage(run: RunRecord) -> str:
    """How much of each severity has an answer: "31 of 34 P1 checks, 9 of 9 P2 checks"."""
    parts = []
    for severity in SEVERITIES:
        known, due = answered(run.of(severity))
        if due:
            parts.append(f"{known} of {due} {severity.upper()} {'check' if due == 1 else 'checks'}")
    return ", ".join(parts)


def by_reason(verdicts: Iterable[Verdict]) -> dict[str, tuple[Verdict, ...]]:
    """Verdicts that share a reason, together, in reading order."""
    groups: dict[str, tuple[Verdict, ...]] = {}
    for verdict in verdicts:
        reason = verdict.full_reason or "no reason was given"
        groups[reason] = (*groups.get(reason, ()), verdict)
    return groups


def behind(verdict: Verdict, run: RunRecord) -> Verdict | None:
    """The finding of the component that this one accuses: look at that one first."""
    if verdict.accuses is None:
        return None
    return next((other for other in run.of(None, "failed") if _own_fault(other, verdict.accuses)), None)


def _own_fault(verdict: Verdict, component: str) -> bool:
    return verdict.component == component and verdict.accuses is None


def checks(number: int) -> str:
    """ "1 check", "7 checks"."""
    return f"{number} check" if number == 1 else f"{number} checks"
