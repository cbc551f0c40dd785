"""The chains of one diagnosis: what explains each failed check, where a chain ends, which ends are one cause. Pure."""

from __future__ import annotations

from functools import cached_property

from oncall.diagnosis.case import Case
from oncall.diagnosis.manners import STOPS, manner_of
from oncall.diagnosis.rules import explained
from oncall.verdict import Verdict


class Chains:
    """links: by nodeid, the failed check that explains it and the rule that says so; see `rules.explained`."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.links = {verdict.nodeid: explained(case, verdict) for verdict in case.failed}

    @cached_property
    def groups(self) -> list[list[Verdict]]:
        """The failed checks, one list a cause, the ends of the chains first in each."""
        groups: list[list[Verdict]] = []
        for verdict in self.case.failed:
            if self.end(verdict) is verdict:
                kin = next((group for group in groups if any(self._akin(verdict, other) for other in group)), None)
                kin.append(verdict) if kin is not None else groups.append([verdict])
        for verdict in self.case.failed:
            end = self.end(verdict)
            if end is not verdict:
                next(group for group in groups if end in group).append(verdict)
        return groups

    def end(self, verdict: Verdict) -> Verdict:
        """The last one of the chain; of a circle, its member on the lowest layer."""
        chain = [verdict]
        while reason := self.links[chain[-1].nodeid][0]:
            if reason in chain:
                circle = chain[chain.index(reason) :]
                return self.case.nearest(circle) or reason
            chain.append(reason)
        return chain[-1]

    def circular(self, verdict: Verdict) -> bool:
        """Whether the chain that ends here is a circle: parts accuse each other."""
        return self.links[verdict.nodeid][0] is not None

    def whose(self, end: Verdict) -> str:
        """The component that a chain with this end names."""
        held = self.held_up(end)
        return (
            self.case.accused(end) or self.case.owner(end) or (held and held.blames) or end.component or end.check
        )  # fmt: skip

    def held_up(self, end: Verdict) -> Verdict | None:
        """The probe that could not be made because of a component that the late or silent one waits for."""
        if end.layer not in ("answers", "fast"):
            return None
        lower = self.case.below(end.component)
        return next((one for one in self.case.verdicts if one.outcome == "unknown" and one.blames in lower), None)

    def _akin(self, one: Verdict, other: Verdict) -> bool:
        """Whether two ends of chains are one cause."""
        if self.whose(one) != self.whose(other):
            return False
        accusers = [bool(self.case.accused(each) or self.case.owner(each)) for each in (one, other)]
        same = one.playbook == other.playbook or (one.layer == other.layer and one.layer in STOPS)
        same = same or {manner_of(one), manner_of(other)} == {"error answer"}  # whatever it is asked, it fails
        return all(accusers) or (same and not any(accusers))
