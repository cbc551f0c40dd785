"""How each check ended, as plain data.

The plugin fills these records while the checks are judged. They hold text that has been redacted already, convert with
msgspec, and order themselves the way people read them:

    severity    p1 first
    outcome     failed > unknown > error > accepted > skipped > passed
    accusers    a component's own finding before findings that accuse another component
    position    as collected, however the answers arrived
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

from msgspec import Struct, field

from oncall.finding import Layer, Manner, Speaker, Value

Severity = Literal["p1", "p2", "p3", "p4"]
Outcome = Literal["failed", "unknown", "error", "accepted", "skipped", "passed"]
SEVERITIES: tuple[Severity, ...] = ("p1", "p2", "p3", "p4")
OUTCOMES: tuple[Outcome, ...] = ("failed", "unknown", "error", "accepted", "skipped", "passed")


class ProbeNote(Struct, frozen=True, kw_only=True):
    """One look that a check stood on: how long it took, and what it said while it looked."""

    name: str
    seconds: float | None = None  # None: it was not started, or comes from a snapshot
    log: tuple[str, ...] = ()


class Acceptance(Struct, frozen=True, kw_only=True):
    """Why the team lives with a finding, or without an answer, up to and including which day."""

    reason: str
    until: date


class Check(Struct, frozen=True, kw_only=True):
    """What is known of a check before it runs."""

    severity: Severity
    component: str | None = None
    playbook: str | None = None
    facts: tuple[str, ...] = ()  # the probes that it names
    varied: bool = False  # whether it has parameters beside the component that it is about
    each: bool = False  # whether it is judged for each part that the run finds
    judges: str = ""  # the fact, or the side of one ("service_containers.running"), that it is there for


class Verdict(Struct, frozen=True, kw_only=True):
    """How one check ended."""

    check: str  # "test_forged_tokens_are_refused[expired]"
    nodeid: str
    part: str = ""  # of a check that is judged for each part that the run finds: this one; both names end with it
    severity: Severity
    outcome: Outcome
    claim: str = ""  # the check's docstring: what people notice
    noticed: bool = True  # whether users notice what it claims; the mark `unnoticed` says that they do not
    playbook: str | None = None  # the id of its section in PLAYBOOK.md
    symptom: str | None = None  # failed, and accepted unless there was no answer to accept
    evidence: dict[str, Value] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)  # that it was given: {"endpoint": "suites"}
    role: str = ""  # what the check calls its component ("backend"), whatever it is named in this stack
    component: str | None = None  # whose symptom it is; of a check that passed or could not look: whom it looks at
    blames: str | None = None  # whom the evidence accuses; of an unknown: who stood in the way
    layer: Layer = "correct"  # how far a look got
    manner: Manner | None = None  # what the part does that fails; None: not said
    corroboration: str = ""  # what proves it, where a second trace does
    ambiguity: str = ""  # what would look the same
    statement: str = ""  # the words that it quotes
    speaker: Speaker = ""  # whose words those are
    address: str = ""  # the host:port that was asked
    outage: bool = False  # whether nothing works for users any more
    root_check: str = ""  # where to read on: the check of the fact that stood in the way, or is nearer to the cause
    reason: str | None = None  # unknown, also where that is accepted; skipped and error
    setting: str = ""  # of an unknown: the key of the target file to set
    accepted: Acceptance | None = None
    probes: tuple[ProbeNote, ...] = ()
    position: int = 0  # place in the collection; keeps two runs in one order

    @property
    def test(self) -> str:
        """The nodeid of pytest's test that it comes from: one with parts has several verdicts."""
        return self.nodeid.removesuffix(f"[{self.part}]") if self.part else self.nodeid

    @property
    def answered(self) -> bool:
        """Whether the stack was seen, healthy or sick."""
        return self.outcome in ("failed", "passed") or (self.outcome == "accepted" and self.symptom is not None)

    @property
    def full_reason(self) -> str:
        """The reason, and the check at which to read on; empty where there is none."""
        see = f" (see {self.root_check})" if self.root_check and self.outcome == "unknown" else ""
        return (self.reason or "") + see

    @property
    def accuses(self) -> str | None:
        """The other component that the evidence blames, if it blames another one."""
        return self.blames if self.blames != self.component else None


def check_of_fact(root: str, catalogue: Mapping[str, Check]) -> str:
    """The check that judges a fact, its parameter included; empty where there is none.

    The one that says so by its mark, else of those that name the fact the most urgent, and of these the first.
    """
    fact, bracket, parameter = root.partition("[")
    if not fact:
        return ""
    same = {name: check for name, check in catalogue.items() if name.partition("[")[1:] == (bracket, parameter)}
    each = next((name for name, check in catalogue.items() if check.each and check.judges == fact), "")
    if each and bracket and not same:
        return f"{each}[{parameter}"
    near = same or catalogue
    marked = [name for name, check in near.items() if check.judges == fact]
    naming = [name for name, check in near.items() if fact in check.facts]
    naming.sort(key=lambda name: SEVERITIES.index(near[name].severity))
    return next(iter(marked + naming), "")


def ordered(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts in the order in which people read them, the same for the same verdicts, however they came in."""
    return sorted(
        verdicts,
        key=lambda verdict: (
            SEVERITIES.index(verdict.severity),
            OUTCOMES.index(verdict.outcome),
            verdict.accuses is not None,
            verdict.position,
            verdict.nodeid,
        ),
    )


def answered(verdicts: Iterable[Verdict]) -> tuple[int, int]:
    """How many checks have an answer, of how many that ought to: a skipped one ought not."""
    due = [verdict for verdict in verdicts if verdict.outcome != "skipped"]
    return sum(verdict.answered for verdict in due), len(due)
