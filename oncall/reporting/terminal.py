"""The diagnosis as lines for a terminal, a cron mail or a CI log: broken, unknown and why, what next.

The same run gives the same lines, to the byte, between the two markers; what differs from one run to the next (times,
paths) stands below. Lines are wrapped at the width where there is one, commands never: they are copied.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from oncall import playbook as book
from oncall.reporting import outline, plain
from oncall.run import Run
from oncall.verdict import SEVERITIES, Verdict

if TYPE_CHECKING:
    from oncall.config import Stack

BEGIN, END = "diagnosis of {}", "end of diagnosis"
SHOWN_NAMES = 2  # of checks that were skipped for one reason
SHOWN_REASONS = 3
INDENT = " " * 9  # as wide as the longest label and a blank
COLOURS = {"FAILED": "1;31", "UNKNOWN": "1;33", "ERROR": "1;35", "broken": "1;31", "unknown": "1;33", "next": "1"}


def lines(
    run: Run,
    playbook: book.Playbook,
    stack: Stack,
    width: int | None = None,
    colour: bool = False,
    encoding: str = "utf-8",
) -> list[str]:
    """All that the terminal says at the end of a run. A width of None wraps nothing (there is no terminal)."""
    page = _Page(width, colour)
    page.rule(BEGIN.format(plain.visible(run.stack)))
    told: set[str] = set()
    for severity in SEVERITIES:
        if run.of(severity, *outline.FINDINGS, "accepted"):
            _severity(page, severity, run, playbook, stack, told)
    _rest(page, run)
    page.gap()
    _in_short(page, run, playbook, stack)
    page.rule(END)
    _about_the_run(page, run)
    return [plain.encodable(line, encoding) for line in page.lines]


def _severity(page: _Page, severity: str, run: Run, playbook: book.Playbook, stack: Stack, told: set[str]) -> None:
    """Everything of one severity that somebody must know."""
    level = playbook.levels.get(severity)
    within = f" - respond within {level.words}" if level and run.of(severity, "failed") else ""
    page.gap()
    page.bold(plain.visible(outline.heading(severity, playbook) + within))
    for verdict in run.of(severity, "failed"):
        _failed(page, verdict, run, playbook, stack, told)
    for reason, verdicts in outline.by_reason(run.of(severity, "unknown")).items():
        _group(page, "UNKNOWN", reason, verdicts)
    for verdict in run.of(severity, "error"):
        page.entry("ERROR", f"{plain.visible(verdict.check)}: a bug in the suite, not in the stack")
        page.block(plain.visible(verdict.reason or "", lines=True))
    for verdict in run.of(severity, "accepted"):
        _finding(page, "ACCEPTED", verdict)
        if verdict.accepted:
            until = verdict.accepted.until.isoformat()
            page.entry("", f"until {until}: {plain.visible(verdict.accepted.reason)}")


def _failed(page: _Page, verdict: Verdict, run: Run, playbook: book.Playbook, stack: Stack, told: set[str]) -> None:
    """One finding: what was seen, by what, and what to type next; each command stands there once."""
    _finding(page, "FAILED", verdict)
    if verdict.evidence:
        evidence = ", ".join(f"{plain.visible(key)}={plain.quoted(value)}" for key, value in verdict.evidence.items())
        page.entry("", f"evidence: {evidence}")
    cause = outline.behind(verdict, run)
    if cause is not None:
        page.entry("", f"next: {plain.visible(verdict.accuses or '')} first (see {plain.visible(cause.check)})")
        return
    section = playbook.section(verdict.playbook)
    if section is None:
        return
    step = outline.next_step(verdict, section)
    if step.command in told:
        page.entry("", f"next: as above (PLAYBOOK.md {section.id})")
        return
    told.add(step.command)
    page.command("next: ", book.fill(step, stack))
    page.entry("", f"then: PLAYBOOK.md {section.id}, {len(section.recovery)} steps")


def _finding(page: _Page, label: str, verdict: Verdict) -> None:
    """The message, its check, and whom it accuses."""
    accuses = f" → blames {plain.visible(verdict.accuses)}" if verdict.accuses else ""
    page.entry(label, plain.visible(verdict.symptom or verdict.claim), plain.visible(verdict.check) + accuses)


def _group(page: _Page, label: str, reason: str, verdicts: tuple[Verdict, ...]) -> None:
    """The checks that share a reason, the reason once."""
    names = ", ".join(plain.visible(verdict.check) for verdict in verdicts)
    if len(verdicts) == 1:
        page.entry(label, f"{names}: {plain.visible(reason)}")
    else:
        page.entry(label, f"{outline.checks(len(verdicts))}: {plain.visible(reason)}")
        page.entry("", names)


def _rest(page: _Page, run: Run) -> None:
    """What needs nobody: skipped with its reasons, passed, and how much of it all was answered."""
    page.gap()
    for reason, verdicts in outline.by_reason(run.of(None, "skipped")).items():
        few = len(verdicts) <= SHOWN_NAMES
        names = ", ".join(verdict.check for verdict in verdicts) if few else outline.checks(len(verdicts))
        page.entry("skipped", f"{plain.visible(names)}: {plain.visible(reason)}")
    page.entry("passed", outline.checks(len(run.of(None, "passed"))))
    if coverage := outline.coverage(run):
        page.entry("answered", coverage)


def _in_short(page: _Page, run: Run, playbook: book.Playbook, stack: Stack) -> None:
    """The last lines of the diagnosis: all that somebody reads who reads no more."""
    failed, unknown = run.of(None, "failed"), run.of(None, "unknown", "error")
    if not failed and not unknown:
        page.bold(outline.headline(run))
        return
    if failed:
        page.entry("broken", plain.visible(outline.broken(run)))
    if unknown:
        _why_unknown(page, unknown)
    if step := outline.start(run, playbook):
        page.command("next", book.fill(step, stack), label=True)


def _why_unknown(page: _Page, unknown: tuple[Verdict, ...]) -> None:
    """What keeps most of them from an answer, over all severities; the rest stands above."""
    reasons = outline.by_reason(verdict for verdict in unknown if verdict.outcome == "unknown")
    commonest = sorted(reasons.items(), key=lambda entry: -len(entry[1]))[:SHOWN_REASONS]
    if len(reasons) == 1 and len(commonest[0][1]) == len(unknown):
        page.entry("unknown", f"{outline.checks(len(unknown))}: {plain.visible(commonest[0][0])}")
        return
    page.entry("unknown", outline.checks(len(unknown)))
    for reason, verdicts in commonest:
        page.entry("", f"{len(verdicts)}: {plain.visible(reason)}")
    if rest := len(unknown) - sum(len(verdicts) for _, verdicts in commonest):
        page.entry("", f"{rest}: for what stands above")


def _about_the_run(page: _Page, run: Run) -> None:
    """When, where, how long, and where the report is: below the diagnosis, because it differs from run to run."""
    if run.interrupted:
        page.entry("run", "interrupted: what is said above is what was known by then")
    budget = f" of {run.budget:g} s" if run.budget is not None else ""
    host = f", from {plain.visible(run.host)}" if run.host else ""
    page.entry("run", f"{run.started:%Y-%m-%d %H:%M:%S} UTC, took {run.seconds:.1f} s{budget}{host}")
    if run.replayed_from:
        page.entry("run", f"replayed from {plain.visible(run.replayed_from)}: nothing was looked at now")
    if run.selection:
        page.entry("selected", plain.visible(run.selection))
    for trouble in run.trouble:
        page.entry("TROUBLE", plain.visible(trouble))
    page.entry("report", plain.visible(run.report) if run.report else "no HTML report: all there is stands above")


class _Page:
    """Lines under the making: labels, hanging indents, colour."""

    def __init__(self, width: int | None, colour: bool) -> None:
        self.width = max(width, 40) if width else None
        self.colour = colour
        self.lines: list[str] = []

    def rule(self, title: str) -> None:
        self.lines.append(f" {title} ".center(min(self.width or 80, 100), "-"))

    def gap(self) -> None:
        self.lines.append("")

    def bold(self, text: str) -> None:
        self.lines.append(self._painted(text, "1"))

    def entry(self, label: str, text: str, tail: str = "") -> None:
        """A label and a text that hangs beside it; the tail behind it, or below it where it does not fit."""
        wrapped = self._wrapped(text)
        if tail and self.width and len(INDENT) + len(wrapped[-1]) + 4 + len(tail) > self.width:
            wrapped += self._wrapped(tail)
        elif tail:
            wrapped[-1] += " " * 4 + tail
        self.lines.append(self._painted(label, COLOURS.get(label)) + f"{label:<8} "[len(label) :] + wrapped[0])
        self.lines += [INDENT + line for line in wrapped[1:]]

    def command(self, lead: str, step: book.Step, *, label: bool = False) -> None:
        """A command, whole, with its risk when it has one."""
        risk = "" if step.risk == "read-only" else f"   # {step.risk}"
        lead = f"{lead:<8} " if label else INDENT + lead
        for line in plain.visible(step.command, limit=10_000, lines=True).splitlines():
            self.lines.append(lead + line + risk)
            lead, risk = " " * len(lead), ""

    def block(self, text: str) -> None:
        """Several lines as they are, below a label."""
        self.lines += [INDENT + line for line in text.splitlines()]

    def _wrapped(self, text: str) -> list[str]:
        """At blanks only: a name, a path or a number stays whole."""
        if self.width is None:
            return [text]
        room = self.width - len(INDENT)
        return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]

    def _painted(self, text: str, colour: str | None) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colour and colour and text else text
