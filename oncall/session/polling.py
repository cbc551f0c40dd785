"""`--wait`: whole rounds of looks and checks, until one is healthy or the time is up; only the last one is reported.

A round runs every check through pytest's own protocol, with its reports held back. What is reported at the end is what
a run without `--wait` would have reported at that moment.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import Struct, field

from oncall.probing.runner import ProbeRun, Runner
from oncall.reporting import phrases, summary
from oncall.results.exit_code import HEALTHY, NOTHING_LOOKED_AT, SICK, exit_code
from oncall.session.loop import run_checks
from oncall.session.parts import forget
from oncall.session.recording import OutcomeRecorder
from oncall.verdict import Verdict

PAUSE = 1.0  # seconds between two rounds: a stack that starts has better things to do than to answer us
REPEATED = 10.0  # seconds after which a line that has not changed is said again
TRIES = 5  # logins of one account in all rounds together, when none of them is worth keeping


class Poll(Struct):
    """One look at everything, and what was judged on it."""

    runner: Runner
    clock: datetime
    began: float
    seconds: float = 0.0
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    reports: list[tuple[pytest.Item, list[pytest.TestReport]]] = field(default_factory=list)


class RateLimitedProbes:
    """Looks that are not for free (a login), carried from round to round: see `keep` in probing.py.

    One that is worth keeping is kept. Otherwise it is tried again, TRIES times at most: soon at first, then more
    seldom, the last time at the end of the waiting.

    began, ends: of the waiting, monotonic.
    """

    def __init__(self, began: float, ends: float):
        self.began, self.ends = began, ends
        self.tries: dict[str, int] = {}
        self.last: dict[str, ProbeRun] = {}

    def carried(self, before: Poll, now: float) -> dict[str, ProbeRun]:
        """What the next round shall not do again; by key, as in `Runner.runs`."""
        runs, facts = before.runner.runs, before.runner.facts()
        kept = {}
        for key, run in runs.items():
            if run.probe.keep is None or run.outcome is None:
                continue
            if run is not self.last.get(key) and _went_out(run):
                self.tries[key], self.last[key] = self.tries.get(key, 0) + 1, run
            if key in self.last and not self._again(key, facts, now + before.seconds):
                kept[key] = self.last[key]
        return kept

    def _again(self, key: str, facts: Any, now: float) -> bool:
        run, tries = self.last[key], self.tries[key]
        if run.outcome and run.outcome.kind == "fact" and run.probe.keep and run.probe.keep(run.outcome.value, facts):
            return False
        due = self.began + (self.ends - self.began) * (tries / (TRIES - 1)) ** 2
        return tries < TRIES and now >= due


class Polling:
    """The waiting.

    begin: starts all looks of a new round, except those given, and returns its runner. stop: ends the waiting for them.
    tell: takes one line for the terminal. hopeless: a check file does not import, so that no round can end healthy.
    """

    def __init__(
        self,
        session: pytest.Session,
        judge: OutcomeRecorder,
        begin: Callable[[dict[str, ProbeRun]], Runner],
        stop: Callable[[], None],
        tell: Callable[[str], None],
        hopeless: bool,
    ):
        self.session, self.judge, self.begin, self.stop, self.tell = session, judge, begin, stop, tell
        self.hopeless = hopeless
        self.interrupted = False
        self.always = dict(judge.verdicts)  # of check files that do not import
        self.properties = {item: len(item.user_properties) for item in session.items}

    def interrupt(self) -> None:
        """End the waiting. Called by signal handlers, so it takes no lock."""
        self.interrupted = True
        self.stop()

    def wait(self, seconds: float) -> Poll:
        """The last round, unreported; the last full one when somebody interrupted."""
        began = time.monotonic()
        ends = began + seconds
        spared, number, told, next_time = RateLimitedProbes(began, ends), 1, "", 0.0
        last = self._round({})
        while not self.interrupted and not self.hopeless and not self._over(last) and time.monotonic() < ends:
            still, now = self._still(last), time.monotonic()
            if still != told or now >= next_time:
                self.tell(f"round {number}, {now - began:.0f} of {seconds:g} s: {still}")
                told, next_time = still, now + REPEATED
            self._pause(min(time.monotonic() + PAUSE, ends))
            if self.interrupted:
                break
            last.runner.finish()
            number += 1
            this = self._round(spared.carried(last, time.monotonic()))
            last = last if self.interrupted else this
        last.runner.interrupted = self.interrupted
        return last

    def report(self, last: Poll) -> None:
        """Hand the reports that were held back to pytest; stops where its own loop would."""
        for item, reports in last.reports:
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            for report in reports:
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            if self.session.shouldfail:
                raise self.session.Failed(self.session.shouldfail)

    def _round(self, kept: dict[str, ProbeRun]) -> Poll:
        for item in self.session.items:
            forget(item)
            del item.user_properties[self.properties[item] :]
            del item._report_sections[:]  # what was captured in the round before
        self.judge.verdicts = dict(self.always)
        clock, began = datetime.now(UTC), time.monotonic()
        this = Poll(self.begin(kept), clock, began)
        self.judge.runner = this.runner
        if self.interrupted:  # between two rounds
            self.stop()
        held = BufferedReports(this)
        plugins = self.session.config.pluginmanager
        plugins.register(held, "oncall-held")
        try:
            run_checks(self.session, this.runner, lambda: None)
        finally:
            plugins.unregister(held)
        this.seconds, this.verdicts = time.monotonic() - this.began, self.judge.verdicts
        return this

    def _over(self, this: Poll) -> bool:
        """Whether a run that ended now would end well, or waiting cannot change how it ends."""
        failed = [report for _, reports in this.reports for report in reports if report.failed]
        code = exit_code(
            SICK if failed else HEALTHY,
            this.verdicts.values(),
            fail_on=self.session.config.option.fail_on,
            interrupted=False,
            not_written=False,
            others_failed=not all(hasattr(report, "oncall_outcome") for report in failed),
        )
        return code in (HEALTHY, NOTHING_LOOKED_AT)

    def _still(self, this: Poll) -> str:
        """What keeps us waiting, in one line: "still broken: P1 postgres: nothing listens, and 2 more"."""
        verdicts = list(this.verdicts.values())
        causes = self.judge.diagnosis(verdicts).causes
        if causes:
            more = f", and {len(causes) - 1} more" if len(causes) > 1 else ""
            return f"still broken: {phrases.title(causes[0])}{more}"
        open_ = sum(verdict.outcome in ("unknown", "error") for verdict in verdicts)
        return f"still inconclusive: {summary.checks(open_)} without an answer" if open_ else "a test still fails"

    def _pause(self, until: float) -> None:
        while not self.interrupted and (left := until - time.monotonic()) > 0:
            time.sleep(min(0.05, left))


class BufferedReports:
    """Runs each check as pytest does, and keeps its reports instead of handing them on."""

    def __init__(self, this: Poll):
        self.round = this

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        from _pytest.runner import runtestprotocol  # no public name; pytest-rerunfailures stands on it too

        self.round.reports.append((item, runtestprotocol(item, log=False, nextitem=nextitem)))
        return True


def _went_out(run: ProbeRun) -> bool:
    """Whether the look has asked the stack: it was started, and has logged a request or is still at it."""
    return run.deadline is not None and (bool(run.log) or run.seconds is None)
