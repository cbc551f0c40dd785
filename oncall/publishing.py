"""Everything that leaves the run: terminal, HTML, JUnit, JSON, snapshot. Redacted last, and safe on a full disk."""

import contextlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncall.exit_code import exit_code
from oncall.judging import Judge
from oncall.playbook import Playbook, PlaybookError, parse
from oncall.snapshot import Snapshot, clean
from oncall.verdict import Run, Verdict


class RedactedStream:
    """A text stream that lets no known secret through, whoever writes to it."""

    def __init__(self, stream: Any, redact: Callable[[str], str]):
        self._stream, self._redact = stream, redact

    def write(self, text: str) -> int:
        return int(self._stream.write(self._redact(text)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Publisher:
    """Registered in every session; publishes only when a run was followed."""

    def __init__(self, config: pytest.Config, redact: Callable[[str], str]):
        self.config, self.redact = config, redact
        self.trouble: list[str] = []
        self.judge: Judge | None = None
        self.runner: Any = None
        self.situation: Any = None
        self.run: Run | None = None
        self.playbook: Playbook | None = None
        self.report: Path | None = None
        self.draft: Path | None = None
        self.began = time.monotonic()
        self.uncollected: list[pytest.CollectReport] = []
        if config.option.htmlpath and not config.option.collectonly:
            self._prepare_report(Path(os.path.expandvars(config.option.htmlpath)).expanduser())
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            # pytest offers no hook for the terminal's own stream, and its headers and warnings need cleaning as well
            reporter._tw._file = RedactedStream(reporter._tw._file, redact)

    def follow(self, judge: Judge, runner: Any, situation: Any) -> None:
        self.judge, self.runner, self.situation = judge, runner, situation
        for report in self.uncollected:
            judge.uncollected(report)

    def _prepare_report(self, path: Path) -> None:
        """A draft beside the report, so that a reader never meets half a file, and a full disk keeps the old one."""
        self.report = Path.cwd() / path
        self.config.option.htmlpath = None
        try:
            self.report.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{self.report.name}.", suffix=".tmp", dir=self.report.parent)
            os.close(handle)
        except OSError as error:
            self.trouble.append(f"the report {path} could not be written: {error.strerror}")
        else:
            self.draft = Path(name)
            self.config.option.htmlpath = name

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._clean(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._clean(report)
        if report.failed:
            self.uncollected.append(report)

    def _clean(self, report: Any) -> None:
        if not report.longrepr and not report.sections:
            return
        hook = self.config.hook
        data = hook.pytest_report_to_serializable(config=self.config, report=report)
        new = hook.pytest_report_from_serializable(config=self.config, data=clean(data, self.redact))
        report.__dict__.update({key: value for key, value in vars(new).items() if key != "result"})

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Any:
        """Innermost, inside the terminal reporter's own wrapper: whatever cannot be written, the summary is printed."""
        if self.judge is None:
            try:
                return (yield)
            finally:
                self._publish_report(None)
        self.runner.finish()
        self.playbook = self._read_playbook()
        self._write(self.config.option.save, "snapshot", self._snapshot)
        self.run = self._run()
        self._write(self.config.option.result, "result", self._result)
        self._publish_report(session)
        try:
            return (yield)
        except OSError as error:
            self.trouble.append(f"a report could not be written: {error.strerror}")
            return None
        finally:
            self.run = self._run()
            session.exitstatus = exit_code(
                int(session.exitstatus),
                self.judge.verdicts.values(),
                fail_on=self.config.option.fail_on,
                interrupted=self.runner.interrupted,
                not_written=bool(self.trouble),
            )

    def _run(self) -> Run:
        assert self.judge is not None  # noqa: S101  for mypy: there is no run without a judge
        situation, option = self.situation, self.config.option
        selection = [f"-{name} '{value}'" for name, value in (("m", option.markexpr), ("k", option.keyword)) if value]
        plain = msgspec.to_builtins(tuple(self.judge.verdicts.values()))
        report = self.report if self.report and not self.trouble else None
        return Run(
            stack=situation.target.stack.name,
            started=situation.clock,
            seconds=round(time.monotonic() - self.began, 3),
            verdicts=msgspec.convert(clean(plain, self.redact), tuple[Verdict, ...]),
            replayed_from=situation.replayed_from,
            selection=" ".join(selection),
            host=platform.node(),
            versions={name: version(name) for name in ("pytest-oncall", "pytest")}
            | {"python": platform.python_version()},
            trouble=tuple(self.trouble),
            report=str(report) if report else None,
            interrupted=self.runner.interrupted,
            budget=option.budget,
        )

    def _read_playbook(self) -> Playbook:
        page = self.config.rootpath / str(self.config.getini("oncall_playbook"))
        try:
            return parse(page.read_text("utf-8")) if page.is_file() else Playbook()
        except (PlaybookError, UnicodeDecodeError, OSError) as error:
            self.trouble.append(f"no recovery steps are quoted: {error}")
            return Playbook()

    def _snapshot(self) -> bytes:
        situation = self.situation
        return Snapshot(situation.clock, situation.target, self.runner.saved()).encode(self.redact)

    def _result(self) -> bytes:
        from oncall.reporting import json

        assert self.run is not None  # noqa: S101  for mypy: set just before
        return msgspec.json.format(msgspec.json.encode(json.document(self.run)), indent=2)

    def _write(self, path: str | None, what: str, content: Callable[[], bytes]) -> None:
        """Write a file as a whole or not at all."""
        if not path:
            return
        draft = Path(f"{path}.{os.getpid()}.tmp")
        try:
            draft.write_bytes(content())
            draft.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            self.trouble.append(f"the {what} {path} could not be written: {error.strerror}")

    def _publish_report(self, session: pytest.Session | None) -> None:
        """Let pytest-html write its draft, and put that in the report's place. Without a session: throw it away."""
        page = next((p for p in self.config.pluginmanager.get_plugins() if hasattr(p, "_generate_report")), None)
        if page is None or self.draft is None or self.report is None:
            return
        self.config.pluginmanager.unregister(page)  # it would print the draft's name, and raise on a full disk
        try:
            if session is not None:
                page.pytest_sessionfinish(session=session)
                self.draft.chmod(0o644)
                self.draft.replace(self.report)
        except OSError as error:
            self.trouble.append(f"the report {self.report} could not be written: {error.strerror}")
        except Exception as error:  # a bug in a report must not cost the diagnosis on the terminal
            self.trouble.append(f"the report {self.report} could not be made: {type(error).__name__}: {error}")
        finally:
            with contextlib.suppress(OSError):
                self.draft.unlink(missing_ok=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:
        from oncall.reporting import html

        report.title = html.title(self.run) if self.run else "Diagnosis"

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        from oncall.reporting import html

        if self.run and self.playbook:
            prefix.append(f"<style>{html.css()}</style>")
            prefix.append(html.section(self.run, self.playbook, self.situation.target.stack))

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.run is None or self.playbook is None:
            return
        from oncall.reporting import terminal

        writer = terminalreporter._tw
        stack = self.situation.target.stack
        width = writer.fullwidth if sys.stdout.isatty() else None
        encoding = getattr(writer._file, "encoding", None) or "utf-8"
        terminalreporter.ensure_newline()
        for line in terminal.lines(self.run, self.playbook, stack, width, writer.hasmarkup, encoding):
            terminalreporter.write_line(line)
