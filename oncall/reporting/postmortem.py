"""The draft of a post-mortem, in the playbook's own form: what the evidence knows is filled in, the rest says TODO.

What only people know (who was told, which of the changes was the fix) is never guessed. That something healed is said
only where a later run has seen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from oncall.diagnosis.cause import Cause
from oncall.playbook import Playbook
from oncall.reporting import announcement, phrases, summary
from oncall.reporting.followup import Followup
from oncall.reporting.markdown import Markdown, block, code, prose
from oncall.results.record import RunRecord
from oncall.timeline.merge import Event, first_sign
from oncall.verdict import SEVERITIES

if TYPE_CHECKING:
    from jinja2 import Template

MOMENTS = 40  # lines of the timeline before the run: the last ones, and the first sign of a problem
CLAIMS = 5
UNSURE = 30.0  # seconds from which on a moment is only about that time
OURS = "pytest-oncall"


def document(run: RunRecord, playbook: Playbook, later: Followup | None = None) -> str:
    """The draft as Markdown.

    later: a later run of the same stack, which shows what healed.
    """
    causes = run.diagnosis.causes
    began = _began(run)
    unknown = summary.by_reason(phrases.unexplained(run, "unknown")).items()
    return _template().render(
        title=_title(run),
        date=Markdown(f"{began:%Y-%m-%d}"),
        duration=_duration(run, later),
        severity=_severity(run),
        impact=_impact(run),
        first_sign=first_sign(run.timeline),
        moments=list(_moments(run, later)),
        causes=[{"title": prose(phrases.title(cause)), "lines": list(_about(cause, playbook))} for cause in causes],
        no_cause=prose(summary.headline(run)),
        unknown=[phrases.unanswered(reason, verdicts) for reason, verdicts in unknown],
        resolution=list(_resolution(run, later)),
        actions=list(_actions(run)),
        checklist=_checklist(run, later),
        channel=block(announcement.incident_channel(run, playbook)),
        status=block(announcement.status_page(run, playbook)),
    )


def _began(run: RunRecord) -> datetime:
    sign = first_sign(run.timeline)
    return sign.at if sign else run.started


def _title(run: RunRecord) -> str:
    causes = run.diagnosis.causes
    if not causes:
        return f"{run.stack}: {summary.headline(run)}"
    more = f", and {len(causes) - 1} more" if len(causes) > 1 else ""
    return f"{causes[0].component}: {causes[0].symptom}{more}"


def _severity(run: RunRecord) -> str:
    open_ = [verdict.severity for verdict in run.of(None, "failed", "unknown", "error")]
    known = [cause.severity for cause in run.diagnosis.causes] or open_
    return min(known, key=SEVERITIES.index).upper() if known else "none: the run was healthy"


def _duration(run: RunRecord, later: Followup | None) -> str:
    seen = "from the first sign of a problem" if first_sign(run.timeline) else "from the run that found it"
    if not run.of(None, "failed", "unknown", "error"):
        return "none: the run was healthy"
    if later is None:
        ended = run.started + timedelta(seconds=run.seconds)
        return f"at least {_long(ended - _began(run))} {seen} (TODO: it was not over when this was written)"
    if later.over(run):
        return f"at most {_long(later.started - _began(run))} {seen} to the run that found it healed"
    return f"more than {_long(later.started - _began(run))} {seen} (TODO: the later run did not find it healed)"


def _long(time: timedelta) -> str:
    """ "1 h 25 min", "3 min"."""
    minutes = max(1, round(time.total_seconds() / 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _impact(run: RunRecord) -> Markdown:
    felt = announcement.notices(run.of(None, "failed"))
    more = f" And {len(felt) - CLAIMS} more." if len(felt) > CLAIMS else ""
    known = " ".join(prose(claim) for claim in felt[:CLAIMS]) or "Nothing that people would notice is known."
    return Markdown(f"{known}{more} TODO: how many people, and what it cost them")


def _moments(run: RunRecord, later: Followup | None) -> Iterator[Markdown]:
    """What happened before the run, what the run knows of itself, what people have to add, what came later."""
    sign = first_sign(run.timeline)
    past = [event for event in run.timeline if event.kind != "run"]
    for event in past[:-MOMENTS]:
        if event is sign:
            yield _moment(event, run, ", **the first sign of a problem**")
    if len(past) > MOMENTS:
        yield Markdown(f"... {len(past) - MOMENTS} earlier moments are left out")
    for event in past[-MOMENTS:]:
        yield _moment(event, run, ", **the first sign of a problem**" if event is sign else "")
    ended = run.started + timedelta(seconds=run.seconds)
    bad = bool(run.of(None, "failed", "unknown", "error"))
    seen = "Incident detected" if bad else "Looked at"
    yield _line(run.started, f"{seen}: {announcement.headline(run)}", OURS, run)
    if _identified(run):
        yield _line(ended, "Root cause identified", OURS, run)
    if not bad:
        return
    yield Markdown("TODO HH:MM - Team notified")
    if not _identified(run):
        yield Markdown("TODO HH:MM - Root cause identified")
    for event in later.changes(run) if later else ():
        yield _moment(event, run)
    yield Markdown("TODO HH:MM - Fix deployed")
    if later and later.over(run):
        yield _line(later.started, "Service restored: all that had failed was found healthy", OURS, run)
    else:
        yield Markdown("TODO HH:MM - Service restored")


def _moment(event: Event, run: RunRecord, remark: str = "") -> Markdown:
    named = event.component and event.component not in event.what
    what = f"{event.component}: {event.what}" if named else event.what
    return Markdown(_line(event.at, what, event.source, run, about=event.within_seconds >= UNSURE) + remark)


def _line(at: datetime, what: str, source: str, run: RunRecord, *, about: bool = False) -> Markdown:
    """ "14:02 - container finished with 137 (container state)"; with the day where it is not the incident's."""
    day = "" if at.date() == _began(run).date() else f"{at:%Y-%m-%d} "
    return Markdown(f"{'about ' if about else ''}{day}{at:%H:%M} - {prose(what)} ({prose(source)})")


