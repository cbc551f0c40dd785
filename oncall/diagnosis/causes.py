"""Failed checks arranged into causes and consequences. Pure: verdicts in, a diagnosis out.

Each failed check has at most one reason among the others (rules.py). The ends of these chains are grouped, one group a
cause; its most telling words head it (headline.py), and confidence.py says how sure that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from oncall.diagnosis.case import Case
from oncall.diagnosis.cause import Cause, Diagnosis, Link
from oncall.diagnosis.chains import Chains
from oncall.diagnosis.confidence import confidence
from oncall.diagnosis.headline import most_telling
from oncall.diagnosis.quotes import beside
from oncall.diagnosis.unknowns import behind, guesses
from oncall.facts.quotes import Quote
from oncall.finding import Value
from oncall.target.graph import Graph
from oncall.verdict import SEVERITIES, Check, Severity, Verdict, ordered


def diagnose(
    verdicts: Iterable[Verdict],
    catalogue: Mapping[str, Check],
    graph: Graph,
    written: Mapping[str, Quote] = MappingProxyType({}),
) -> Diagnosis:
    """Arrange what failed and what could not be looked at.

    catalogue: every check of the suite by name, also those that were not selected: an unknown may point at one.
    graph: who depends on whom. written: what each component wrote while requests to it failed.
    """
    case = Case(ordered(verdicts), catalogue, graph)
    chains = Chains(case)
    blocked, alone = behind(case, chains)
    causes = [_cause(case, chains, group, blocked[number], written) for number, group in enumerate(chains.groups)]
    guessed, alone = guesses(case, alone)
    urgent = sorted([*causes, *guessed], key=lambda one: (SEVERITIES.index(one.severity), -one.explains))
    return Diagnosis(causes=tuple(urgent), unknown=tuple(alone))


def _cause(
    case: Case, chains: Chains, group: list[Verdict], blocked: list[Verdict], written: Mapping[str, Quote]
) -> Cause:
    ends = [verdict for verdict in group if chains.end(verdict) is verdict]
    head = case.nearest(ends) or group[0]
    component = chains.whose(head)
    telling = most_telling(component, head, group)
    shown = sorted(ends, key=lambda one: one is not head)
    consequences = [one for one in group if one not in ends]
    quote = beside(case, shown, written)
    meant = quote.symptom if quote and telling is head and not head.statement and not head.accuses else ""
    sure, because = confidence(case, chains, head, telling, group)
    return Cause(
        component=component,
        role=_role(case, component),
        severity=_severity(group),
        symptom=meant or telling.symptom or telling.claim,
        effect=head.symptom or head.claim if meant or telling is not head else "",
        confidence=sure,
        because=because,
        evidence=_evidence(telling, head, quote),
        findings=tuple(shown),
        consequences=tuple(consequences),
        blocked=tuple(blocked),
        chain=tuple(_link(chains, one) for one in (*shown, *consequences)),
        playbook=_section(case, head, component),
    )


def _severity(group: list[Verdict]) -> Severity:
    """What users lose by it: the worst of its checks, and all of it where one of them saw that nothing works."""
    return min(("p1" if one.outage else one.severity for one in group), key=SEVERITIES.index)


def _evidence(telling: Verdict, head: Verdict, quote: Quote | None) -> dict[str, Value]:
    """What decided, the words first that stand nowhere else in it."""
    both: dict[str, Value] = {**telling.evidence, **head.evidence}
    quoted: dict[str, Value] = {"quoted": telling.statement} if telling.statement not in both.values() else {}
    if quote and not any(quote.line in str(value) for value in (*both.values(), telling.statement)):
        quoted |= {f"log of {quote.component} meanwhile": quote.line}
    return {name: value for name, value in (quoted | both).items() if value not in ("", None)}


def _link(chains: Chains, verdict: Verdict) -> Link:
    by, rule = chains.links[verdict.nodeid]
    return Link(check=verdict.check, rule=rule, component=chains.whose(verdict), by=by.check if by else "")


def _role(case: Case, component: str) -> str:
    """What checks call a component."""
    return next((one.role for one in case.verdicts if one.component == component and one.role), "")


def _section(case: Case, head: Verdict, component: str) -> str | None:
    """Where the playbook mends it: as the check says that looks at the component, or the one it points at."""
    if head.component == component:
        return head.playbook
    nearer = case.catalogue.get(head.root_check)
    section = nearer.playbook if nearer and nearer.component == component else None
    return section or case.chapter(component) or head.playbook
