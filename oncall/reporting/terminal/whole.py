"""The whole diagnosis, for -v and for a run whose report could not be written: nothing is left out.

Every cause in full, under it the checks that show it, those that it explains, and those that it kept from an answer;
then what stands under no cause, and what needs nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from oncall import playbook as book
from oncall.reporting import phrases, plain, summary
from oncall.reporting.terminal import short
from oncall.reporting.terminal.page import Page
from oncall.results.record import RunRecord
from oncall.verdict import Verdict, ordered


def tell(page: Page, run: RunRecord, playbook: book.Playbook) -> None:
    """All of it."""
    if not run.diagnosis.causes:
        page.title(plain.escape_control_chars(summary.headline(run)))
        page.gap()
    for cause in run.diagnosis.causes:
        short.cause(page, cause, "full", run, playbook, cut=False)
        _findings(page, (*cause.findings, *ordered(cause.consequences)))
        _unknown(page, cause.blocked)
        page.gap()
    _findings(page, phrases.unexplained(run, "failed"))
    _unknown(page, phrases.unexplained(run, "unknown"))
    for verdict in run.of(None, "error"):
        page.entry("ERROR", f"{plain.escape_control_chars(verdict.check)}: a bug in the suite, not in the stack")
        page.block(plain.escape_control_chars(verdict.reason or "", lines=True))
    for verdict in run.of(None, "accepted"):
        page.entry("accepted", phrases.accepted(verdict), plain.escape_control_chars(verdict.check))
    for reason, verdicts in summary.by_reason(run.of(None, "skipped")).items():
        page.entry("skipped", phrases.unanswered(reason, verdicts))
    short.needs_nobody(page, run)


def _findings(page: Page, verdicts: Iterable[Verdict]) -> None:
    """What was seen, by which check, and whom it accuses."""
    for verdict in verdicts:
        accuses = f" → blames {plain.escape_control_chars(verdict.accuses)}" if verdict.accuses else ""
        page.entry(
            "FAILED",
            plain.escape_control_chars(verdict.symptom or verdict.claim),
            plain.escape_control_chars(verdict.check) + accuses,
        )
        if verdict.evidence:
            page.entry("", phrases.evidence(verdict))


def _unknown(page: Page, verdicts: Iterable[Verdict]) -> None:
    """The checks that share a reason, the reason once."""
    for reason, alike in summary.by_reason(ordered(verdicts)).items():
        page.entry("UNKNOWN", phrases.unanswered(reason, alike))
        if len(alike) > 1:
            page.entry("", ", ".join(plain.escape_control_chars(verdict.check) for verdict in alike))
