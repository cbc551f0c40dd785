"""While looks still run: tells the terminal which causes are known so far, and what is being waited for."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from oncall.diagnosis.cause import Diagnosis
from oncall.gate.redacted_stream import own_lines
from oncall.probing.answers import Answers
from oncall.probing.runner import Runner
from oncall.reporting.terminal.live import Live, words
from oncall.session.recording import OutcomeRecorder

SOON = 0.5  # seconds that a known cause may wait for the checks that are judged at the same moment


@contextlib.contextmanager
def watching(config: pytest.Config, judge: OutcomeRecorder, runner: Answers) -> Iterator[Callable[[], None]]:
    """Watch a run; yields what the loop calls whenever it has to wait for an answer."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        yield lambda: None
        return
    watch = Watch(config, judge, runner, reporter)
    config.pluginmanager.register(watch, "oncall-watch")
    try:
        yield watch.idle
    finally:
        config.pluginmanager.unregister(watch)
        watch.live.clear()


class Watch:
    """Stands beside pytest's own progress, and with -q in its place: dots do not say what is broken."""

    def __init__(self, config: pytest.Config, judge: OutcomeRecorder, runner: Answers, reporter: Any) -> None:
        self.judge, self.reporter = judge, reporter
        self.capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self.runs = runner.runs if isinstance(runner, Runner) else None  # in a replay all is known at once
        self.quiet = config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) < 0
        self.bad, self.last, self.diagnosis = 0, time.monotonic(), Diagnosis()
        writer = reporter._tw  # as in publishing.py: pytest offers no other way to the terminal's stream
        width = writer.fullwidth if reporter.isatty() and os.environ.get("TERM") != "dumb" else None
        encoding = getattr(writer._file, "encoding", None) or "utf-8"
        self.live = Live(self._write, width, getattr(runner, "budget", 0.0), encoding)

    def idle(self) -> None:
        """Nothing is left to judge until some look answers: the moment to say what is known, and what is not."""
        self._tell()
        looking = (run for run in (self.runs or {}).values() if run.outcome is None and run.deadline is not None)
        self.live.waiting([_words(run) for run in looking])

    def _tell(self) -> None:
        self.last = time.monotonic()
        verdicts = list(self.judge.verdicts.values())
        bad = sum(verdict.outcome in ("failed", "unknown") for verdict in verdicts)
        if bad != self.bad:
            self.bad, self.diagnosis = bad, self.judge.diagnosis(verdicts)
        self.live.causes(self.diagnosis)

    def _write(self, text: str) -> None:
        """Past pytest's capture, which is on while pytest asks for the next check; at once, also into a pipe."""
        with self.capture.global_and_fixture_disabled() if self.capture else contextlib.nullcontext():
            self.reporter.ensure_newline()
            if self.reporter._tw.width_of_current_line:
                self.reporter.line("")  # below pytest's dots, not behind them
            with own_lines(self.reporter):
                self.reporter.write_raw(text, flush=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        if not self.quiet:
            self.live.clear()  # pytest writes there next

    def pytest_runtest_logfinish(self) -> None:
        if self.runs is not None and time.monotonic() - self.last > SOON:
            self._tell()

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(self, report: Any) -> Any:
        """Without a letter and a word, pytest counts the check and prints nothing."""
        status = yield
        return (status[0], "", "") if self.quiet and hasattr(report, "oncall_outcome") else status


def _words(run: Any) -> str:
    name, _, arguments = run.key.partition("[")
    return words(name, arguments.removesuffix("]"), run.probe.function.__doc__)
