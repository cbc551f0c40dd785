"""The whole diagnosis, for -v and for a run whose report could not be written: nothing is left out.

Every cause in full, under it the checks that show it, those that it explains, and those that it kept from an answer;
then what stands under no cause, and what needs nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from oncall import playbook as book
from oncall.reporting import phrases as wording
from oncall.reporting import plain
from oncall.reporting import summary as outline
from oncall.reporting.terminal import short as terminal_short
from oncall.reporting.terminal.page import Page
from oncall.results.record import Run
from oncall.verdict import Verdict, ordered


def tell(page: Page, run: Run, playbook: book.Playbook) -> None:
    """All of it."""
    if not run.diagnosis.causes:
        page.title(plain.visible(outline.headline(run)))
        page.gap()
    for cause in run.diagnosis.causes:
        terminal_short.cause(page, cause, "full", run, playbook, cut=False)
        _findings(page, (*cause.findings, *ordered(cause.consequences)))
        _unknown(page, cause.hidden)
        page.gap()
    _findings(page, wording.unexplained(run, "failed"))
    _unknown(page, wording.unexplained(run, "unknown"))
    for verdict in run.of(None, "error"):
        page.entry("ERROR", f"{plain.visible(verdict.check)}: a bug in the suite, not in the stack")
        page.block(plain.visible(verdict.reason or "", lines=True))
    for verdict in run.of(None, "accepted"):
        page.entry("accepted", wording.accepted(verdict), plain.visible(verdict.check))
    for reason, verdicts in outline.by_reason(run.of(None, "skipped")).items():
        page.entry("skipped", wording.unanswered(reason, verdicts))
    terminal_short.needs_nobody(page, run)


def _findings(page: Page, verdicts: Iterable[Verdict]) -> None:
    """What was seen, by which check, and whom it accuses."""
    for verdict in verdicts:
        accuses = f" → blames {plain.visible(verdict.accuses)}" if verdict.accuses else ""
        page.entry("FAILED", plain.visible(verdict.symptom or verdict.claim), plain.visible(verdict.check) + accuses)
        if verdict.evidence:
            page.entry("", wording.evidence(verdict))


def _unknown(page: Page, verdicts: Iterable[Verdict]) -> None:
    """The checks that share a reason, the reason once."""
    for reason, alike in outline.by_reason(ordered(verdicts)).items():
        page.entry("UNKNOWN", wording.unanswered(reason, alike))
        if len(alike) > 1:
            page.entry("", ", ".join(plain.visible(verdict.check) for verdict in alike))
