"""pytest-html's page: the diagnosis comes to its top, and it is written whole, here and only here."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oncall.gate.fact_gate import clean
from oncall.playbook import Playbook
from oncall.probing.register import RUNNER
from oncall.results.files import Files
from oncall.results.record import RunRecord
from oncall.target.reader import Target


class Page:
    """file: where it goes; None: nowhere. content: of a run that is kept, before another run may have replaced it."""

    def __init__(self, config: pytest.Config, redact: Callable[[str], str], files: Files, default: Path | None):
        self.config, self.redact, self.files, self.default = config, redact, files, default
        self.file: Path | None = None
        self.content: bytes | None = None
        self._top: tuple[RunRecord, Playbook, Target] | None = None
        if config.option.htmlpath or default:
            self._prepare()
        config.pluginmanager.register(self, "oncall-page")

    def _prepare(self) -> None:
        """pytest-html makes the report's folder at once, and would end the run where it cannot."""
        typed = str(self.config.option.htmlpath or self.default)
        file = Path.cwd() / os.path.expanduser(os.path.expandvars(typed))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.config.option.htmlpath, self.file = str(file), file
        except OSError as error:
            self.config.option.htmlpath = None
            self.files.problem.append(f"the report {file} could not be written: {error.strerror}")

    def withhold(self, session: pytest.Session) -> None:
        """There was no run: last night's report stays."""
        writer = plugin_with(self.config, "_generate_report")
        if writer and (self.default or session.exitstatus == pytest.ExitCode.USAGE_ERROR):
            writer._generate_report = _nothing

    def publish(self, session: pytest.Session, run: RunRecord, playbook: Playbook, target: Target, keep: bool) -> None:
        """Let pytest-html write it into a draft: by itself it would write in place, and raise on a full disk."""
        from oncall.reporting.html import report as html
        from oncall.reporting.html import sanitizer

        writer = plugin_with(self.config, "_generate_report")
        if not writer or not self.file:
            return
        self._top = run, playbook, target
        try:
            with self.files.draft(self.file, "report") as draft:
                writer._report.title = html.title(run)
                writer._write_report = lambda text: draft.write_text(sanitizer.page(text), "utf-8", "backslashreplace")
                writer._report.set_data("environment", clean(writer._report.data["environment"], self.redact))
                sanitizer.data(writer._report.data)
                writer.pytest_sessionfinish(session=session)
                self.content = draft.read_bytes() if keep and draft.is_file() else None
        except Exception as error:  # a bug in a report must not cost the diagnosis on the terminal
            self.files.problem.append(f"the report {self.file} could not be made: {type(error).__name__}: {error}")
        self._top = None  # pytest calls the writer once more, although it is unregistered now
        writer._generate_report = _nothing
        self.config.pluginmanager.unregister(writer)  # it would print the draft's name

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        from oncall.reporting.html import report as html

        if self._top:
            run, playbook, target = self._top
            prefix.append(f"<style>{html.css()}</style>")
            prefix.append(html.section(run, playbook, target.stack, target.limits))
            answers = self.config.stash.get(RUNNER, None)
            prefix.extend(
                html.picture(self.redact(one.title), one.jpeg) for one in (answers.pictures() if answers else ())
            )

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        from oncall.reporting.html import sanitizer

        sanitizer.row(cells, report.nodeid, report.when)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_html_results_table_html(self, report: Any, data: list[str]) -> None:
        from oncall.reporting.html import sanitizer

        data[:] = sanitizer.log(report.longreprtext, report.sections)


def plugin_with(config: pytest.Config, member: str) -> Any:
    """The plugin that has this member; neither pytest-html's nor pytest's own JUnit file has a name to ask for."""
    return next((plugin for plugin in config.pluginmanager.get_plugins() if hasattr(plugin, member)), None)


def _nothing(*_: object) -> None:
    """In the place of a report that is written already, or never."""
