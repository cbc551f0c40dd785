"""The diagnosis as a static page section, on top of pytest-html's own table.

It is read with scripts blocked, on a phone, on paper and by mail, and it loads nothing. Foreign text cannot become
markup: the template escapes all of it, after `escape_control_chars` has taken the controls out.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from oncall import playbook as book
from oncall.diagnosis import advice
from oncall.diagnosis.cause import Cause
from oncall.facts.logs import ContainerLog
from oncall.reporting import announcement, changes, phrases, plain, summary
from oncall.reporting.html import charts, timeline_chart
from oncall.results.record import RunRecord
from oncall.target.schema import Limits
from oncall.timeline.merge import changes as changed_lately
from oncall.timeline.merge import first_sign
from oncall.verdict import OUTCOMES, SEVERITIES, ProbeNote, Verdict

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from oncall.target.schema import Stack

LARGEST_PICTURE = 300 << 10  # bytes
LARGEST = 1_000_000  # characters of the section: beyond this, texts and logs are cut shorter


class Room(Struct, frozen=True):
    """How much of a text from outside is shown: characters of one, lines of a log."""

    text: int
    lines: int


AMPLE, TIGHT = Room(1_000, 40), Room(160, 3)


def section(run: RunRecord, playbook: book.Playbook, stack: Stack, limits: Limits | None = None) -> str:
    """The part to be put on top of the report."""
    page = _render(run, playbook, stack, limits or Limits(), AMPLE)
    return page if len(page) <= LARGEST else _render(run, playbook, stack, limits or Limits(), TIGHT)


@cache
def css() -> str:
    """The style of the section, and what tames pytest-html's page around it."""
    return files(__package__).joinpath("diagnosis.css").read_text("utf-8")


def title(run: RunRecord) -> str:
    """The page's title: which stack, and how it is."""
    return plain.escape_control_chars(f"{run.stack}: {summary.headline(run)}", 200)


def picture(title: str, jpeg: bytes) -> str:
    """A picture that a probe took, folded up; larger than 300 KiB it is left out."""
    if len(jpeg) > LARGEST_PICTURE:
        return ""
    words, data = escape(plain.escape_control_chars(title, 200)), b64encode(jpeg).decode("ascii")
    image = f'<img alt="{words}" style="max-width: 100%" src="data:image/jpeg;base64,{data}"/>'
    return f'<details class="oncall-picture"><summary>{words}</summary>{image}</details>'


def _render(run: RunRecord, playbook: book.Playbook, stack: Stack, limits: Limits, room: Room) -> str:
    alone = (_alone(verdict, playbook, stack) for verdict in phrases.unexplained(run, "failed"))
    causes = [*run.diagnosis.causes, *alone]
    sign = first_sign(run.timeline)
    cards = _cards(causes, run, playbook, stack)
    return _template(room).render(
        run=run,
        verdict=f"Broken: {summary.broken(run)}" if causes else summary.headline(run),
        state=summary.state(run),
        summary=_summary(run, causes),
        by=phrases.respond_by(causes[0].severity, run, playbook, causes[0]) if causes else None,
        sign=sign,
        began=run.started,
        ended=run.started + timedelta(seconds=run.seconds),
        counts={outcome: number for outcome, number in summary.counts(run.verdicts).items() if number},
        coverage=summary.coverage(run),
        causes=cards,
        unknown=summary.by_reason(phrases.unexplained(run, "unknown")),
        errors=run.of(None, "error"),
        accepted=run.of(None, "accepted"),
        changed=list(changes.entries(run.comparison)) if run.comparison else [],
        posts=_posts(run, playbook),
        picture=timeline_chart.picture(run.timeline),
        charts=charts.charts(run.facts, limits),
        failed=_by_cause(cards),
        logs=[fact for _, fact in sorted(run.facts.items()) if isinstance(fact, ContainerLog) and _speaks(fact)],
        severities=[_severity(severity, run, playbook) for severity in SEVERITIES if run.of(severity)],
        shown_once=_Once(),
    )


def _summary(run: RunRecord, causes: list[Cause]) -> str:
    """ "One cause: 3 checks failed, 29 blocked by it; 2 others have no answer."."""
    if not causes:
        return f"Answered: {coverage}." if (coverage := summary.coverage(run)) else ""
    failed = len(run.of(None, "failed"))
    blocked = sum(len(cause.blocked) for cause in causes)
    others = len(run.of(None, "unknown", "error")) - blocked
    parts = [f"{summary.checks(failed)} failed"] if failed else []
    parts += [f"{blocked} blocked by {'it' if len(causes) == 1 else 'them'}"] if blocked else []
    more = f"; {others} {'others have' if others > 1 else 'other has'} no answer" if others else ""
    return f"{'One cause' if len(causes) == 1 else f'{len(causes)} causes'}: {', '.join(parts)}{more}."


def _posts(run: RunRecord, playbook: book.Playbook) -> list[tuple[str, str]]:
    """Who reads it, and the text; none while all is well."""
    if summary.state(run) == "healthy":
        return []
    channel, status = announcement.incident_channel(run, playbook), announcement.status_page(run, playbook)
    return [("For the incident channel", channel), ("For the status page", status)]


