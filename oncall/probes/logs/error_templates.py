"""Errors that no signature knows, counted by what is the same in their lines. Pure.

A template is a line without what changes from one request to the next: numbers, identifiers, quoted values, addresses,
the ends of paths. A stack trace belongs to the line that it follows.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from oncall.facts.logs import ErrorTemplate
from oncall.gate.patterns import AnyOf, Pattern
from oncall.gate.sql_text import error_text
from oncall.probes.logs.judging import Written, recognised
from oncall.probes.logs.lines import Line
from oncall.probes.logs.own_lines import ANY_ERROR, Clock, Entry, own_lines
from oncall.probes.logs.signatures import AUTHENTICATION, NOT_COUNTED, PG, SOCKET
from oncall.probing.ledger import Request

LONGEST = 400  # characters of a line that are compared
KEPT_TEMPLATES = 500  # different ones in one log; more would be no templates
QUOTED = Pattern(r"(^|[^\w])(?:'[^']{0,300}'|\"[^\"]{0,300}\"|`[^`]{0,300}`)")
PATH = Pattern(r"(/[\w.@%+~-]+)(?:/[\w.@%+~-]+)+/?")
TOKEN = Pattern(r"[\w@.:+%-]+")
HEX = frozenset("0123456789abcdefABCDEF")
SHORTEST_HEX = 8  # letters of an identifier without a digit
TRACEBACK = "Traceback (most recent call last)"
COUNTED = AnyOf((*NOT_COUNTED, *(kind.pattern for kind in (*AUTHENTICATION, *SOCKET))))  # have checks of their own


def template(text: str) -> str:
    """What is the same in all lines of one kind."""
    plain = QUOTED.sub(r"\1…", text[:LONGEST])
    plain = PATH.sub(r"\1/…", plain)
    return " ".join(TOKEN.sub(lambda found: "#" if _varies(found[0]) else found[0], plain).split())


def _varies(token: str) -> bool:
    """Whether it is a number, an identifier, an address."""
    return "@" in token or any(map(str.isdigit, token)) or (len(token) >= SHORTEST_HEX and HEX.issuperset(token))


class _Event(NamedTuple):
    at: datetime
    template: str
    line: Line


def error_events(log: Written, role: str, since: datetime) -> list[_Event]:
    """Each error since then, a stack trace with the line before it as one; without what a known signature or a count
    of refusals tells."""
    found: list[_Event] = []
    in_error = in_traceback = False
    for line in log.lines:
        if line.continues:
            in_traceback = in_traceback or line.words.startswith(TRACEBACK)
            continue
        ends_traceback, in_traceback = in_traceback, False
        if ends_traceback and in_error:
            continue  # the exception of a trace whose first line is counted
        in_error = line.error or ends_traceback
        if not in_error or line.at is None or line.at < since or line.by_us:
            continue
        known = recognised(line, role)
        if (known and known[0].kind != "evidence") or (role not in PG and COUNTED.which(line.words)):
            continue
        found.append(_Event(line.at, template(line.words), line))
    return found


def error_templates(
    logs: Iterable[tuple[Written, datetime]], role: str, requests: Iterable[Request], clock: Clock
) -> tuple[ErrorTemplate, ...]:
    """Errors by template, most first, without those that runs of this suite have caused.

    logs: each with the moment since when its lines count. role: what signatures call the part.
    """
    logs = [*logs]
    begins = [max(line.at, since).timestamp() for log, since in logs for line in log.lines[:1] if line.at]
    events = sorted((one for log, since in logs for one in error_events(log, role, since)), key=lambda one: one.at)
    entries = [Entry(one.at.timestamp(), ANY_ERROR, one.line.ours) for one in events]
    ours = own_lines(entries, requests, clock, first=min(begins, default=0.0))
    kept: dict[str, list[_Event]] = {}
    own: dict[str, int] = {}
    for event, is_own in zip(events, ours, strict=True):
        if event.template not in kept and len(kept) >= KEPT_TEMPLATES:
            continue
        kept.setdefault(event.template, [])
        own[event.template] = own.get(event.template, 0) + is_own
        if not is_own:
            kept[event.template].append(event)
    return _ordered(kept, own, role)


def _ordered(kept: Mapping[str, Sequence[_Event]], own: Mapping[str, int], role: str) -> tuple[ErrorTemplate, ...]:
    found = [
        ErrorTemplate(
            template=error_text(name) if role in PG else name[:200],
            count=len(events),
            own=own[name],
            first=events[0].at,
            last=events[-1].at,
            line=error_text(events[-1].line.shown) if role in PG else events[-1].line.shown,
        )
        for name, events in kept.items()
        if events
    ]
    return tuple(sorted(found, key=lambda one: -one.count)[:20])
