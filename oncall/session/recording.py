"""From a pytest report to a verdict: the map of finding.py, applied."""

import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import Struct, field

from oncall.diagnosis.cause import Diagnosis
from oncall.diagnosis.causes import diagnose
from oncall.diagnosis.dependence import graph
from oncall.diagnosis.quotes import quotes
from oncall.finding import TIMED, CouldNotCheck, Finding, Message
from oncall.gate.fact_gate import clean
from oncall.gate.patterns import whole
from oncall.probing.answers import Answers
from oncall.probing.register import parameters, qualified
from oncall.reporting import junit
from oncall.session.context import CONTEXT
from oncall.session.loop import WAITED, probes_of
from oncall.session.parts import FOUND, PARTS, Judged, fact_of
from oncall.target.kinds import roles
from oncall.target.schema import Stack
from oncall.verdict import SEVERITIES, Acceptance, Check, ProbeNote, Severity, Verdict, check_of_fact, ordered

VERDICTS: "pytest.StashKey[list[Verdict]]" = pytest.StashKey()  # of one test, the worst first
WORDS = {"failed": "F", "unknown": "?", "error": "E", "accepted": "a"}


class Ending(Struct, frozen=True):
    """How a test ended, or its check for one part; the error that it ended with, if it raised one."""

    outcome: str
    found: Finding | None = None
    reason: str | None = None
    error: BaseException | None = None
    part: str = ""


