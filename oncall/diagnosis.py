"""Findings arranged into causes and consequences. Pure: verdicts in, a diagnosis out.

The cause is the end of the chain of blame, even where that component has no finding of its own in this selection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from oncall.finding import Value
from oncall.verdict import Severity, Verdict

Confidence = Literal["confirmed", "likely", "not proven"]


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One thing to mend.

    component: what a person would restart or edit. severity: the worst of all that it explains.
    symptom, evidence: of the finding nearest to it. because: the reason for the confidence, in words.
    findings: the failed checks that show it itself, the nearest first; empty when it is only accused.
    consequences: the failed checks that it explains. hidden: what could not be looked at because of it.
    playbook: the section of PLAYBOOK.md that mends it; None: there is none.
    """

    component: str
    severity: Severity
    symptom: str
    confidence: Confidence
    because: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    findings: tuple[Verdict, ...] = ()
    consequences: tuple[Verdict, ...] = ()
    hidden: tuple[Verdict, ...] = ()
    playbook: str | None = None

    @property
    def explains(self) -> int:
        """How many checks it explains besides those that show it."""
        return len(self.consequences) + len(self.hidden)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All causes, the most urgent first, and the unknowns that stand behind none of them."""

    causes: tuple[Cause, ...] = ()
    unknown: tuple[Verdict, ...] = ()


def diagnose(verdicts: Iterable[Verdict]) -> Diagnosis:
    """Arrange what failed and what could not be looked at."""
    return Diagnosis()
