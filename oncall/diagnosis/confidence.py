"""How sure a cause is, and why, in words. Pure."""

from __future__ import annotations

from oncall.diagnosis.case import Case
from oncall.diagnosis.cause import Confidence
from oncall.diagnosis.chains import Chains
from oncall.verdict import Verdict


def confidence(
    case: Case, chains: Chains, head: Verdict, telling: Verdict, group: list[Verdict]
) -> tuple[Confidence, str]:
    """The word, and the reason that stands behind it: "confirmed", "State.OOMKilled and the kernel log"."""
    component = chains.whose(head)
    if chains.circular(head):
        return "not proven", f"{head.component} and {head.accuses} each report the other as failing"
    if telling.speaker == "server" and telling.component == component and not telling.accuses:
        return "confirmed", f"its own answer ({telling.check})"
    if head.corroboration or head.ambiguity:
        return ("not proven", head.ambiguity) if head.ambiguity else ("confirmed", head.corroboration)
    if case.accused(head):
        return "likely", _accusation(case, chains, component, group)
    if owner := case.owner(head):
        return "likely", f"{head.address} is published by {owner}; {_seen(case, owner)}"
    if head.accuses:
        way = f"the fault is in {component}, or between {component} and {head.accuses}"
        return "likely", f"it accuses {head.accuses}, whose own checks pass: {way}"
    if held := chains.held_up(head):
        return "likely", held.reason or ""
    if head.layer == "log_evidence":
        return "likely", f"seen only in recent logs or counters ({head.check})"
    witnesses = [one for one in group if one is not head and component in (one.component, one.accuses)]
    if (head.manner == "silent" or head.layer == "answers") and not witnesses:
        return "likely", "cannot tell a hung process from dropped packets from here"
    return "confirmed", head.check


def _accusation(case: Case, chains: Chains, component: str, group: list[Verdict]) -> str:
    ends = [one for one in group if chains.end(one) is one]
    accusers = ", ".join(dict.fromkeys(one.check for one in ends))
    return f"{accusers} accuses it; {_seen(case, component)}"


def _seen(case: Case, component: str) -> str:
    looked = any(one.component == component and one.outcome in ("passed", "failed") for one in case.verdicts)
    return "its own checks show nothing" if looked else "not checked directly in this run"
