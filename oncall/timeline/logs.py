"""When the first and the last line of each sign were written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from oncall.facts.logs import AuthenticationLog, ContainerLog, ErrorBursts, ErrorLog, SocketLog
from oncall.facts.postgres import CorruptionLog
from oncall.facts.undeclared import UndeclaredLog
from oncall.timeline.clock_context import ClockContext, Keeper, TimelineEntry


def of_signs(fact: ContainerLog, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """Signs that count; what is over is no problem, and nobody's change."""
    for sign in fact.signs:
        first = sign.since or sign.first
        unbroken = first != sign.first
        words = "since then, again and again" if unbroken else f"first of {sign.count} lines"
        pair = _pair(sign.meaning, first, sign.last, sign.count if not unbroken else 2, words)
        yield from _told(pair, f"log of {fact.service}", fact.service, clocks, "engine")


def of_undeclared(fact: UndeclaredLog, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """What the log of a service that nobody declared says."""
    yield from of_signs(fact.log, clocks)
    kind = fact.fatal
    if kind.count >= clocks.limits.log_burst:
        pair = _pair(kind.words, kind.first, kind.last, kind.count, f"first of {kind.count}")
        yield from _told(pair, f"log of {fact.component}", fact.component, clocks, "engine")


def of_errors(fact: ErrorLog, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """Kinds of errors of which there are enough to be a burst."""
    components = {AuthenticationLog: "auth", SocketLog: "websocket"}
    component = next((name for kind, name in components.items() if isinstance(fact, kind)), fact.service)
    for kind in fact.kinds:
        if kind.count >= clocks.limits.log_burst:
            pair = _pair(kind.words, kind.first, kind.last, kind.count, f"first of {kind.count}")
            yield from _told(pair, f"log of {fact.service}", component, clocks, "engine")


def of_bursts(fact: ErrorBursts, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """Errors that are alike, of which there are enough to be a burst."""
    for one in fact.bursts(clocks.limits.log_burst, clocks.limits.log_new_error):
        pair = _pair(one.line, one.first, one.last, one.count, f"first of {one.count}")
        yield from _told(pair, f"log of {fact.component}", fact.component, clocks, "engine")


def of_corruption(fact: CorruptionLog, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """Lines that speak of damage; they do not age."""
    pair = _pair("the log speaks of damage", fact.first, fact.last, fact.count, f"first of {fact.count} lines")
    yield from _told(pair, "log of postgres", "postgres", clocks, "database")


def _pair(
    words: str, first: datetime | None, last: datetime | None, count: int, begun: str
) -> Iterator[tuple[str, datetime]]:
    if first and last and count > 1 and first != last:
        yield f"{words} ({begun})", first
        yield f"{words} (last line)", last
    elif first or last:
        yield words, first or last or datetime.max


def _told(
    pair: Iterator[tuple[str, datetime]], source: str, component: str, clocks: ClockContext, keeper: Keeper
) -> Iterator[TimelineEntry]:
    for what, at in pair:
        yield clocks.placed(TimelineEntry(at=at, what=what, source=source, component=component), keeper)
