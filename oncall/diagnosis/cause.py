"""What a diagnosis is made of: causes, and the chains that led to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from oncall.finding import Value
from oncall.playbook import Next
from oncall.verdict import Severity, Verdict

Confidence = Literal["confirmed", "likely", "not proven"]


class Link(Struct, frozen=True, kw_only=True):
    """One step of a chain: which rule explains a failed check, and by which other check, or part.

    rule: its name in `oncall.diagnosis.rules.RULES`; "end": nothing explains it further.
    by: the check that explains it; empty where a part is accused that has no finding of its own.
    """

    check: str
    rule: str
    component: str
    by: str = ""


class Cause(Struct, frozen=True, kw_only=True):
    """One thing to mend.

    component: what a person would restart or edit. role: what checks call it ("auth"), whatever its name.
    severity: the worst of all that it explains.
    symptom: the most telling of what is said of it. effect: how the nearest finding shows it, where that is another.
    evidence: of both. because: the reason for the confidence, in words.
    findings: the failed checks that show it itself, the nearest first; empty when it is only accused.
    consequences: the failed checks that it explains. blocked: what could not be looked at because of it.
    chain: how each of them was led to it.
    playbook: the section of PLAYBOOK.md that mends it; None: there is none. next: what to type first, from there; None:
    there is no such section (see `oncall.diagnosis.advice`).
    """

    component: str
    role: str = ""
    severity: Severity
    symptom: str
    effect: str = ""
    confidence: Confidence
    because: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    findings: tuple[Verdict, ...] = ()
    consequences: tuple[Verdict, ...] = ()
    blocked: tuple[Verdict, ...] = ()
    chain: tuple[Link, ...] = ()
    playbook: str | None = None
    next: Next | None = None

    @property
    def explains(self) -> int:
        """How many checks it explains besides those that show it."""
        return len(self.consequences) + len(self.blocked)


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All causes, the most urgent first, and the unknowns that stand behind none of them."""

    causes: tuple[Cause, ...] = ()
    unknown: tuple[Verdict, ...] = ()
