"""The diagnosis as lines for a terminal, a cron mail or a CI log: what is broken, what is the cause, what to type next.

The same run gives the same lines, to the byte, between the two markers; what differs from one run to the next (times,
paths) stands below. With a terminal, lines are wrapped at its width, and what a report tells in full may be cut;
without one nothing is cut. Commands never are: they are copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncall.playbook import Playbook
from oncall.reporting import changes, plain
from oncall.reporting.terminal import chain, short, whole
from oncall.reporting.terminal.page import Page
from oncall.results.record import RunRecord

if TYPE_CHECKING:
    from oncall.results.comparison import Comparison

SCREEN = 24  # rows above the last one, which is pytest's own
BEGIN, END = "diagnosis of {}", "end of diagnosis"


def lines(
    run: RunRecord,
    playbook: Playbook,
    width: int | None = None,
    colour: bool = False,
    encoding: str = "utf-8",
    everything: bool = False,
    explain: str = "",
) -> list[str]:
    """All that the terminal says at the end of a run; where no report could be written, that is everything.

    width: columns of the terminal; None: there is none. explain: a component whose causes are told with their chains.
    """
    page = Page(width, colour)
    page.rule(BEGIN.format(plain.escape_control_chars(run.stack)))
    telling = whole if everything or run.report is None else short
    telling.tell(page, run, playbook)
    if explain:
        chain.tell(page, run, explain)
    page.rule(END)
    _about_the_run(page, run, everything)
    return [plain.encodable(line, encoding) for line in page.lines]


def _about_the_run(page: Page, run: RunRecord, everything: bool) -> None:
    """When, where, how long, and where the report is: below the diagnosis, because it differs from run to run."""
    if run.interrupted:
        page.entry("run", "interrupted: partial results")
    budget = f" of {run.budget:g} s" if run.budget is not None else ""
    host = f", from {plain.escape_control_chars(run.host)}" if run.host else ""
    selected = f", {plain.escape_control_chars(run.selection)}" if run.selection else ""
    page.entry("run", f"{run.started:%Y-%m-%d %H:%M:%S} UTC, took {run.seconds:.1f} s{budget}{host}{selected}")
    if run.replayed_from:
        page.entry("run", f"replayed from {plain.escape_control_chars(run.replayed_from)}: live stack not queried")
    if run.comparison:
        _changes(page, run, run.comparison, everything or run.report is None)
    for problem in run.problem:
        page.entry("PROBLEM", plain.escape_control_chars(problem))
    if run.report is None:
        page.entry("report", "no HTML report written; everything is above")
    else:
        path = plain.escape_control_chars(run.report)
        more = "" if everything else " (or rerun with -v)"
        page.entry("report", path + more if page.fits(path + more) else path)


def _changes(page: Page, run: RunRecord, comparison: Comparison, everything: bool) -> None:
    """What is new, gone and still there: as much of it as the screen has room for."""
    page.entry("since", changes.one_line(comparison), rows=1)
    below = 1 + 2 * len(run.problem)
    for label, text in changes.entries(comparison):
        if everything or page.rows + below < SCREEN:
            page.entry(label, text, rows=None if everything else 1)