def _about(cause: Cause, playbook: Playbook) -> Iterator[Markdown]:
    if cause.effect:
        yield Markdown(f"shows: {prose(cause.effect)}")
    yield Markdown(f"confidence: {prose(phrases.because(cause))}")
    if cause.evidence:
        yield Markdown(f"evidence: {code(phrases.evidence(cause))}")
    if explains := phrases.explains(cause):
        yield prose(explains)
    for verdict in cause.findings[1:]:
        yield Markdown(f"also seen: {prose(verdict.symptom or verdict.claim)}")


def _resolution(run: RunRecord, later: Followup | None) -> Iterator[Markdown]:
    for cause in run.diagnosis.causes:
        if later:
            state = {"healed": "found healed", "still there": "still there", "not known": "not looked at"}
            found = state[later.state(cause)]
            yield Markdown(f"{prose(cause.component)}: {found} at {later.started:%Y-%m-%d %H:%M} by a later run")
        if step := cause.next:
            caution = f" ({phrases.FOREIGN})" if run.commands_from == "snapshot" else ""
            advice = (
                f"the playbook's advice is `PLAYBOOK.md` {code(step.section)}, to begin with step {step.step}{caution}:"
            )
            shown = "\n".join(f"  {line}" for line in block(step.text, "bash").split("\n"))
            yield Markdown(f"{prose(cause.component)}: {advice}\n\n{shown}\n")
    changes = later.changes(run) if later else ()
    for event in changes:
        yield Markdown(f"changed in between: {_moment(event, run)}")
    yield Markdown(f"TODO: {'which of these changes' if changes else 'what'} was the fix, and who made it")


def _actions(run: RunRecord) -> Iterator[Markdown]:
    for cause in run.diagnosis.causes:
        yield Markdown(f"TODO: keep this from happening again: {prose(phrases.title(cause))}")
    for reason, verdicts in summary.by_reason(phrases.unexplained(run, "unknown")).items():
        yield Markdown(f"make {summary.checks(len(verdicts))} answerable: {prose(reason)}")
    for verdict in run.of(None, "error"):
        yield Markdown(f"mend the check: {prose(phrases.error(verdict))}")
    yield Markdown("TODO: action")


def _identified(run: RunRecord) -> bool:
    """Whether every fault has a confirmed cause, and nothing is unknown besides."""
    causes, rest = run.diagnosis.causes, phrases.unexplained(run, "unknown")
    return bool(causes) and not rest and all(cause.confidence == "confirmed" for cause in causes)


def _checklist(run: RunRecord, later: Followup | None) -> list[tuple[bool, str]]:
    """The playbook's checklist; ticked is only what the evidence itself shows."""
    level = _severity(run)
    scheduled = "" if level in ("P1", "P2") else ", which this is not"
    return [
        (bool(first_sign(run.timeline)), "Incident timeline documented"),
        (_identified(run), "Root cause identified"),
        (bool(later and later.over(run)), "Fix implemented and verified"),
        (False, "Monitoring/alerts updated"),
        (False, "Runbook updated if needed"),
        (False, f"Post-mortem scheduled (for P1/P2){scheduled}"),
    ]


@cache
def _template() -> Template:
    """jinja2 is imported here: only a run that writes a draft pays for it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    def harmless(found: Any) -> Any:
        return prose(found) if isinstance(found, str) and not isinstance(found, Markdown) else found

    environment = Environment(  # noqa: S701  autoescape is for HTML; `harmless` does it for Markdown
        loader=PackageLoader("oncall", "reporting"),
        undefined=StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("postmortem.md")
