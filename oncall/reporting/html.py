"""The diagnosis as a static page section, on top of pytest-html's own table.

It is read with scripts blocked, on a phone, on paper and by mail, and it loads nothing. Foreign text cannot become
markup: the template escapes all of it, after `visible` has taken the controls out.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oncall import playbook as book
from oncall.reporting import outline, plain
from oncall.run import Run
from oncall.verdict import OUTCOMES, SEVERITIES, Verdict

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from oncall.config import Stack


def section(run: Run, playbook: book.Playbook, stack: Stack) -> str:
    """The part to be put on top of the report."""
    return _template().render(
        run=run,
        headline=outline.headline(run),
        state=outline.state(run),
        counts={outcome: number for outcome, number in outline.counts(run.verdicts).items() if number},
        coverage=outline.coverage(run),
        start=book.fill(first, stack) if (first := outline.start(run, playbook)) else None,
        severities=[_severity(severity, run, playbook, stack) for severity in SEVERITIES if run.of(severity)],
    )


@cache
def css() -> str:
    """The style of the section, and what tames pytest-html's page around it."""
    return files(__package__).joinpath("diagnosis.css").read_text("utf-8")


def title(run: Run) -> str:
    """The page's title: which stack, and how it is."""
    return plain.visible(f"{run.stack}: {outline.headline(run)}", 200)


def _severity(severity: str, run: Run, playbook: book.Playbook, stack: Stack) -> dict[str, Any]:
    """One severity, sorted by outcome."""
    level = playbook.levels.get(severity)
    failed = run.of(severity, "failed")
    return {
        "id": severity,
        "heading": outline.heading(severity, playbook),
        "within": level.words if level and failed else "",
        "by": run.started + level.respond_within if level and failed else None,
        "findings": [_finding(verdict, run, playbook, stack) for verdict in failed],
        "unknown": outline.by_reason(run.of(severity, "unknown")),
        "errors": run.of(severity, "error"),
        "accepted": run.of(severity, "accepted"),
        "skipped": outline.by_reason(run.of(severity, "skipped")),
        "passed": run.of(severity, "passed"),
    }


def _finding(verdict: Verdict, run: Run, playbook: book.Playbook, stack: Stack) -> dict[str, Any]:
    """One finding and its recovery; a section's steps stand in the page once, at its first finding."""
    cause = outline.behind(verdict, run)
    chapter = playbook.section(verdict.playbook)
    kin = [other for other in run.of(None, "failed") if other.playbook == verdict.playbook]
    first = next((other for other in kin if not outline.behind(other, run)), verdict)
    return {
        "verdict": verdict,
        "cause": cause,
        "chapter": chapter,
        "next": book.fill(outline.next_step(verdict, chapter), stack) if chapter and not cause else None,
        "steps": [book.fill(step, stack) for step in chapter.recovery] if chapter and first is verdict else [],
        "failed_now": {other.check.partition("[")[0] for other in kin},
        "opened": len(run.of(None, "failed")) == 1,
    }


def prose(sentence: str) -> Markup:
    """A sentence of the playbook: its `code` as code, its [links](#to-a-section) as the name of that section."""
    from markupsafe import Markup, escape

    linked = re.sub(r"\[([^\]]+)\]\(#([a-z0-9-]+)\)", r"\1 (PLAYBOOK.md, \2)", plain.visible(sentence, lines=True))
    parts = enumerate(linked.split("`"))
    return Markup().join(Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in parts)


@cache
def _template() -> Template:
    """jinja2 is imported here: only a run that writes a report pays for it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from oncall.reporting.compiled import Compiled

    def harmless(found: Any) -> Any:
        return plain.visible(found, lines=True) if isinstance(found, str) and not isinstance(found, Markup) else found

    environment = Environment(
        loader=PackageLoader("oncall", "reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(Path(__file__)),
    )
    environment.filters.update(shown=plain.value, prose=prose)
    environment.globals.update(outcomes=OUTCOMES, checks=outline.checks)
    return environment.get_template("diagnosis.html")
