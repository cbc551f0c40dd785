"""Everything that leaves the run: terminal, HTML, JUnit, JSON, snapshot. Redacted last."""

import os
import platform
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from oncall.diagnosis.advice import advised
from oncall.gate.fact_gate import clean
from oncall.gate.patterns import whole
from oncall.gate.redacted_stream import RedactedStream, own_lines
from oncall.gate.redaction import Redactor
from oncall.playbook import Playbook, PlaybookError, parse
from oncall.probing.answers import Answers
from oncall.probing.snapshot import Snapshot
from oncall.reporting import github, junit, plain
from oncall.reporting.outputs import OUTPUTS, Told, as_json
from oncall.results.comparison import Comparison, Result, compare
from oncall.results.exit_code import exit_code
from oncall.results.files import Files
from oncall.results.history import History
from oncall.results.precedents import quiet_errors
from oncall.results.record import RunRecord
from oncall.session import takeover
from oncall.session.context import RunContext
from oncall.session.html_report import Page, plugin_with
from oncall.session.options import file_mode
from oncall.session.recording import OutcomeRecorder
from oncall.target.identity import identity
from oncall.target.reader import shown_path
from oncall.timeline.merge import timeline
from oncall.verdict import Verdict


class Followed(Struct, frozen=True):
    """A run that is, or was, on its way: who records its outcomes, where its answers come from, what it began with."""

    judge: OutcomeRecorder
    runner: Answers
    context: RunContext


