"""What could not be looked at: which cause stands in its way, and what it points at outside of the selection. Pure."""

from __future__ import annotations

from oncall.diagnosis.case import Case
from oncall.diagnosis.cause import Cause
from oncall.diagnosis.chains import Chains
from oncall.diagnosis.manners import STOPS
from oncall.verdict import SEVERITIES, Verdict

FAR = 5  # unknowns that point at one another


def behind(case: Case, chains: Chains) -> tuple[list[list[Verdict]], list[Verdict]]:
    """For each cause the unknowns that stand behind it, and those that stand behind none."""
    homes = {verdict.nodeid: number for number, group in enumerate(chains.groups) for verdict in group}
    blocked: list[list[Verdict]] = [[] for _ in chains.groups]
    alone: list[Verdict] = []
    for verdict in case.verdicts:
        if verdict.outcome == "unknown":
            home = _home(case, chains, verdict, homes)
            (alone if home is None else blocked[home]).append(verdict)
    return blocked, alone


def _home(case: Case, chains: Chains, unknown: Verdict, homes: dict[str, int]) -> int | None:
    """The number of the cause behind which an unknown stands."""
    seen = {unknown.check}
    verdict = unknown
    while verdict.outcome == "unknown":
        pointed = case.pointed(verdict)
        if pointed is None or pointed.check in seen:
            break
        seen.add(pointed.check)
        verdict = pointed
    if verdict.nodeid in homes:
        return homes[verdict.nodeid]
    for component in (unknown.blames, unknown.component):
        for number, group in enumerate(chains.groups):
            if component and chains.whose(group[0]) == component and _stops(group, component):
                return number
    return None


def _stops(group: list[Verdict], component: str) -> bool:
    """Whether it does not serve, be it for a limit of its own that ends the chain."""
    return any(one.layer in STOPS for one in group if one is group[0] or one.component == component)


def guesses(case: Case, unknown: list[Verdict]) -> tuple[list[Cause], list[Verdict]]:
    """Causes that were not checked directly: unknowns that point at a check outside of this selection; and the rest."""
    found: dict[str, list[Verdict]] = {}
    rest: list[Verdict] = []
    for verdict in unknown:
        component = _outside(case, verdict)
        (found.setdefault(component, []) if component else rest).append(verdict)
    return [_guess(case, component, blocked) for component, blocked in found.items()], rest


def _outside(case: Case, verdict: Verdict, depth: int = FAR) -> str | None:
    """The component of the unselected check at which an unknown points, be it through others."""
    if not verdict.root_check or not depth:
        return None
    pointed = case.pointed(verdict)
    if pointed is not None:
        return _outside(case, pointed, depth - 1) if pointed.outcome == "unknown" else None
    check = case.catalogue.get(verdict.root_check)
    return verdict.blames or (check.component if check else None)


def _guess(case: Case, component: str, blocked: list[Verdict]) -> Cause:
    first = next((one for one in blocked if not case.pointed(one)), blocked[0])
    check = case.catalogue.get(first.root_check)
    severity = min((one.severity for one in blocked), key=SEVERITIES.index)
    if check:  # what stands in the way is no more urgent than the check that would tell of it
        severity = max(severity, check.severity, key=SEVERITIES.index)
    number = "1 check" if len(blocked) == 1 else f"{len(blocked)} checks"
    return Cause(
        component=component,
        severity=severity,
        symptom=first.reason or "",
        confidence="likely",
        because=f"{number} blocked by it; its own checks are not in this selection",
        blocked=tuple(blocked),
        playbook=(check.playbook if check else None) or case.chapter(component),
    )
