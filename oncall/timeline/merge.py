"""What happened when, read off the facts: each line with its source, in UTC. Pure: nothing here looks at anything.

What counts as problem is still true now, or is as young as `limits.recent_minutes` and not over. What is over (an end
before the container's last start) is at most a change, so it is never the first sign.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from oncall.facts import Fact
from oncall.target.schema import Limits

if TYPE_CHECKING:
    from oncall.timeline.clock_context import ClockContext, TimelineEntry

EventKind = Literal["problem", "change", "run"]

MOST = 60  # lines that a person still reads
MOST_TOLD = 1000  # moments that are compared with each other, the latest; a run of 100 containers has 300
LONG_AGO = timedelta(days=7)  # a change before this has nothing to do with today
LATELY = timedelta(hours=24)
TOGETHER = timedelta(seconds=2)  # two sources may tell of one moment so far apart
DEFAULTS = Limits()
MIGRATED = ("auth", "backend", "postgres")  # the roles that may fail because of a migration


class Event(Struct, frozen=True, kw_only=True):
    """One moment.

    kind: "problem" is a sign that something is wrong; "change" is what people or deployments do (a container made
        anew, a migration, a restart); "run" is this run itself.
    what: in words that go on after the component's name: "ended with exit code 137, killed (SIGKILL)".
    source: where it was read: "container state", "health log", "log of backend", "database", "migrations table"; two
        that tell of the same moment: "container state, engine event".
    component: whose moment it is, when it belongs to one.
    within_seconds: how far off it may be, because it was counted back from now or by another clock.
    """

    at: datetime
    what: str
    source: str
    kind: EventKind
    component: str | None = None
    within_seconds: float = 0.0


def timeline(
    facts: Mapping[str, Fact],
    started: datetime,
    seconds: float,
    limits: Limits = DEFAULTS,
    named: Callable[[str, str], str] = lambda look, role: role,
) -> tuple[Event, ...]:
    """All moments that the facts carry, and the run, sorted; at most 60.

    facts: by look, as in `Run.facts`. named: the component that a role is in a look.
    started: when the run began; what facts count back, they count from there.
    """
    from oncall.timeline.clock_context import clocks

    looks = [(look, facts[look]) for look in sorted(facts)]
    here = clocks((fact for _, fact in looks), started, seconds, limits)
    told = sorted(set(_told(looks, here, named)), key=_order)[-MOST_TOLD:]
    events = [_event(group) for group in _merged(told)]
    events += [
        Event(at=started, what="this run began", source="this run", kind="run"),
        Event(at=here.ended, what="this run ended", source="this run", kind="run"),
    ]
    fresh = [one for one in dict.fromkeys(events) if one.kind != "change" or one.at >= started - LONG_AGO]
    return tuple(
        _bounded(sorted(fresh, key=lambda one: (one.at, one.kind == "problem", one.component or "", one.what)))
    )


def _told(
    looks: Iterable[tuple[str, Fact]], clocks: ClockContext, named: Callable[[str, str], str]
) -> Iterator[TimelineEntry]:
    """What each look tells, of the components by their names."""
    from oncall.timeline.entries import moments  # the records of all facts: wanted at the end of a run only

    for look, fact in looks:
        for moment in moments([fact], clocks):
            yield replace(moment, component=named(look, moment.component)) if moment.component else moment


def first_sign(events: Iterable[Event], components: Collection[str] | None = None) -> Event | None:
    """The earliest sign of a problem, or None: respond-by times count from it.

    components: whose signs count; None: everybody's.
    """
    return next(
        (one for one in events if one.kind == "problem" and (components is None or one.component in components)), None
    )


def changes(events: Iterable[Event], component: str, before: datetime, role: str = "") -> tuple[Event, ...]:
    """What was changed on a component within the 24 hours before this moment, newest first.

    role: what checks call the component.
    before: as a rule the first sign of a problem. A migration is a change of all that live on the database.
    """
    found = [
        one
        for one in events
        if one.kind == "change"
        and before - LATELY <= one.at <= before
        and (one.component == component or (one.source == "migrations table" and (role or component) in MIGRATED))
    ]
    return tuple(reversed(found))


def _order(moment: TimelineEntry) -> tuple[datetime, str, str, str, str]:
    return moment.at, moment.component or "", moment.of, moment.source, moment.what


def _merged(moments: Iterable[TimelineEntry]) -> Iterator[list[TimelineEntry]]:
    """Moments that are one, in groups; and of one that comes again and again only the first and the last."""
    groups: list[list[TimelineEntry]] = []
    for moment in moments:
        home = next((group for group in reversed(groups) if moment.topic and _same(group, moment)), None)
        home.append(moment) if home is not None else groups.append([moment])
    alike: dict[object, list[list[TimelineEntry]]] = {}
    for group in groups:
        first = group[0]
        key = (first.component, first.of, first.topic, first.kind) if first.topic else id(group)
        alike.setdefault(key, []).append(group)
    for several in alike.values():
        yield several[0]
        if len(several) > 2:
            last = [replace(one, what=f"{one.what}, the last of several times") for one in several[-1]]
            yield last
        elif len(several) == 2:
            yield several[1]


def _same(group: list[TimelineEntry], moment: TimelineEntry) -> bool:
    """Whether it is one moment with these: of one container, as far as anybody knows."""
    known = next((one.of for one in group if one.of), "")
    near = TOGETHER + timedelta(seconds=min(10.0, moment.within_seconds + group[0].within_seconds))
    return (
        (group[0].component, group[0].topic) == (moment.component, moment.topic)
        and (not known or not moment.of or known == moment.of)
        and abs(moment.at - group[0].at) <= near
    )


def _event(group: list[TimelineEntry]) -> Event:
    """One line: the surest time, every source, and of each aspect the words that say most."""
    surest = min(group, key=lambda one: (one.within_seconds, one.at))
    words: dict[str, str] = {}
    for one in sorted(group, key=lambda one: (one.kind != "problem", -one.weight, -len(one.what))):
        words.setdefault(one.aspect, one.what)
    return Event(
        at=surest.at,
        what="; ".join(words.values()),
        source=", ".join(sorted({one.source for one in group})),
        kind="problem" if any(one.kind == "problem" for one in group) else group[0].kind,
        component=group[0].component,
        within_seconds=surest.within_seconds,
    )


def _bounded(events: list[Event]) -> list[Event]:
    """At most so many lines: the oldest changes go first, then the oldest problem, but never its first sign."""
    spare = len(events) - MOST
    if spare <= 0:
        return events
    plain = [one for one in events if one.kind == "change"]
    problems = [one for one in events if one.kind == "problem"][1:]
    gone = {id(one) for one in (plain + problems)[:spare]}
    return [one for one in events if id(one) not in gone]
