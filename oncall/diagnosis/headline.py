"""The most telling words of a cause. Pure.

1  the part's own definite answer (an SQLSTATE, an error of the engine), and what a second trace proves
2  the last words of what ended
3  the meaning of a line in its own log, where it ends or fails by itself
4  its state: absent, exits, refuses, answers with errors, hangs, is late: the lowest layer first
5  what others quote of it
"""

from __future__ import annotations

from collections.abc import Iterable

from oncall.diagnosis.manners import manner_of
from oncall.verdict import Verdict

OWN_ANSWER, LAST_WORDS, OWN_LOG, STATE, OTHERS = range(5)


def most_telling(component: str, head: Verdict, group: Iterable[Verdict]) -> Verdict:
    """The finding of the group whose words head the cause; the head, the nearest one, where nothing tells more."""
    return min((head, *group), key=lambda one: (_rank(component, head, one), one is not head, one.position))


def _rank(component: str, head: Verdict, verdict: Verdict) -> int:
    if verdict is not head and verdict.component != component:
        return OTHERS + 1
    if verdict.component != component:
        return OTHERS
    if verdict.accuses:
        return OTHERS
    if verdict.speaker == "server" or (verdict.corroboration and verdict.layer != "log_evidence"):
        return OWN_ANSWER
    if verdict.speaker == "last words":
        return LAST_WORDS
    if verdict.layer == "log_evidence":
        return OWN_LOG if manner_of(head) in ("exits", "error answer", "wrong answer", "log evidence") else OTHERS
    return STATE if verdict is head else OTHERS
