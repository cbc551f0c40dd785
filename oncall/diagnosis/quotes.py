"""What stood in a log while our own request failed: the reason of a cause that only its symptom shows. Pure.

A quote makes no cause and accuses nobody: it stands beside the failed check whose part wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oncall.diagnosis.case import Case
from oncall.diagnosis.manners import LADDER, manner_of
from oncall.facts import Fact
from oncall.facts.quotes import FailedRequestLogs, Quote
from oncall.verdict import Verdict

ASKED = ("error answer", "silent", "late")  # how a request fails that somebody has read


def quotes(facts: Iterable[Fact]) -> dict[str, Quote]:
    """Each component's own."""
    return {one.component: one for fact in facts if isinstance(fact, FailedRequestLogs) for one in fact.quotes}


def beside(case: Case, ends: Iterable[Verdict], written: Mapping[str, Quote]) -> Quote | None:
    """What whoever was asked wrote while the first of these requests failed that anything is known of."""
    asked = (one.component for one in ends if one.layer in LADDER and manner_of(one) in ASKED)
    writers = (case.graph.served.get(name, name) for name in asked if name)
    return next((written[name] for name in writers if name in written), None)