class Publisher:
    """Registered in every session; publishes only when a run was followed."""

    def __init__(self, config: pytest.Config, redact: Redactor, report: Path | None, history: History | None = None):
        self.config, self.redact, self.history = config, redact, history
        self.files = Files(file_mode(config))
        self.page = Page(config, redact, self.files, report)
        self.notes: list[str] = []  # problem that costs no report
        self.followed: Followed | None = None
        self.run: RunRecord | None = None
        self.playbook: Playbook | None = None
        self.others_failed = False
        self.began = time.monotonic()
        self.duration = 0.0  # seconds of the live run, also where it is replayed
        self.uncollected: list[pytest.CollectReport] = []
        self.github: github.Disarmed | None = None
        self.withheld: takeover.Withheld | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Clean the terminal's stream: pytest has no hook for it, and its headers and warnings need it as well."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")  # made after our own pytest_configure
        if reporter:
            stream = reporter._tw._file
            if takeover.VARIABLE in os.environ:
                stream = self.withheld = takeover.Withheld(stream)
            if os.environ.get("GITHUB_ACTIONS") == "true":
                stream = self.github = github.Disarmed(stream)
            reporter._tw._file = RedactedStream(stream, self.redact.known)

    def follow(self, judge: OutcomeRecorder, runner: Answers, context: RunContext) -> None:
        """This is the run to tell of; also where another one was followed before."""
        self.followed = Followed(judge, runner, context)
        self.record_uncollected(judge)

    def record_uncollected(self, judge: OutcomeRecorder) -> None:
        """Check files that do not import have an outcome too."""
        for report in self.uncollected:
            judge.uncollected(report)

    def tell(self, line: str) -> None:
        """One line on the terminal, while nothing else is being written there."""
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            with own_lines(reporter):
                reporter.write_line(plain.encodable(line, getattr(reporter._tw._file, "encoding", None) or "utf-8"))
            reporter.flush()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Any:
        self._clean(report)
        if not hasattr(report, "oncall_outcome"):  # those of a check are ours
            report.user_properties = clean(report.user_properties, self.redact)
        self.others_failed |= report.failed and not hasattr(report, "oncall_outcome")
        result = yield
        writer = plugin_with(self.config, "node_reporters_ordered") if report.failed else None
        if writer and report.when != "teardown":  # by then pytest has closed the test case
            junit.label(writer, report)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._clean(report)
        if report.failed:
            self.uncollected.append(report)

    def _clean(self, report: Any) -> None:
        """What a test printed or raised comes from anywhere; findings, reasons and probe logs were masked before."""
        if not report.longrepr and not report.sections:
            return
        ours = getattr(report, "oncall_sections", ())
        report.sections = [one if one in ours else (one[0], self.redact(one[1])) for one in report.sections]
        if getattr(report, "oncall_outcome", "error") not in ("error", "passed", "skipped"):
            return
        if isinstance(report.longrepr, str | tuple):  # no frames to take apart
            report.longrepr = clean(report.longrepr, self.redact)
            return
        hook = self.config.hook
        data = hook.pytest_report_to_serializable(config=self.config, report=report)
        new = hook.pytest_report_from_serializable(config=self.config, data=clean(data, self.redact))
        report.__dict__.update({key: value for key, value in vars(new).items() if key != "result"})

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Any:
        """Innermost, inside the terminal reporter's own wrapper: whatever cannot be written, the summary is printed."""
        followed = self.followed
        if followed is None:
            self.page.withhold(session)
            return (yield)
        followed.runner.finish()
        self.playbook = self._read_playbook()
        option = self.config.option
        replayed = followed.context.snapshot
        self.duration = replayed.duration if replayed else round(time.monotonic() - self.began, 3)
        file = shown_path(followed.context.target.path)
        self.notes += [f"{file}: {sentence}" for sentence in followed.judge.idle_acceptances()]
        self.files.write(option.save, "snapshot", lambda: self._snapshot(followed))
        self.run = self._run(followed)
        shown = replace(followed.context.target, stack=followed.context.commands)
        self.page.publish(session, self.run, self.playbook, shown, keep=self.history is not None)
        self._tell_of_files()
        told = Told(run=self.run, playbook=self.playbook, later=followed.context.later)
        for output in OUTPUTS:
            self.files.write(getattr(option, output.option), output.name, partial(output.content, told))
        self._keep(followed, told)
        self._write_summary()
        self._hand_on(self.run)
        writer = plugin_with(self.config, "node_reporters_ordered")
        if writer:
            file = writer.logfile
            with self.files.draft(file, "JUnit file") as draft:
                writer.logfile = str(draft)
                yield
            writer.logfile = file
        else:
            yield
        self._tell_of_files()
        session.exitstatus = exit_code(
            int(session.exitstatus),
            followed.judge.verdicts.values(),
            fail_on=option.fail_on,
            interrupted=followed.runner.interrupted,
            not_written=bool(self.files.problem),
            others_failed=self.others_failed,
        )
        return None

    def _run(self, followed: Followed) -> RunRecord:
        context, option = followed.context, self.config.option
        verdicts = tuple(map(self._told, followed.judge.verdicts.values()))
        facts, limits = followed.runner.facts(), context.target.limits
        found = followed.judge.diagnosis(verdicts)
        run = RunRecord(
            stack=context.target.stack.name,
            started=context.clock,
            seconds=round(time.monotonic() - self.began, 3),
            verdicts=verdicts,
            diagnosis=advised(found, self.playbook or Playbook(), context.commands),
            timeline=timeline(facts, context.clock, self.duration, limits, context.views.named),
            facts=facts,
            errors=quiet_errors(facts.values(), limits.log_burst, limits.log_new_error),
            replayed_from=context.replayed_from,
            commands_from=context.commands_from,
            selection=self._selection(),
            name=self.history.name if self.history else "",
            target=identity(context.target.stack),
            host=platform.node(),
            versions={name: version(name) for name in ("pytest-oncall", "pytest")}
            | {"python": platform.python_version()},
            problem=(*self.files.problem, *self.notes),
            interrupted=followed.runner.interrupted,
            budget=option.budget,
        )
        return replace(run, comparison=self._compared(run))

    def _told(self, verdict: Verdict) -> Verdict:
        """The verdict without what was learned to be a secret only after its facts had come in."""
        known = self.redact.known
        said = known if verdict.outcome != "error" else self.redact  # the words of any exception
        return replace(
            verdict,
            symptom=verdict.symptom and known(verdict.symptom),
            evidence=clean(verdict.evidence, known),
            reason=verdict.reason and said(verdict.reason),
            probes=tuple(replace(note, log=clean(note.log, known)) for note in verdict.probes),
        )

    def _selection(self) -> str:
        """What was typed to choose among the checks."""
        option, places = self.config.option, self.config.args
        typed = [f"-{name} '{value}'" for name, value in (("m", option.markexpr), ("k", option.keyword)) if value]
        typed += [f"--active {option.active}"] if option.active else []
        return " ".join(typed + (places if self.config.args_source is pytest.Config.ArgsSource.ARGS else []))

    def _compared(self, run: RunRecord) -> Comparison | None:
        """Beside the last run of the same name, stack and selection."""
        if self.history is None:
            return None
        from oncall.reporting import json

        now = msgspec.convert(json.document(run), Result)
        then = self.history.last(now)
        if then is None:
            return None
        plain = msgspec.to_builtins(compare(then, now))
        told = clean(plain, self.redact.known)  # the earlier run may have known fewer secrets
        return msgspec.convert(told, Comparison)

    def _keep(self, followed: Followed, told: Told) -> None:
        """Keep the run under its name; a replay is no run of now, so it is never kept."""
        if self.history is None or self.run is None or followed.context.snapshot:
            return
        if self.files.problem and self.page.default and self.page.file is None:
            return  # there is no such folder, as was said already
        try:
            kept = self.history.add(self.run.started, self.page.content, as_json(told))
        except OSError as error:
            self.files.problem.append(f"the run could not be kept in {self.history.folder}: {error.strerror}")
            return
        page = self.page.content
        if page is not None and self.page.file != self.history.newest:
            self.files.write(str(self.history.newest), "report", lambda: page)
        if stuck := self.history.prune(kept):
            self.notes.append(stuck)

    def _hand_on(self, run: RunRecord) -> None:
        """To outputs from outside; what they raise is theirs."""
        try:
            self.config.hook.pytest_oncall_run(run=run)
        except Exception as error:  # anybody's code
            self.files.problem.append(f"the hook pytest_oncall_run failed: {self.redact(whole(repr(error)))}")

    def _tell_of_files(self) -> None:
        """What could be written and what not is part of what the run tells."""
        assert self.run is not None  # noqa: S101  for mypy: set at the session's end
        report = str(self.page.file) if self.page.file in self.files.written else None
        self.run = replace(self.run, problem=(*self.files.problem, *self.notes), report=report)

    def _of_masking(self) -> Iterator[str]:
        """What a reader must know before this run's files are mailed."""
        if ordinary := self.redact.ordinary:
            names = ", ".join(ordinary[:5]) + (f" and {len(ordinary) - 5} more" if len(ordinary) > 5 else "")
            yield f"masked   only as a credential's value, being short or an ordinary word: {names}"
        if self.redact.left_out:
            yield f"masked   by form alone, being too many to learn: {self.redact.left_out} secrets"

    def _read_playbook(self) -> Playbook:
        page = self.config.rootpath / str(self.config.getini("oncall_playbook"))
        try:
            return parse(page.read_text("utf-8")) if page.is_file() else Playbook()
        except (PlaybookError, UnicodeDecodeError, OSError) as error:
            self.files.problem.append(f"no recovery steps are quoted: {error}")
            return Playbook()

    def _snapshot(self, followed: Followed) -> bytes:
        context = followed.context
        saved = Snapshot(context.clock, context.target, followed.runner.saved(), self.duration)
        return saved.encode(self.redact.known)

    def _write_summary(self) -> None:
        """GitHub shows this file on the page of the job; other steps have written to it already."""
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if self.github and path and self.run:
            try:
                with open(path, "ab") as file:
                    file.write(whole(github.step_summary(self.run)).encode())
            except OSError as error:
                self.files.problem.append(f"the step's summary {path} could not be written: {error.strerror}")

    def _annotate(self, session: pytest.Session) -> None:
        """After everything else that the terminal tells: GitHub takes these lines for commands."""
        workspace = Path(os.environ.get("GITHUB_WORKSPACE", self.config.rootpath))
        places = {
            item.nodeid: (str(item.path.relative_to(workspace)), (item.location[1] or 0) + 1)
            for item in session.items
            if item.path.is_relative_to(workspace)
        }
        if self.github and self.run:
            self.github.commands(github.commands(self.run, places))

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.run is None or self.playbook is None:
            return
        from oncall.reporting.terminal import report as terminal

        writer = terminalreporter._tw
        width = writer.fullwidth if terminalreporter.isatty() else None
        encoding = getattr(writer._file, "encoding", None) or "utf-8"
        asked = self.config.option.verbose + list(self.config.getini("addopts")).count("-q") > 0
        terminalreporter.ensure_newline()
        with own_lines(terminalreporter):
            explain = self.config.option.explain
            for line in terminal.lines(self.run, self.playbook, width, writer.hasmarkup, encoding, asked, explain):
                terminalreporter.write_line(line)
            for line in self._of_masking():
                terminalreporter.write_line(line)
        if self.github:
            self._annotate(terminalreporter._session)
