"""The rules that lead from a failed check to what explains it: a table, each rule small. Pure.

They are asked in this order; the first that applies decides. The cause is the end of the chain, even where that part
has no finding of its own in this selection. No rule looks at severity or order, so two faults show as two causes.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from oncall.diagnosis.case import Case
from oncall.diagnosis.manners import GONE, STOPS, comes_from_below, manner_of
from oncall.finding import LAYERS, TIMED
from oncall.verdict import Verdict

UNMOVED = ("refused", "late")  # what serves files listens whatever is below, and a slow part does not make it slow

NOT_RUNNING = ("exists", "runs")  # who has no container that runs listens nowhere
STRAINED = (*TIMED, "error answer")  # what a part does that is at a limit of its own
ACCUSED_BELOW = ("exits", "error answer")  # what a part does because of one of which others' evidence alone tells


class End(Enum):
    """What a rule returns that ends the chain here: no later rule is asked."""

    HERE = "here"


Answer = Verdict | End | None  # None: this rule does not apply


class Rule(NamedTuple):
    """sentence: why a check stands behind what the rule names, for people; {by} is that check or part."""

    name: str
    sentence: str
    ask: Callable[[Case, Verdict], Answer]


def _told(case: Case, verdict: Verdict) -> Answer:
    nearer = case.pointed(verdict)
    return nearer if nearer is not None and nearer.outcome == "failed" else None


def _same_place(case: Case, verdict: Verdict) -> Answer:
    if owner := case.owner(verdict):
        return case.nearest(one for one in case.of(owner) if one.layer != "config") or End.HERE
    if verdict not in case.unheard(verdict.address):
        return None
    others = [one for one in case.unheard(verdict.address) if one.component != verdict.component]
    there = [one for one in others if one.component in case.below(verdict.component)]
    gone = {one.component for one in case.failed if one.layer in NOT_RUNNING}
    if verdict.component not in gone and not there:
        there = [lower for one in others if one.component in gone for lower in case.of(one.component)]
    return case.nearest(there)


def _passed_on(case: Case, verdict: Verdict) -> Answer:
    proxy = case.passing_on(verdict)
    own = (one for one in case.of(proxy) if proxy and not one.accuses and one.component != verdict.component)
    return case.nearest(one for one in own if one.layer == "log_evidence")


def _never_made(case: Case, verdict: Verdict) -> Answer:
    if verdict not in case.unheard(verdict.address):
        return None
    states = (one for one in case.verdicts if one.outcome == "unknown" and one.component == verdict.component)
    in_the_way = (case.pointed(one) for one in states)
    return next((one for one in in_the_way if one and one.outcome == "failed" and one.layer == "exists"), None)


def _accused(case: Case, verdict: Verdict) -> Answer:
    accused = case.accused(verdict)
    if not accused:
        return None
    return case.nearest(other for other in case.of(accused) if other.layer != "config") or End.HERE


def _standing(case: Case, verdict: Verdict) -> Answer:
    return End.HERE if verdict.layer == "config" else None


def _last_words(case: Case, verdict: Verdict) -> Answer:
    if manner_of(verdict) != "exits" or verdict.corroboration:
        return None
    log = case.own_log(verdict)
    if log is None or log is verdict:
        return None
    elsewhere = case.accused(log) or _told(case, log)
    return log if elsewhere else None


def _ground(case: Case, verdict: Verdict) -> Answer:
    return case.nearest(other for other in case.of(verdict.component) if _grounds(other, verdict))


def _strained(case: Case, verdict: Verdict) -> Answer:
    if manner_of(verdict) not in TIMED:
        return None
    return case.nearest(one for one in case.of(verdict.component) if one.layer == "fast" and one.manner is None)


def _short(case: Case, verdict: Verdict) -> Answer:
    if manner_of(verdict) != "error answer":
        return None
    whose = (verdict.component, case.graph.served.get(verdict.component or ""))
    own = (one for name in whose if name for one in case.of(name))
    return case.nearest(one for one in own if one.layer == "fast" and one.manner is None)


def _echoed(case: Case, verdict: Verdict) -> Answer:
    if not verdict.accuses:
        return None
    lower = [one for name in case.below(verdict.component) for one in case.of(name)]
    return case.nearest(one for one in lower if one.accuses == verdict.accuses)


def _dependence(case: Case, verdict: Verdict) -> Answer:
    patient = verdict.component in case.graph.patient
    if verdict.corroboration or (patient and manner_of(verdict) in UNMOVED):
        return None
    handed_on = patient and manner_of(verdict) == "silent"  # to a part that is there, it gets answered: be it an error
    for name in case.near(verdict.component) if handed_on else case.below(verdict.component):
        lower = [one for one in case.of(name) if comes_from_below(verdict, one)]
        lower = [one for one in lower if not handed_on or manner_of(one) in GONE]
        if lower:
            return case.nearest(lower)
        if manner_of(verdict) in ACCUSED_BELOW and (accusers := case.accusing(name)):
            return case.nearest(accusers)
    return None


RULES = (
    Rule("told", "{by} tells the same story nearer to its cause", _told),
    Rule("same place", "what answers at its address is {by}", _same_place),
    Rule("never made", "the part is not there to answer: {by}", _never_made),
    Rule("accused", "its evidence accuses {by}", _accused),
    Rule("passed on", "its answer came through a proxy, whose own log says that it fails: {by}", _passed_on),
    Rule("standing", "a standing setting has no other cause", _standing),
    Rule("last words", "{by} quotes why the part ends", _last_words),
    Rule("ground", "{by} is a lower layer of the same part", _ground),
    Rule("strained", "the part is at a limit of its own: {by}", _strained),
    Rule("echoed", "{by} makes the same accusation, and it depends on that part", _echoed),
    Rule("dependence", "it depends on {by}, which can make it fail like this", _dependence),
    Rule("short", "the part is short of what it needs to answer: {by}", _short),
)
END = "end"


def explained(case: Case, verdict: Verdict) -> tuple[Verdict | None, str]:
    """The failed check that explains this one, and the rule that says so; None: it is the end of its chain."""
    for rule in RULES:
        answer = rule.ask(case, verdict)
        if answer is End.HERE:
            return None, rule.name
        if isinstance(answer, Verdict):
            return answer, rule.name
    return None, END


def _grounds(lower: Verdict, higher: Verdict) -> bool:
    """Whether a failed check of the same component can be why the other one failed."""
    if lower is higher or lower.layer in ("config", "log_evidence"):
        return False
    if higher.layer == "log_evidence":
        return True
    if manner_of(higher) is None and manner_of(lower) in STRAINED:
        return False  # it is the other way round: see "strained" and "short"
    return lower.layer in STOPS and LAYERS.index(lower.layer) < LAYERS.index(higher.layer)
