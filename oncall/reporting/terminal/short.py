"""The last screen: what is broken, what is the cause, what to type next, in no more rows than a terminal shows at once.

causes      the most urgent in full; where they do not all fit, the others in brief, in one line, or counted
unknown     what stands behind none of them, by reason
accepted    what the team lives with
passed      one line for everything that needs nobody
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from oncall import playbook as book
from oncall.diagnosis.cause import Cause
from oncall.reporting import phrases, plain, summary
from oncall.reporting.terminal.page import Page
from oncall.results.record import RunRecord

Form = Literal["full", "brief", "line"]
SHORTER: tuple[Form, ...] = ("brief", "line")
ROOM = 17  # rows: with the two markers, up to four lines below and pytest's own last one, that is 24
FOLDED = 2  # rows that one text may take
FULL = 8  # rows of a cause in full: what stands below leaves room for one


def tell(page: Page, run: RunRecord, playbook: book.Playbook) -> None:
    """All of it, as far as it fits."""
    rest = _block(page, lambda block: _rest(block, run, shown=2, rows=FOLDED))
    if rest.rows > ROOM - FULL:
        rest = _block(page, lambda block: _rest(block, run, shown=1, rows=1))
    blocks = _fitting(page, run, playbook, ROOM - rest.rows)
    spare = ROOM - rest.rows - sum(block.rows for block in blocks)
    for block in blocks:
        page.append(block)
        if spare >= len(blocks):  # a blank line below each, or below none
            page.gap()
    page.append(rest)


def cause(page: Page, cause: Cause, form: Form, run: RunRecord, playbook: book.Playbook, *, cut: bool = True) -> None:
    """What it is, by when, why we think so, what was seen, what to type; less of it in brief."""
    full = form == "full"
    rows = FOLDED if cut else None
    page.title(phrases.title(cause), cause.severity, rows=rows if full else 1)
    if form == "line":
        return
    _urgency(page, cause, run, playbook)
    if full and cause.effect:
        page.entry("shows", plain.escape_control_chars(cause.effect), rows=1 if cut else None)
    if full:
        page.entry("because", phrases.because(cause), rows=rows)
    if full and cause.evidence:
        page.entry("evidence", phrases.evidence(cause), rows=rows)
    if cause.next:
        if run.commands_from == "snapshot":
            page.entry("caution", phrases.FOREIGN, rows=1)
        _next(page, cause.next)
        section = playbook.section(cause.next.section)
        if full and section:
            page.entry("then", f"PLAYBOOK.md {section.id}, {len(section.recovery)} steps")


def needs_nobody(page: Page, run: RunRecord) -> None:
    """One line for what was skipped, what passed, and how much of it all has an answer; the headline has said half."""
    coverage, healthy = phrases.coverage(run), summary.state(run) == "healthy"
    if coverage and healthy:
        page.entry("answered", coverage)
    elif not healthy:
        page.entry("passed", phrases.passed(run) + (f"; answered {coverage}" if coverage else ""))


def _next(page: Page, step: book.Next) -> None:
    """The commands as they are typed, and nothing else on their lines."""
    if step.risk != "read-only":
        page.entry("risk", step.risk)
    page.command("next", step.text)


def _urgency(page: Page, cause: Cause, run: RunRecord, playbook: book.Playbook) -> None:
    by, explains = phrases.deadline(cause.severity, run, playbook, cause), phrases.explains(cause)
    if by:
        page.entry("respond", f"{by}; {explains}" if explains else by)
    elif explains:
        label, _, words = explains.partition(" ")
        page.entry(label, words)


def _fitting(page: Page, run: RunRecord, playbook: book.Playbook, room: int) -> list[Page]:
    """A block for each cause, shortened from the end until they fit; or the one sentence that there is none."""
    causes = run.diagnosis.causes
    if not causes:
        return [_block(page, lambda block: block.title(plain.escape_control_chars(summary.headline(run)), rows=FOLDED))]

    def block(found: Cause, form: Form) -> Page:
        return _block(page, lambda block: cause(block, found, form, run, playbook))

    blocks = [block(found, "full") for found in causes]
    for form in SHORTER:
        for place in reversed(range(1, len(causes))):
            if sum(made.rows for made in blocks) > room:
                blocks[place] = block(causes[place], form)
    fit = len(causes)
    while fit > 1 and sum(made.rows for made in blocks[:fit]) + (fit < len(causes)) > room:
        fit -= 1
    if left := causes[fit:]:
        names = ", ".join(f"{found.severity.upper()} {plain.escape_control_chars(found.component)}" for found in left)
        return [*blocks[:fit], _block(page, lambda block: block.title(f"and {len(left)} more: {names}", rows=1))]
    return blocks


def _block(page: Page, fill: Callable[[Page], None]) -> Page:
    block = page.blank()
    fill(block)
    return block


def _rest(page: Page, run: RunRecord, *, shown: int, rows: int) -> None:
    """What stands under no cause, and what needs nobody: so many of each kind, in so many rows each."""

    def some(label: str, entries: Sequence[tuple[str, int]]) -> None:
        for text, _ in entries[:shown]:
            page.entry(label, text, rows=rows)
            label = ""
        if more := sum(number for _, number in entries[shown:]):
            page.entry("", f"and {more} more")

    failed = phrases.unexplained(run, "failed")
    some(
        "FAILED",
        [
            (plain.escape_control_chars(f"{verdict.symptom or verdict.claim} ({verdict.check})"), 1)
            for verdict in failed
        ],
    )
    reasons = summary.by_reason(phrases.unexplained(run, "unknown")).items()
    commonest = sorted(reasons, key=lambda entry: -len(entry[1]))
    some("unknown", [(phrases.unanswered(reason, verdicts), len(verdicts)) for reason, verdicts in commonest])
    some("ERROR", [(phrases.error(verdict), 1) for verdict in run.of(None, "error")])
    some("accepted", [(phrases.accepted(verdict), 1) for verdict in run.of(None, "accepted")])
    needs_nobody(page, run)
