"""What to post while an incident lasts: one text for colleagues, one for everybody. Plain text, ready to paste.

The first names causes and evidence. The second is read by strangers: it says in fixed words what does not work, never
the name of a part, an address or a value, and nothing of what only an attacker would notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from oncall.diagnosis.cause import Cause
from oncall.playbook import Playbook
from oncall.reporting import phrases, plain, summary
from oncall.results.record import RunRecord
from oncall.verdict import SEVERITIES, Verdict

SHOWN = 3  # causes, and things that people notice, before "and 2 more"
LENGTH = 300
MENTION = "@"  # a chat calls people where it stands
AREAS = {"auth": "logging in", "websocket": "live updates"}  # by role
FELT = {"p1": "The service does not work as it should", "p2": "A part of the service does not work as it should"}
FELT |= {"p3": "Some pages are slow or show errors", "p4": "Some parts of the page do not look right"}


def incident_channel(run: RunRecord, playbook: Playbook) -> str:
    """For colleagues: what is broken, the causes and how sure they are, what is not known, when to look here again."""
    return "\n".join(_channel(run, playbook))


def status_page(run: RunRecord, playbook: Playbook) -> str:
    """For everybody outside: what does not work, and when there is news."""
    felt = [cause for cause in run.diagnosis.causes if noticed(cause)]
    if not felt:
        if summary.state(run) == "healthy" or run.diagnosis.causes:
            return "Operational: no problem that you would notice is known."
        text = f"Investigating: we are checking parts of the service; no fault is known at {run.started:%H:%M} UTC."
        return _with_next(text, _worst(run), run, playbook)
    sure = all(cause.confidence == "confirmed" for cause in felt)
    what = "; ".join(dict.fromkeys(_public(cause) for cause in felt))
    news = "We know the cause and work on it." if sure else "We are looking for the cause."
    text = f"{'Identified' if sure else 'Investigating'}: {what}. {news}"
    return _with_next(text, felt[0].severity, run, playbook)


def headline(run: RunRecord) -> str:
    """The whole run in one line: "P1 postgres, P2 auth (likely); 3 checks without an answer"."""
    causes = run.diagnosis.causes
    if not causes:
        return summary.headline(run)
    named = dict.fromkeys(phrases.title(cause).partition(": ")[0] for cause in causes)
    rest = len(phrases.unexplained(run, "unknown")) + len(run.of(None, "error"))
    return ", ".join(named) + (f"; {summary.checks(rest)} without an answer" if rest else "")


def noticed(cause: Cause) -> bool:
    """Whether users would notice it; what only an attacker or the next restore would is nobody else's business."""
    seen = (*cause.findings, *cause.consequences)
    return not seen or any(verdict.noticed for verdict in seen)


def notices(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    """What people notice, each once, in the checks' own words."""
    claims = (" ".join(verdict.claim.split()) for verdict in verdicts if verdict.noticed)
    return tuple(dict.fromkeys(filter(None, claims)))


def next_update(severity: str, run: RunRecord, playbook: Playbook) -> datetime | None:
    """When the next text is due, UTC: at the respond-by time, or as long after the run where that is over already."""
    due = phrases.respond_by(severity, run, playbook)
    ended = run.started + timedelta(seconds=run.seconds)
    if due is None or due > ended:
        return due
    return ended + playbook.levels[severity].respond_within


def _channel(run: RunRecord, playbook: Playbook) -> Iterator[str]:
    """Foreign text made harmless. Commands as they are typed; left out where a chat would see a mention in them, and
    where a snapshot has filled them: this text is copied.
    """
    first = run.diagnosis.causes[:1]
    step = first[0].next if first else None
    for line in _told(run):
        yield _harmless(line)
    if step:
        yield _harmless(f"Next: PLAYBOOK.md {step.section}, step {step.step}")
        if run.commands_from == "local" and MENTION not in step.text:
            yield from step.commands
    for line in _due(run, playbook):
        yield _harmless(line)


def _told(run: RunRecord) -> list[str]:
    causes = run.diagnosis.causes
    lines = [f"{run.stack} at {run.started:%H:%M} UTC: {headline(run)}"]
    lines += [_cause(cause) for cause in causes[:SHOWN]]
    if more := causes[SHOWN:]:
        lines.append(f"And {len(more)} more: {', '.join(f'{one.severity.upper()} {one.component}' for one in more)}")
    felt = notices(run.of(None, "failed"))
    if felt:
        more_felt = f" (and {len(felt) - SHOWN} more)" if len(felt) > SHOWN else ""
        lines.append(f"People notice: {' '.join(felt[:SHOWN])}{more_felt}")
    for reason, alike in list(summary.by_reason(phrases.unexplained(run, "unknown")).items())[:SHOWN]:
        lines.append(f"Inconclusive: {phrases.unanswered(reason, alike)}")
    return lines


def _due(run: RunRecord, playbook: Playbook) -> Iterator[str]:
    """By when somebody answers, and when there is news."""
    causes = run.diagnosis.causes
    severity = causes[0].severity if causes else _worst(run)
    if severity and (by := phrases.deadline(severity, run, playbook, causes[0] if causes else None)):
        update = next_update(severity, run, playbook)
        yield f"Respond {by}." + (f" Next update by {_moment(update, run)}." if update else "")


def _cause(cause: Cause) -> str:
    explains = phrases.explains(cause)
    return f"{phrases.title(cause)}" + (f"; {explains}" if explains else "")


def _public(cause: Cause) -> str:
    """What does not work, without a name: "Live updates do not work as they should".

    Never that all of it is down: who does not look from outside cannot know.
    """
    area = AREAS.get(cause.role or cause.component)
    if area is None or cause.severity not in ("p1", "p2"):
        return FELT[cause.severity]
    return f"{area.capitalize()} {'do not work as they' if area.endswith('s') else 'does not work as it'} should"


def _worst(run: RunRecord) -> str | None:
    open_ = run.of(None, "failed", "unknown", "error")
    return min((verdict.severity for verdict in open_), key=SEVERITIES.index, default=None)


def _with_next(text: str, severity: str | None, run: RunRecord, playbook: Playbook) -> str:
    update = next_update(severity, run, playbook) if severity else None
    return f"{text} Next update by {_moment(update, run)}." if update else text


def _moment(at: datetime, run: RunRecord) -> str:
    return f"{at:%H:%M} UTC" if at.date() == run.started.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def _harmless(line: str) -> str:
    """One line that calls nobody: a chat takes a pasted @here for a mention."""
    return plain.escape_control_chars(" ".join(line.split()), LENGTH).replace(MENTION, "(at)")
