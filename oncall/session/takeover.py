"""The other side of the watchdog: a pytest that looks at nothing and reports what a run knew that did not come back.

It was started with the very words of that run, so it collects the same checks and writes the same files.
"""

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from oncall.gate.redaction import Redactor
from oncall.probing.register import parameters, probe_key
from oncall.probing.snapshot import Replay, Saved, Snapshot
from oncall.reporting import junit
from oncall.session.context import CONTEXT
from oncall.session.loop import probes_of
from oncall.session.recording import OutcomeRecorder, component_of, playbook_of, severity_of
from oncall.session.watchdog_process import AT_SIGNAL, NOT_YET, NOTES, PHASE, TOLD, header, write
from oncall.target.reader import Target
from oncall.verdict import Verdict, ordered

VARIABLE = "ONCALL_TAKEOVER"


class Notes:
    """What the run had noted.

    holder: what held the interpreter: a look's key or a check's name; empty: nothing that we know of.
    """

    def __init__(self, number: int) -> None:
        """number: of the file's descriptor."""
        self.number = number
        _, _, _, _, go, size, _, thread = header(number)
        self.interrupted = go == AT_SIGNAL
        self.clock, self.began = datetime.now(UTC), time.monotonic()
        self.probes: dict[str, Saved] = {}
        self.verdicts: dict[str, Verdict] = {}
        self._secrets: list[str] = []
        running: dict[str, int] = {}
        check = ""
        for line in os.pread(number, size, NOTES).splitlines():
            note: dict[str, Any] = json.loads(line)
            if run := note.get("run"):
                self.clock, self.began = datetime.fromisoformat(run["clock"]), run["began"]
            elif probe := note.get("probe"):
                running[probe] = note["thread"]
            elif settled := note.get("settled"):
                running.pop(settled, None)
                if "saved" in note:
                    self.probes[settled] = note["saved"]
            elif check_ := note.get("check"):
                check, main = check_, note["thread"]
                running.pop("", None)
                if main == thread:
                    running[""] = thread
            elif secret := note.get("secret"):
                self._secrets.append(secret)
            elif plain := note.get("verdict"):
                verdict = msgspec.convert(plain, Verdict)
                self.verdicts[verdict.nodeid] = verdict
        self.running = [probe for probe in running if probe]
        busy = [probe or check.rpartition("::")[2] for probe, number in running.items() if number == thread]
        self.holder = next(iter(busy), self.running[0] if len(self.running) == 1 else "")

    def teach(self, redact: Redactor) -> None:
        """What the run had learned to be a secret."""
        for secret in self._secrets:
            redact.learn(secret)

    def told(self) -> None:
        """The diagnosis is on the terminal: the run may be ended now."""
        write(self.number, PHASE, TOLD)

    @property
    def sentence(self) -> str:
        """Why there is no more than this."""
        who = self.holder or f"one of {', '.join(self.running[:5])}" if self.running else "something"
        return f"PARTIAL: {who} holds the Python interpreter and does not come back; the run was ended"


def read_notes(environment: Mapping[str, str]) -> Notes | None:
    """The notes of the run that this one speaks for; None: it speaks for itself."""
    typed = environment.get(VARIABLE)
    if not typed:
        return None
    number, watchdog = int(typed), os.getppid()
    while header(number)[4] == NOT_YET:
        if os.getppid() != watchdog:
            raise KeyboardInterrupt  # the run has ended by itself
        time.sleep(0.01)
    return Notes(number)


class Withheld:
    """The terminal's stream of a run that may have to speak for another: until it has to, nothing is written."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.speaks = stream, False

    def write(self, text: str) -> int:
        return int(self._stream.write(text)) if self.speaks else len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Recalled(Replay):
    """Stands where the runner stands, and answers from the notes."""

    def __init__(self, notes: Notes, target: Target, redact: Redactor) -> None:
        super().__init__(Snapshot(notes.clock, target, notes.probes), redact)
        self.interrupted = notes.interrupted


class Spokesman:
    """Lets go of the run that did not come back as soon as the diagnosis is on the terminal."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Any:
        result = yield
        terminalreporter.flush()
        self.notes.told()
        return result


def report(session: pytest.Session, judge: OutcomeRecorder, notes: Notes) -> None:
    """Hand pytest what it would have reported: of each check what was judged, or why it was not."""
    for item in session.items:
        if not probes_of(item):
            continue
        noted = [verdict for verdict in notes.verdicts.values() if verdict.test == item.nodeid]
        verdicts = ordered(noted) or [_unknown(item, judge, notes)]
        judge.verdicts |= {verdict.nodeid: verdict for verdict in verdicts}
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for one in _reports(item, verdicts):
            item.ihook.pytest_runtest_logreport(report=one)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _unknown(item: pytest.Item, judge: OutcomeRecorder, notes: Notes) -> Verdict:
    views = item.config.stash[CONTEXT].views
    keys = [probe_key(name, parameters(item), views) for name in probes_of(item)]
    missing = [key for key in keys if key not in notes.probes]
    if notes.holder in (*keys, item.name):
        reason = f"{notes.holder} did not come back: it holds the Python interpreter"
    elif missing:
        reason = f"{missing[0]} had not answered when {notes.holder or 'a probe'} stopped the Python interpreter"
    else:
        reason = f"not judged: {notes.holder or 'a probe'} stopped the Python interpreter"
    return Verdict(
        check=item.name,
        nodeid=item.nodeid,
        severity=severity_of(item),
        outcome="unknown",
        claim=(getattr(getattr(item, "obj", None), "__doc__", None) or "").strip(),
        noticed=item.get_closest_marker("unnoticed") is None,
        playbook=playbook_of(item),
        component=component_of(item),
        reason=reason,
        position=judge.positions.get(item.nodeid, 0),
    )


def _reports(item: pytest.Item, verdicts: list[Verdict]) -> list[pytest.TestReport]:
    """The three that pytest makes of each test, without the test: they tell its worst verdict."""
    verdict = verdicts[0]
    outcome: Any = {"passed": "passed", "accepted": "passed", "skipped": "skipped"}.get(verdict.outcome, "failed")
    words: Any = None
    if verdict.outcome == "skipped":
        words = (str(item.path), (item.location[1] or 0) + 1, f"Skipped: {verdict.reason}")
    elif verdict.outcome == "unknown":
        words = f"UNKNOWN: {verdict.full_reason}"
    elif verdict.outcome != "passed":
        words = verdict.symptom or verdict.reason
    keywords = dict.fromkeys(item.keywords, 1)
    made = []
    for when in ("setup", "call", "teardown"):
        ended, said = (outcome, words) if when == "call" else ("passed", None)
        one = pytest.TestReport(item.nodeid, item.location, keywords, ended, said, when)  # type: ignore[arg-type]  # one of three words
        if when == "call":
            one.oncall_outcome = verdict.outcome  # type: ignore[attr-defined]  # as in judging.py
            one.sections = [(f"Probe {note.name}", "\n".join(note.log)) for note in verdict.probes if note.log]
            one.oncall_sections = tuple(one.sections)  # type: ignore[attr-defined]
        if when != "setup":
            one.user_properties += junit.properties_of(verdicts)
        made.append(one)
    return made
