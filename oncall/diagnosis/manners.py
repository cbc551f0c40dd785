"""What a part does that fails, and what that can do to the parts above it. Pure.

what is below            can make what is above
absent exits refused silent     exit, refuse, hang, be late, answer with errors
error answer, wrong answer      exit, answer with errors
late, near a limit              hang, be late, answer with errors
log evidence                    exit, answer with errors
config                          nothing: a standing setting was there before
"""

from __future__ import annotations

from collections.abc import Mapping

from oncall.finding import LAYERS, Layer, Manner
from oncall.verdict import Verdict

LADDER = LAYERS[: LAYERS.index("fast") + 1]
STOPS: tuple[Layer, ...] = ("exists", "runs", "reachable", "answers")  # what fails on these stops everything above
GONE: tuple[Manner, ...] = ("absent", "exits", "refused", "silent")
UNHEARD: tuple[Manner, ...] = ("refused", "silent")

USUAL: Mapping[Layer, Manner] = {
    "exists": "absent",
    "runs": "exits",
    "reachable": "refused",
    "answers": "silent",
    "correct": "wrong answer",
    "config": "config",
    "log_evidence": "log evidence",
}
FROM_BELOW: Mapping[Manner, tuple[Manner | None, ...]] = {
    "exits": (*GONE, "error answer", "wrong answer", "log evidence"),
    "refused": GONE,
    "silent": (*GONE, "late", None),
    "late": (*GONE, "late", None),
    "error answer": (*GONE, "late", "error answer", "wrong answer", "log evidence"),
}


def manner_of(verdict: Verdict) -> Manner | None:
    """What the part does, as the finding says, else as its layer tells; None: it is near a limit of its own."""
    return verdict.manner or USUAL.get(verdict.layer)


def comes_from_below(upper: Verdict, lower: Verdict) -> bool:
    """Whether a part that depends on another one can fail like this because that one fails like that."""
    upper_manner = manner_of(upper)
    return upper_manner is not None and manner_of(lower) in FROM_BELOW.get(upper_manner, ())
