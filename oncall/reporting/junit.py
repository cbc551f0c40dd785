"""What a JUnit file says of a check besides its end: severity, symptom, whose it is, evidence; as properties."""

from __future__ import annotations

from typing import Any

from oncall.reporting import phrases, plain
from oncall.verdict import Verdict

TAGS = {"failed": "failure", "unknown": "error", "error": "error"}


def properties(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and value; what has no value is left out."""
    accepted = verdict.accepted
    found = {
        "severity": verdict.severity,
        "outcome": verdict.outcome,
        "symptom": verdict.symptom,
        "component": verdict.component,
        "blames": verdict.accuses,
        "evidence": phrases.evidence(verdict) if verdict.evidence else None,
        "reason": verdict.reason,
        "playbook": verdict.playbook,
        "accepted": f"until {accepted.until.isoformat()}: {accepted.reason}" if accepted else None,
    }
    return [(name, plain.escape_control_chars(value)) for name, value in found.items() if value]


def properties_of(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    """Those of all verdicts of one test; of a part's, each name ends with the part: "symptom[worker]"."""
    return [
        (f"{name}[{verdict.part}]" if verdict.part else name, value)
        for verdict in verdicts
        for name, value in properties(verdict)
    ]


def label(writer: Any, report: Any) -> None:
    """Let the test case say how the check ended: pytest calls what could not be looked at "failed on setup".

    writer: pytest's own JUnit writer. report: of a check, just written there.
    """
    outcome = getattr(report, "oncall_outcome", None)
    nodes = writer.node_reporter(report).nodes
    if outcome not in TAGS or not nodes or nodes[-1].tag not in TAGS.values():
        return
    end, tag = nodes[-1], TAGS[outcome]
    end.set("type", outcome.upper())
    if outcome != "error":
        end.set("message", plain.escape_control_chars(str(report.longrepr)))
    writer.stats[end.tag] -= 1
    writer.stats[tag] += 1
    end.tag = tag