def _alone(verdict: Verdict, playbook: book.Playbook, stack: Stack) -> Cause:
    """A failed check that stands under no cause is shown as one: nothing that failed is left out."""
    cause = Cause(
        component=verdict.accuses or verdict.component or verdict.check,
        severity=verdict.severity,
        symptom=verdict.symptom or verdict.claim,
        confidence="likely" if verdict.accuses else "confirmed",
        because=f"{verdict.check} reports it as failing" if verdict.accuses else verdict.check,
        evidence=verdict.evidence,
        findings=(verdict,),
        playbook=verdict.playbook,
    )
    return replace(cause, next=advice.next_of(cause, playbook, stack))


def _cards(causes: list[Cause], run: RunRecord, playbook: book.Playbook, stack: Stack) -> list[dict[str, Any]]:
    """What each cause's card shows; the steps of a recovery stand in the page once."""
    cards: list[dict[str, Any]] = []
    quoted: dict[tuple[book.Step, ...], int] = {}
    failed_now = {verdict.check.partition("[")[0] for verdict in run.of(None, "failed")}
    for number, cause in enumerate(causes, 1):
        chapter = playbook.section(cause.playbook)
        filled = (advice.filled(step, cause, stack) for step in chapter.recovery) if chapter else ()
        steps = tuple(step for step in filled if step)
        cards.append(
            {
                "number": number,
                "cause": cause,
                "deadline": phrases.deadline(cause.severity, run, playbook, cause),
                "because": phrases.reason(cause),
                "chapter": chapter,
                "next": cause.next,
                "steps": steps if steps not in quoted else (),
                "quoted_at": quoted.get(steps),
                "opened": len(causes) == 1 and len(steps) <= 4,
                "failed_now": failed_now,
                "changes": changed_lately(run.timeline, cause.component, _before(cause, run), cause.role)[:4],
                "blocked": summary.by_reason(cause.blocked),
                "claim": cause.findings[0].claim if cause.findings else "",
            }
        )
        if steps:
            quoted.setdefault(steps, number)
    return cards


def _before(cause: Cause, run: RunRecord) -> Any:
    """When its problem began, as far as that is known."""
    sign = first_sign(run.timeline, {cause.component}) or first_sign(run.timeline)
    return sign.at if sign else run.started


def _by_cause(cards: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[Verdict]]]:
    """The failed checks with the card of their cause, each once."""
    seen: set[str] = set()
    groups = []
    for card in cards:
        fresh = [one for one in (*card["cause"].findings, *card["cause"].consequences) if one.nodeid not in seen]
        seen.update(one.nodeid for one in fresh)
        groups.append((card, fresh))
    return [group for group in groups if group[1]]


def _speaks(log: ContainerLog) -> bool:
    return bool(log.signs or log.past)


def _severity(severity: str, run: RunRecord, playbook: book.Playbook) -> dict[str, Any]:
    """One severity, sorted by outcome."""
    level = playbook.levels.get(severity)
    return {
        "id": severity,
        "heading": summary.heading(severity, playbook),
        "within": level.words if level else "",
        "groups": [(outcome, run.of(severity, outcome)) for outcome in OUTCOMES if run.of(severity, outcome)],
    }


class _Once:
    """Several checks stand on one look: its log is told at the first of them."""

    def __init__(self) -> None:
        self._told: set[tuple[str, tuple[str, ...]]] = set()

    def __call__(self, probe: ProbeNote) -> bool:
        key = (probe.name, probe.log[:3])
        fresh = key not in self._told
        self._told.add(key)
        return fresh


def prose(sentence: str) -> Markup:
    """A sentence of the playbook: its `code` as code, its [links](#to-a-section) as the name of that section."""
    from markupsafe import Markup, escape

    linked = re.sub(
        r"\[([^\[\]]+)\]\(#([a-z0-9-]+)\)", r"\1 (PLAYBOOK.md, \2)", plain.escape_control_chars(sentence, lines=True)
    )
    parts = enumerate(linked.split("`"))
    return Markup().join(Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in parts)


def _clock(moment: Any, day: Any = None) -> str:
    """ "20:14:07", with its day where that is another one."""
    return f"{moment:%H:%M:%S}" if day is None or moment.date() == day.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _told(evidence: Any) -> list[Any]:
    return list(plain.told(evidence))


def _first(found: Iterable[Any], number: int) -> list[Any]:
    return list(found)[:number]


@cache
def _template(room: Room) -> Template:
    """jinja2 is imported here: only a run that writes a report pays for it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from oncall.reporting.html.compiled import Compiled

    def harmless(found: Any) -> Any:
        if not isinstance(found, str) or isinstance(found, Markup):
            return found
        return plain.escape_control_chars(found, room.text, lines=True)

    def command(text: str) -> Markup:
        from markupsafe import escape

        return escape(plain.command(text))

    environment = Environment(
        loader=PackageLoader("oncall.reporting", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(Path(__file__)),
    )
    environment.filters.update(
        since=changes.moment,
        shown=plain.value,
        told=_told,
        prose=prose,
        command=command,
        clock=_clock,
        first_few=_first,
    )
    environment.globals.update(checks=summary.checks, explains=phrases.explains, lines=room.lines)
    return environment.get_template("diagnosis.html")
