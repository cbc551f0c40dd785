"""What is known while one diagnosis is made: the verdicts, the graph, and who was seen well. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from oncall.diagnosis.manners import LADDER, UNHEARD, manner_of
from oncall.finding import LAYERS
from oncall.target.graph import Graph
from oncall.target.places import place
from oncall.verdict import SEVERITIES, Check, Verdict


class Case:
    """The verdicts of a run, in the order in which people read them, and what can be asked of them."""

    def __init__(self, verdicts: list[Verdict], catalogue: Mapping[str, Check], graph: Graph) -> None:
        self.verdicts = verdicts
        self.catalogue = catalogue
        self.graph = graph
        self.failed = [verdict for verdict in verdicts if verdict.outcome == "failed"]
        self._named = {verdict.check: verdict for verdict in verdicts}

    @cached_property
    def cleared(self) -> set[str]:
        """Components that were seen well."""
        passed = {verdict.component for verdict in self.verdicts if verdict.outcome == "passed"}
        return {component for component in passed if component and self._seen_well(component)}

    def of(self, component: str | None) -> list[Verdict]:
        """The failed checks that show this component's own symptom."""
        return [verdict for verdict in self.failed if verdict.component == component]

    def near(self, component: str | None) -> tuple[str, ...]:
        """What a component depends on itself."""
        return self.graph.near.get(component or "", ())

    def below(self, component: str | None) -> tuple[str, ...]:
        """What a component depends on, near and far."""
        return self.graph.below.get(component or "", ())

    def pointed(self, verdict: Verdict) -> Verdict | None:
        """The check of this run at which to read on: of what stood in the way, or is nearer to the cause."""
        return self._named.get(verdict.root_check)

    def accused(self, verdict: Verdict) -> str | None:
        """The other component that this check accuses, unless that one was seen well.

        A corroborated accusation is believed all the same, and so is log evidence that a look at the accused does not
        contradict (a full disk, a damaged page): what a peer met at its door is contradicted by that look. Two parts
        that accuse the same one, neither of which depends on the other, are believed against our one look.
        """
        accused = verdict.accuses
        timeless = verdict.layer == "log_evidence" and verdict.speaker != "peer"
        believed = accused not in self.cleared or verdict.corroboration or timeless
        return accused if accused and (believed or self._witnesses(accused) > 1) else None

    def _witnesses(self, accused: str) -> int:
        """How many parts that are independent of each other accuse this one."""
        accusers = {one.component for one in self.failed if one.accuses == accused and one.component}
        servers = {self.graph.served.get(one, one) for one in accusers}
        return sum(not servers.intersection(self.below(one)) for one in servers)

    def owner(self, verdict: Verdict) -> str | None:
        """The other component that answers at the address that was asked, where nothing answered there.

        One that is seen well there is none: it passes on, and the silence is of whoever is behind it.
        """
        owner = self._published(verdict) if manner_of(verdict) in UNHEARD else None
        return None if owner in self.cleared else owner

    def passing_on(self, verdict: Verdict) -> str | None:
        """The other component at whose address an answer came: a proxy, which may answer in place of who was asked."""
        return self._published(verdict) if manner_of(verdict) == "error answer" else None

    def _published(self, verdict: Verdict) -> str | None:
        """The other component that the runtime has put at the address that was asked."""
        owner = self.graph.published.get(place(verdict.address)) if verdict.address else None
        return None if owner in (verdict.component, self.graph.served.get(verdict.component or "")) else owner

    def accusing(self, component: str) -> list[Verdict]:
        """The failed checks of others whose evidence accuses this component, and that point at no nearer one."""
        others = (one for one in self.failed if self.accused(one) == component)
        return [one for one in others if (nearer := self.pointed(one)) is None or nearer.outcome != "failed"]

    def unheard(self, address: str) -> list[Verdict]:
        """The failed checks that got no answer at this address."""
        there = (one for one in self.failed if address and place(one.address) == place(address))
        return [one for one in there if manner_of(one) in UNHEARD]

    def chapter(self, component: str) -> str | None:
        """The playbook section that most of the component's most urgent checks name."""
        own = [one for one in self.catalogue.values() if one.component == component and not one.varied]
        worst = min((check.severity for check in own), key=SEVERITIES.index, default=None)
        named = [check.playbook for check in own if check.playbook and check.severity == worst]
        return max(named, key=named.count, default=None)

    def own_log(self, verdict: Verdict) -> Verdict | None:
        """What the same part's log told, where that failed a check too."""
        logs = (one for one in self.of(verdict.component) if one.layer == "log_evidence")
        return next(logs, None)

    def nearest(self, verdicts: Iterable[Verdict]) -> Verdict | None:
        """The one on the lowest layer; one with a second trace before its like."""
        return min(
            verdicts, key=lambda one: (LAYERS.index(one.layer), not one.corroboration, one.position), default=None
        )

    def _seen_well(self, component: str) -> bool:
        """Whether one of its most urgent checks has passed, and none has found it sick."""
        own = [verdict for verdict in self.verdicts if verdict.component == component]
        all_of_them = [check for check in self.catalogue.values() if check.component == component] or own
        urgent = min((check.severity for check in all_of_them), key=SEVERITIES.index)
        passed = any(verdict.outcome == "passed" and verdict.severity == urgent for verdict in own)
        return passed and not any(verdict.outcome == "failed" and verdict.layer in LADDER for verdict in own)
