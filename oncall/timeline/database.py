"""When the database started, was migrated and was damaged, and since when somebody holds it up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from oncall.facts.migrations import MigrationLock, Migrations
from oncall.facts.postgres import DatabaseConnection, DatabaseRole, PageChecksums
from oncall.facts.queries import Sessions
from oncall.timeline.clock_context import ClockContext, TimelineEntry

SOURCE = "database"
TABLE = "migrations table"


def of_connection(fact: DatabaseConnection, clocks: ClockContext) -> Iterator[TimelineEntry]:
    if fact.looked_at and not fact.answered:
        yield TimelineEntry(at=fact.looked_at, what=fact.sentence, source="this run", component="postgres")


def of_role(fact: DatabaseRole, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """The postmaster's start: the container's, too, where there is one."""
    moment = TimelineEntry(
        at=clocks.started, what="started", source=SOURCE, kind="change", component="postgres", topic="start"
    )
    if fact.started_at and ("database" in clocks.clocks or fact.up_seconds is None):
        yield clocks.placed(replace(moment, at=fact.started_at), "database")
    elif fact.up_seconds is not None:
        yield replace(moment, at=clocks.back(fact.up_seconds), within_seconds=clocks.seconds)


def of_checksums(fact: PageChecksums, clocks: ClockContext) -> Iterator[TimelineEntry]:
    for one in fact.damaged:
        if one.last:
            which = "a checksum failure" if one.failures == 1 else f"last of {one.failures} checksum failures"
            what = f"{which} in {one.database}"
            yield clocks.placed(TimelineEntry(at=one.last, what=what, source=SOURCE, component="postgres"), "database")


def of_migrations(fact: Migrations, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """One line a migration that went through at once, else one for each of its steps."""
    failed = {one.name: one for one in fact.failed}
    dated = set()
    for one in fact.newest:
        problem = one.name in failed and one.started_at and not one.finished_at and not one.rolled_back_at
        if problem and one.started_at:
            dated.add(one.name)
            yield _step(clocks, one.started_at, f"migration {one.name} began, and never finished", "problem")
        elif one.started_at and not (one.finished_at and (one.finished_at - one.started_at).total_seconds() < 60):
            yield _step(clocks, one.started_at, f"migration {one.name} began")
        if one.finished_at:
            yield _step(clocks, one.finished_at, f"migration {one.name} was applied")
        if one.rolled_back_at:
            yield _step(clocks, one.rolled_back_at, f"migration {one.name} was marked as rolled back")
    for name in failed.keys() - dated:  # of an old snapshot
        moment = _moment(
            clocks.back(failed[name].age_seconds), f"migration {name} began, and never finished", "problem"
        )
        yield replace(moment, within_seconds=clocks.seconds)


def _step(
    clocks: ClockContext, at: datetime, what: str, kind: Literal["problem", "change"] = "change"
) -> TimelineEntry:
    return clocks.placed(_moment(at, what, kind), "database")


def _moment(at: datetime, what: str, kind: Literal["problem", "change"]) -> TimelineEntry:
    return TimelineEntry(at=at, what=what, source=TABLE, kind=kind, component="auth")


def of_lock(fact: MigrationLock, clocks: ClockContext) -> Iterator[TimelineEntry]:
    if fact.holder_pid is not None and fact.seconds > clocks.limits.query_blocked_seconds:
        yield _held(clocks, fact.seconds, f"pid {fact.holder_pid} holds the migration lock since then")


def of_sessions(fact: Sessions, clocks: ClockContext) -> Iterator[TimelineEntry]:
    """The oldest of each kind that is over its limit; what it does is evidence, and stands elsewhere."""
    limits = clocks.limits
    for one in fact.running_over(limits.query_running_seconds)[:1]:
        yield _held(clocks, one.seconds, f"a query of pid {one.pid} began that still runs")
    for one in fact.idle_over(limits.idle_in_transaction_seconds)[:1]:
        yield _held(clocks, one.seconds, f"pid {one.pid} left a transaction idle")
    for blocked in fact.blocked_over(limits.query_blocked_seconds)[:1]:
        yield _held(clocks, blocked.waiting.seconds, f"pid {blocked.waiting.pid} began to wait for a lock")


def _held(clocks: ClockContext, seconds: float, what: str) -> TimelineEntry:
    return TimelineEntry(
        at=clocks.back(seconds), what=what, source=SOURCE, component="postgres", within_seconds=clocks.seconds
    )
