"""A diagnosis without a stack: how checks ended, in few words, and the causes that it makes."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from oncall.diagnosis.cause import Diagnosis
from oncall.diagnosis.causes import diagnose
from oncall.target.graph import declared_graph
from oncall.target.schema import Stack
from oncall.verdict import Check, Outcome, Verdict


def ended(check: str, outcome: Outcome, component: str | None = None, **fields: Any) -> Verdict:
    """How one check ended: of severity p1, and with a symptom or a reason of its own, unless told otherwise.

    fields: those of `oncall.verdict.Verdict`.
    """
    told: dict[str, Any] = {"nodeid": check, "severity": "p1"}
    if outcome == "failed":
        told["symptom"] = f"{check} fails"
    elif outcome == "unknown":
        told["reason"] = f"{check} could not look"
    return Verdict(check=check, outcome=outcome, component=component, **told | fields)


def judge(*verdicts: Verdict, stack: Stack | None = None, catalogue: Mapping[str, Check] | None = None) -> Diagnosis:
    """The causes that a run would name in which the checks ended so, in this order.

    stack: who depends on whom; None: a stack as the shipped target file describes it.
    catalogue: every check of the suite by name, also those that did not run: an unknown may point at one.
    """
    placed = [replace(one, position=place) for place, one in enumerate(verdicts)]
    return diagnose(placed, catalogue or {}, declared_graph(stack or Stack()))
