"""When the newest backup was written, and what the run met at the backend's door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from oncall.facts.backend import HealthAnswer
from oncall.facts.host import NewestBackup
from oncall.timeline.clock_context import ClockContext, TimelineEntry


def of_backup(fact: NewestBackup, clocks: ClockContext) -> Iterator[TimelineEntry]:
    if not fact.matches:
        return
    at, within = clocks.back(fact.age_seconds), clocks.seconds + 1  # files have times of whole seconds
    broken = fact.reading == "broken"
    yield TimelineEntry(
        at=at,
        what="the newest backup was written, and cannot be read" if broken else "the newest backup was written",
        source="backup file",
        kind="problem" if broken else "change",
        component="host",
        within_seconds=within,
    )
    if fact.age_hours > clocks.limits.backup_age_hours:
        late = at + timedelta(hours=clocks.limits.backup_age_hours)
        what = f"the newest backup became older than {clocks.limits.backup_age_hours:g} h"
        yield TimelineEntry(at=late, what=what, source="backup file", component="host", within_seconds=within)


def of_backend(fact: HealthAnswer, clocks: ClockContext) -> Iterator[TimelineEntry]:
    if fact.problem and fact.looked_at:
        yield TimelineEntry(at=fact.looked_at, what=fact.problem, source="this run", component="backend")
