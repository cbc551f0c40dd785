"""How a diagnosis came to a cause: one line a failed check, the rule that explains it, and what it stands behind."""

from __future__ import annotations

from oncall.diagnosis.cause import Link
from oncall.diagnosis.rules import RULES
from oncall.reporting import phrases, plain
from oncall.reporting.terminal.page import Page
from oncall.results.record import RunRecord

SENTENCES = {rule.name: rule.sentence for rule in RULES}
LAST = "nothing that was seen explains it further"


def tell(page: Page, run: RunRecord, component: str) -> None:
    """The chains of the causes of a component, or which components there are."""
    causes = [cause for cause in run.diagnosis.causes if cause.component == component]
    if not causes:
        named = ", ".join(dict.fromkeys(plain.escape_control_chars(cause.component) for cause in run.diagnosis.causes))
        page.entry("explain", f"no cause named {plain.escape_control_chars(component)}; causes: {named or 'none'}")
    for cause in causes:
        page.entry("explain", phrases.title(cause))
        for link in cause.chain:
            page.entry("", plain.escape_control_chars(f"{link.check}: {_sentence(link)}"), f"[{link.rule}]")


def _sentence(link: Link) -> str:
    return SENTENCES.get(link.rule, LAST).format(by=link.by or link.component)
