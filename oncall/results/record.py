"""What one run found, as plain data: all that the reports ever see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field

from oncall.diagnosis.cause import Diagnosis
from oncall.facts import Fact
from oncall.results.comparison import Comparison
from oncall.timeline.merge import Event
from oncall.verdict import Verdict, ordered

CommandsFrom = Literal["local", "snapshot"]


class RunRecord(Struct, frozen=True, kw_only=True):
    """One run over one stack."""

    stack: str
    started: datetime  # aware, UTC; a replayed run started when its snapshot was taken
    seconds: float
    verdicts: tuple[Verdict, ...] = ()
    replayed_from: str | None = None
    selection: str = ""  # -m, -k, --active and the places, as typed
    host: str = ""  # the machine looked from
    versions: dict[str, str] = field(default_factory=dict)
    problem: tuple[str, ...] = ()  # what went wrong with the run itself: "the report was not written: disk full"
    report: str | None = None  # where the HTML report is; None: there is none
    interrupted: bool = False
    budget: float | None = None
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    timeline: tuple[Event, ...] = ()
    name: str = ""  # under which it is kept: "nightly"
    target: str = ""  # where the stack was looked at, as in `oncall.target.identity`
    commands_from: CommandsFrom = "local"  # whose target fills the playbook's commands; a snapshot's was not checked
    comparison: Comparison | None = None  # with the last run of the same name, stack and selection; None: there is none
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of quiet logs: `oncall.results.precedents`
    facts: Mapping[str, Fact] = field(default_factory=dict)  # by look, for pictures: "response_times[suites]"

    def of(self, severity: str | None = None, *outcomes: str) -> tuple[Verdict, ...]:
        """The verdicts of one severity (None: all) and of these outcomes (none given: all), in reading order."""
        return tuple(
            verdict
            for verdict in ordered(self.verdicts)
            if severity in (None, verdict.severity) and (not outcomes or verdict.outcome in outcomes)
        )
