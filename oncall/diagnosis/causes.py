"""Findings arranged into causes and consequences. Pure: verdicts in, a diagnosis out.

Each failed check has at most one reason among the others, found in this order:

    told        another check that tells the same story nearer to its cause (`root_check`) fails as well
    accused     the evidence accuses another component that is sick itself, or that nobody has seen well
    ground      a lower layer of the same component fails (it does not run, so it cannot answer)
    log_evidence  a log line or a counter tells of what the same component's checks have found
    echoed      it repeats the accusation of a component that it rests on, and nobody believes that one
    waits       it is late or silent, and so is a component that it has to wait for

The cause is the end of that chain, even where that component has no finding of its own in this selection. An
accusation against a component that passes its own urgent checks is not believed: what is wrong then lies on the
accuser's side. No rule looks at severity or order, so two faults show as two causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, field

from oncall.finding import LAYERS, Value
from oncall.playbook import Next
from oncall.target.graph import waits
from oncall.target.schema import Stack
from oncall.verdict import SEVERITIES, Check, Severity, Verdict, ordered

Confidence = Literal["confirmed", "likely", "not proven"]

LADDER = LAYERS[: LAYERS.index("fast") + 1]
WAITS = waits(Stack())  # of a stack as the shipped target file describes it
STOPS = ("exists", "runs", "reachable", "answers")  # what fails on these stops everything above


class Cause(Struct, frozen=True, kw_only=True):
    """One thing to mend.

    component: what a person would restart or edit. role: what checks call it ("auth"), whatever its name.
    severity: the worst of all that it explains.
    symptom, evidence: of the finding nearest to it. because: the reason for the confidence, in words.
    findings: the failed checks that show it itself, the nearest first; empty when it is only accused.
    consequences: the failed checks that it explains. blocked: what could not be looked at because of it.
    playbook: the section of PLAYBOOK.md that mends it; None: there is none. next: what to type first, from there; None:
    there is no such section (see `oncall.diagnosis.advice`).
    """

    component: str
    role: str = ""
    severity: Severity
    symptom: str
    confidence: Confidence
    because: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    findings: tuple[Verdict, ...] = ()
    consequences: tuple[Verdict, ...] = ()
    blocked: tuple[Verdict, ...] = ()
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


def diagnose(
    verdicts: Iterable[Verdict],
    catalogue: Mapping[str, Check] | None = None,
    depends: Mapping[str, tuple[str, ...]] = WAITS,
) -> Diagnosis:
    """Arrange what failed and what could not be looked at.

    catalogue: every check of the suite by name, also those that were not selected: an unknown may point at one.
    depends: for each component those that it has to wait for, near and far; see target/graph.py.
    """
    return _Case(ordered(verdicts), catalogue or {}, depends).closed()


class _Case:
    """The work on one diagnosis: who explains whom, who stands behind what."""

    def __init__(self, verdicts: list[Verdict], catalogue: Mapping[str, Check], depends: Mapping[str, tuple[str, ...]]):
        self.verdicts = verdicts
        self.catalogue = catalogue
        self.depends = depends
        self.failed = [verdict for verdict in verdicts if verdict.outcome == "failed"]
        self.named = {verdict.check: verdict for verdict in verdicts}
        self.cleared = {
            component
            for component in {verdict.component for verdict in verdicts if verdict.outcome == "passed"}
            if component and self._seen_well(component)
        }
        self.reason = {verdict.nodeid: self._reason(verdict) for verdict in self.failed}

    def closed(self) -> Diagnosis:
        groups = self._groups()
        homes = {verdict.nodeid: number for number, group in enumerate(groups) for verdict in group}
        blocked: dict[int, list[Verdict]] = {number: [] for number in range(len(groups))}
        alone: list[Verdict] = []
        for verdict in self.verdicts:
            if verdict.outcome == "unknown":
                home = self._in_the_way(verdict, homes, groups)
                (alone if home is None else blocked[home]).append(verdict)
        causes = [self._cause(group, blocked[number]) for number, group in enumerate(groups)]
        guessed, alone = self._guesses(alone)
        urgent = sorted([*causes, *guessed], key=lambda one: (SEVERITIES.index(one.severity), -one.explains))
        return Diagnosis(causes=tuple(urgent), unknown=tuple(alone))

    # Who explains whom.

    def _reason(self, verdict: Verdict) -> Verdict | None:
        """The failed check that explains this one, or None: it is the end of its chain."""
        told = self._pointed(verdict)
        if told is not None and told.outcome == "failed":
            return told
        accused = self._accused(verdict)
        if accused:
            return self._nearest(other for other in self._of(accused) if other.layer != "config")
        if verdict.layer == "config":
            return None
        grounds = [other for other in self._of(verdict.component) if _grounds(other, verdict)]
        if grounds:
            return self._nearest(grounds)
        waited_for = [each for name in self.depends.get(verdict.component or "", ()) for each in self._of(name)]
        if verdict.accuses:
            return self._nearest(each for each in waited_for if each.accuses == verdict.accuses)
        if verdict.layer in ("answers", "fast"):
            return self._nearest(each for each in waited_for if each.layer in ("answers", "fast"))
        return None

    def _accused(self, verdict: Verdict) -> str | None:
        """The other component that this check accuses, unless that one was seen well.

        A corroborated one is believed all the same, and so is log evidence: what it tells of may be over.
        """
        accused = verdict.accuses
        believed = accused not in self.cleared or verdict.corroboration or verdict.layer == "log_evidence"
        return accused if accused and believed else None

    def _seen_well(self, component: str) -> bool:
        """Whether one of its most urgent checks has passed, and none has found it sick."""
        own = [verdict for verdict in self.verdicts if verdict.component == component]
        all_of_them = [check for check in self.catalogue.values() if check.component == component] or own
        urgent = min((check.severity for check in all_of_them), key=SEVERITIES.index)
        passed = any(verdict.outcome == "passed" and verdict.severity == urgent for verdict in own)
        return passed and not any(verdict.outcome == "failed" and verdict.layer in LADDER for verdict in own)

    def _of(self, component: str | None) -> list[Verdict]:
        return [verdict for verdict in self.failed if verdict.component == component]

    def _nearest(self, verdicts: Iterable[Verdict]) -> Verdict | None:
        """The one on the lowest layer; one with a second trace before its like."""
        return min(
            verdicts, key=lambda one: (LAYERS.index(one.layer), not one.corroboration, one.position), default=None
        )

    # What belongs together.

    def _groups(self) -> list[list[Verdict]]:
        """The failed checks, one list a cause, the ends of the chains first in each."""
        ends: list[list[Verdict]] = []
        for verdict in self.failed:
            if self._end(verdict) is verdict:
                kin = next((group for group in ends if any(self._akin(verdict, other) for other in group)), None)
                kin.append(verdict) if kin is not None else ends.append([verdict])
        for verdict in self.failed:
            end = self._end(verdict)
            if end is not verdict:
                next(group for group in ends if end in group).append(verdict)
        return ends

    def _end(self, verdict: Verdict) -> Verdict:
        """The last one of the chain; of a circle, its member on the lowest layer."""
        chain = [verdict]
        while reason := self.reason[chain[-1].nodeid]:
            if reason in chain:
                circle = chain[chain.index(reason) :]
                return self._nearest(circle) or reason
            chain.append(reason)
        return chain[-1]

    def _akin(self, one: Verdict, other: Verdict) -> bool:
        """Whether two ends of chains are one cause."""
        if self._component(one) != self._component(other):
            return False
        accusers = [bool(self._accused(each)) for each in (one, other)]
        same = one.playbook == other.playbook or (one.layer == other.layer and one.layer in STOPS)
        return all(accusers) or (same and not any(accusers))

    def _component(self, end: Verdict) -> str:
        held = self._held_up(end)
        return self._accused(end) or (held and held.blames) or end.component or end.check

    def _held_up(self, end: Verdict) -> Verdict | None:
        """The look that could not be made because of a component that the late or silent one waits for."""
        if end.layer not in ("answers", "fast"):
            return None
        waits = self.depends.get(end.component or "", ())
        return next((one for one in self.verdicts if one.outcome == "unknown" and one.blames in waits), None)

    # What stands in the way of what.

    def _in_the_way(self, unknown: Verdict, homes: Mapping[str, int], groups: list[list[Verdict]]) -> int | None:
        """The number of the cause behind which an unknown stands."""
        seen = {unknown.check}
        verdict: Verdict | None = unknown
        while verdict is not None and verdict.outcome == "unknown":
            pointed = self._pointed(verdict)
            if pointed is None or pointed.check in seen:
                break
            seen.add(pointed.check)
            verdict = pointed
        if verdict is not None and verdict.nodeid in homes:
            return homes[verdict.nodeid]
        for component in (unknown.blames, unknown.component):
            for number, group in enumerate(groups):
                if component and self._component(group[0]) == component and group[0].layer in STOPS:
                    return number
        return None

    def _pointed(self, verdict: Verdict) -> Verdict | None:
        """The check of this run at which to read on: of what stood in the way, or is nearer to the cause."""
        return self.named.get(verdict.root_check)

    def _guesses(self, unknown: list[Verdict]) -> tuple[list[Cause], list[Verdict]]:
        """Causes that nobody has looked at: unknowns that point at a check outside of this selection."""
        behind: dict[str, list[Verdict]] = {}
        rest: list[Verdict] = []
        for verdict in unknown:
            pointed = self._outside(verdict)
            (behind.setdefault(pointed, []) if pointed else rest).append(verdict)
        return [self._guess(component, blocked) for component, blocked in behind.items()], rest

    def _outside(self, verdict: Verdict, depth: int = 5) -> str | None:
        """The component of the unselected check at which an unknown points, be it through others."""
        if not verdict.root_check or not depth:
            return None
        pointed = self._pointed(verdict)
        if pointed is not None:
            return self._outside(pointed, depth - 1) if pointed.outcome == "unknown" else None
        check = self.catalogue.get(verdict.root_check)
        return verdict.blames or (check.component if check else None)

    def _guess(self, component: str, blocked: list[Verdict]) -> Cause:
        first = next((one for one in blocked if not self._pointed(one)), blocked[0])
        check = self.catalogue.get(first.root_check)
        return Cause(
            component=component,
            severity=min((one.severity for one in blocked), key=SEVERITIES.index),
            symptom=first.reason or "",
            confidence="likely",
            because=f"{_number(blocked)} blocked by it; its own checks are not in this selection",
            blocked=tuple(blocked),
            playbook=(check.playbook if check else None) or self._chapter(component),
        )

    # How it is told.

    def _cause(self, group: list[Verdict], blocked: list[Verdict]) -> Cause:
        ends = [verdict for verdict in group if self._end(verdict) is verdict]
        head = self._nearest(ends) or group[0]
        component = self._component(head)
        shown = sorted((one for one in group if one in ends), key=lambda one: one is not head)
        witnesses = [one for one in group if one is not head and component in (one.component, one.accuses)]
        confidence, because = self._confidence(head, component, ends, witnesses)
        return Cause(
            component=component,
            role=self._role(component),
            severity=min((one.severity for one in group), key=SEVERITIES.index),
            symptom=head.symptom or head.claim,
            confidence=confidence,
            because=because,
            evidence={name: value for name, value in head.evidence.items() if value not in ("", None)},
            findings=tuple(shown),
            consequences=tuple(one for one in group if one not in ends),
            blocked=tuple(blocked),
            playbook=self._section(head, component),
        )

    def _confidence(
        self, head: Verdict, component: str, ends: list[Verdict], witnesses: list[Verdict]
    ) -> tuple[Confidence, str]:
        if self.reason[head.nodeid] is not None:
            return "not proven", f"{head.component} and {head.accuses} each report the other as failing"
        if head.corroboration or head.ambiguity:
            return ("not proven", head.ambiguity) if head.ambiguity else ("confirmed", head.corroboration)
        if self._accused(head):
            accusers = ", ".join(dict.fromkeys(one.check for one in ends))
            seen = "its own checks show nothing" if self._looked_at(component) else "not checked directly in this run"
            return "likely", f"{accusers} accuses it; {seen}"
        if head.accuses:
            way = f"the fault is in {component}, or between {component} and {head.accuses}"
            return "likely", f"it accuses {head.accuses}, whose own checks pass: {way}"
        if held := self._held_up(head):
            return "likely", held.reason or ""
        if head.layer == "log_evidence":
            return "likely", f"seen only in recent logs or counters ({head.check})"
        if (head.manner == "silent" or head.layer == "answers") and not witnesses:
            return "likely", "cannot tell a hung process from dropped packets from here"
        return "confirmed", head.check

    def _role(self, component: str) -> str:
        """What checks call a component."""
        return next((one.role for one in self.verdicts if one.component == component and one.role), "")

    def _looked_at(self, component: str) -> bool:
        return any(one.component == component and one.outcome in ("passed", "failed") for one in self.verdicts)

    def _section(self, head: Verdict, component: str) -> str | None:
        """Where the playbook mends it: as the check says that looks at the component, or the one it points at."""
        if head.component == component:
            return head.playbook
        nearer = self.catalogue.get(head.root_check)
        told = nearer.playbook if nearer and nearer.component == component else None
        return told or self._chapter(component) or head.playbook

    def _chapter(self, component: str) -> str | None:
        """The playbook section that most of the component's most urgent checks name."""
        own = [one for one in self.catalogue.values() if one.component == component and not one.varied]
        worst = min((check.severity for check in own), key=SEVERITIES.index, default=None)
        named = [check.playbook for check in own if check.playbook and check.severity == worst]
        return max(named, key=named.count, default=None)


def _grounds(lower: Verdict, higher: Verdict) -> bool:
    """Whether a failed check of the same component can be why the other one failed."""
    if lower is higher or lower.layer not in LADDER:
        return False
    if higher.layer == "log_evidence":
        return True
    return lower.layer in STOPS and LAYERS.index(lower.layer) < LAYERS.index(higher.layer)


def _number(verdicts: list[Verdict]) -> str:
    return "1 check" if len(verdicts) == 1 else f"{len(verdicts)} checks"