class OutcomeRecorder(Struct, eq=False):
    """Holds the verdicts of one run.

    accepted: check name -> why and until when the team lives with its finding.
    today: the run's day; the snapshot's in a replay.
    catalogue: every collected check by name, selected or not.
    stack: whose it is: its graph tells whom each component has to wait for.
    note: told of every verdict.
    """

    runner: Answers | None
    accepted: dict[str, Acceptance]
    today: date
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    catalogue: dict[str, Check] = field(default_factory=dict)
    stack: Stack = Stack()
    note: Callable[[Verdict], None] = lambda verdict: None

    def diagnosis(self, verdicts: Iterable[Verdict]) -> Diagnosis:
        """What these verdicts come to, on the graph that the target file and the facts so far give."""
        facts = self.runner.facts() if self.runner else {}
        return diagnose(verdicts, self.catalogue, graph(self.stack, facts), quotes(facts.values()))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
        if call.excinfo and isinstance(call.excinfo.value, CouldNotCheck):
            call.excinfo.traceback = call.excinfo.traceback[-1:]  # its reason says all: rendering frames takes long
        report = yield
        if not probes_of(item):
            return report
        if call.when == "teardown" and WAITED in item.stash:
            report.duration = max(0.0, report.duration - item.stash[WAITED].waited)
        if report.failed or (report.skipped and call.excinfo) or (call.when == "call" and report.passed):
            self._judge(item, call, report)
        if VERDICTS in item.stash and call.when != "setup":  # pytest's JUnit file reads the last report alone
            report.user_properties += junit.properties_of(item.stash[VERDICTS])
        return report

    def _judge(self, item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
        """The verdict of a test, or those of its parts; the report tells the worst of them."""
        error = call.excinfo.value if call.excinfo else None
        judged = item.stash.get(PARTS, []) if call.when == "call" else []
        endings = [_of_part(one) for one in judged]
        if not judged or (error and all(error is not one.error for one in judged)):
            endings.append(Ending(*self._outcome(item, call, report), error))
        verdicts = ordered(self._verdict(item, ending) for ending in endings)
        item.stash[VERDICTS] = verdicts
        for verdict in verdicts:
            self.verdicts[verdict.nodeid] = verdict
            self.note(verdict)
        self._tell(item, report, verdicts)

    def _verdict(self, item: pytest.Item, ending: Ending) -> Verdict:
        outcome, found, reason, error = ending.outcome, ending.found, ending.reason, ending.error
        part = f"[{ending.part}]" if ending.part else ""
        unknown = error if isinstance(error, CouldNotCheck) else CouldNotCheck()
        source = found or unknown
        given = parameters(item)
        blames, manner = source.blames, source.manner
        views = item.config.stash[CONTEXT].views
        root = qualified(source.root, given, views, lambda role: named(item, role))
        if self.runner and manner in TIMED and outcome in ("failed", "unknown"):
            load = self.runner.load(self.runner.key(name, given) for name in probes_of(item))
            if load.overloaded:  # late, or too late for us to hear it: this says nothing of the stack
                outcome, reason = "unknown", f"{found.symptom if found else reason}; {load.sentence}"
                blames, found = "host", None
        accepted = self.accepted.get(item.name + part) or self.accepted.get(item.name.partition("[")[0])
        if outcome in ("failed", "unknown") and accepted and self.today <= accepted.until:
            outcome = "accepted"
        return Verdict(
            check=item.name + part,
            nodeid=item.nodeid + part,
            part=ending.part,
            severity=severity_of(item),
            outcome=cast(Any, outcome),
            claim=(getattr(getattr(item, "obj", None), "__doc__", None) or "").strip(),
            noticed=item.get_closest_marker("unnoticed") is None,
            playbook=playbook_of(item),
            symptom=whole(found.symptom) if found else None,
            evidence=clean(found.evidence, str) if found else {},
            parameters=given,
            role=found.role if found else role_of(item),
            component=found.component if found else ending.part or component_of(item),
            blames=blames,
            layer=found.layer if found else "correct",
            manner=manner,
            corroboration=found.corroboration if found else "",
            ambiguity=found.ambiguity if found else "",
            statement=whole(found.statement) if found else "",
            speaker=found.speaker if found else "",
            address=found.address if found else "",
            outage=found.outage if found else False,
            root_check=check_of_fact(root, self.catalogue),
            reason=reason and whole(reason),
            setting=unknown.setting,
            accepted=accepted if outcome == "accepted" else None,
            probes=tuple(self._notes(item)),
            position=self.positions.get(item.nodeid, 0),
        )

    def _tell(self, item: pytest.Item, report: pytest.TestReport, verdicts: list[Verdict]) -> None:
        """Let the report say how the test ended: its words, and what its looks have logged."""
        worst = verdicts[0]
        # pytest_report_teststatus gets nothing but the report
        report.oncall_outcome = worst.outcome  # type: ignore[attr-defined]  # a report takes further attributes
        told = [(verdict, words) for verdict in verdicts if (words := _words(verdict))]
        lines = [f"{verdict.part}: {words}" if len(told) > 1 else words for verdict, words in told]
        if worst.outcome in ("failed", "accepted", "unknown"):
            report.longrepr = "\n".join(lines)
        if worst.outcome == "accepted":
            looked = any(verdict.symptom for verdict in verdicts)  # a look that was not made is no pass
            report.outcome = "passed" if looked else "skipped"
            if not looked:  # as pytest keeps a skip
                report.longrepr = (str(item.path), (item.location[1] or 0) + 1, "\n".join(lines))
        ours = [(f"Probe {note.name}", "\n".join(note.log)) for note in worst.probes if note.log]
        report.sections += ours
        report.oncall_sections = ours  # type: ignore[attr-defined]  # as above: masked already

    def _outcome(
        self, item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport
    ) -> tuple[str, Finding | None, str | None]:
        error = call.excinfo.value if call.excinfo else None
        if error is None:
            return "passed", None, None
        if report.skipped:
            return "skipped", None, str(getattr(error, "msg", error))
        if isinstance(error, CouldNotCheck):
            return "unknown", None, str(error)
        found = item.stash.get(FOUND, None)
        if call.when == "call" and isinstance(error, AssertionError) and found:
            return "failed", found, None
        last = call.excinfo.traceback[-1] if call.excinfo else None
        where = f"{Path(last.path).name}:{last.lineno + 1}" if last else "an unknown place"
        what = "an assertion without a finding" if isinstance(error, AssertionError) else type(error).__name__
        first = (str(error).splitlines() or [""])[0]
        return "error", None, f"{what} at {where}: {first}".rstrip(": ")

    def _notes(self, item: pytest.Item) -> list[ProbeNote]:
        if not self.runner:
            return []
        keys = [self.runner.key(name, parameters(item)) for name in probes_of(item)]
        noted = [(key, self.runner.noted(key)) for key in keys]
        return [ProbeNote(name=key, seconds=told[0], log=told[1]) for key, told in noted if told]

    def idle_acceptances(self) -> list[str]:
        """A sentence for each entry of [accepted] that did nothing for its checks, of those that were judged."""
        sentences = []
        for name, entry in self.accepted.items():
            about = [one for one in self.verdicts.values() if name in (one.check, one.check.partition("[")[0])]
            if about and self.today > entry.until:
                sentences.append(
                    f"accepted.{name} ended on {entry.until.isoformat()}: set a later day, or leave it out"
                )
            elif about and all(one.outcome == "skipped" for one in about):
                sentences.append(f"accepted.{name} has no effect, for the target skips this check: leave it out")
        return sentences

    def uncollected(self, report: pytest.CollectReport) -> None:
        """A check file that does not import is a verdict too: what it would have looked at is not known."""
        lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
        reason = (lines or ["it cannot be collected"])[-1].removeprefix("E").strip()
        self.verdicts[report.nodeid] = Verdict(
            check=report.nodeid, nodeid=report.nodeid, severity="p1", outcome="error", reason=reason
        )


def _of_part(one: Judged) -> Ending:
    if one.found:
        return Ending("failed", one.found, None, one.error, one.component)
    reason = str(one.error) if one.error else None
    return Ending("unknown" if one.error else "passed", None, reason, one.error, one.component)


def _words(verdict: Verdict) -> str:
    """What pytest shall say of it; empty where there is nothing to say."""
    if verdict.symptom and verdict.outcome in ("failed", "accepted"):
        return str(Message(Finding(verdict.symptom, verdict.component or "", verdict.evidence)))
    if accepted := verdict.accepted:
        return f"accepted until {accepted.until.isoformat()}: {accepted.reason} (UNKNOWN: {verdict.reason})"
    return f"UNKNOWN: {verdict.full_reason}" if verdict.outcome == "unknown" else ""


def pytest_report_teststatus(report: Any) -> Any:
    outcome = getattr(report, "oncall_outcome", None)
    if outcome == "failed":
        return "failed", "F", ("FAILED", {"red": True})
    if outcome in WORDS:
        colour = {"unknown": "purple", "error": "red"}.get(outcome, "yellow")
        return outcome, WORDS[outcome], (outcome.upper(), {colour: True})
    return None


def severity_of(item: pytest.Item) -> Severity:
    """The check's one severity; p1 for a check that forgot it, so that it is never overlooked."""
    return next((severity for severity in SEVERITIES if item.get_closest_marker(severity)), "p1")


def playbook_of(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("playbook")
    return str(marker.args[0]) if marker and marker.args else None


def check_of(item: pytest.Item) -> Check:
    """A check as its marks describe it."""
    judges = item.get_closest_marker("judges")
    return Check(
        severity=severity_of(item),
        component=component_of(item),
        playbook=playbook_of(item),
        facts=tuple(probes_of(item)),
        varied=bool(parameters(item).keys() - {"component"}),
        each=item.get_closest_marker("each") is not None,
        judges=str(judges.args[0]) if judges and judges.args else "",
    )


def role_of(item: pytest.Item) -> str:
    """What a check calls the part that it looks at; empty where it says nothing."""
    marker = item.get_closest_marker("component")
    return str(marker.args[0]) if marker and marker.args else ""


def component_of(item: pytest.Item) -> str | None:
    """Whom a check looks at: as its marker says, or else the service or the component that it was given."""
    given = parameters(item)
    if role := role_of(item):
        return named(item, role)
    return given.get("service") or given.get("component")


def named(item: pytest.Item, role: str) -> str:
    """The component that a role stands for in this check; a check of one `service` names components only."""
    given = parameters(item)
    if "service" in given or fact_of(item) or role not in roles() or CONTEXT not in item.config.stash:
        return role
    return item.config.stash[CONTEXT].views.about(given.get("component", "")).named(role)


def asserts_are_live() -> bool:
    """Whether asserts run at all: python -O would turn every check green."""
    return not sys.flags.optimize
