"""The moments that facts carry: one reader a type of fact, in a table. Pure, like the timeline that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from oncall.facts import Fact, unfolded
from oncall.facts.backend import HealthAnswer
from oncall.facts.containers import DockerEngine, ServiceContainers, ServiceHealth
from oncall.facts.host import NewestBackup
from oncall.facts.logs import ContainerLog, ErrorBursts, ErrorLog
from oncall.facts.migrations import MigrationLock, Migrations
from oncall.facts.oom import OomKills
from oncall.facts.postgres import CorruptionLog, DatabaseConnection, DatabaseRole, PageChecksums
from oncall.facts.queries import Sessions
from oncall.facts.undeclared import UndeclaredLog
from oncall.timeline import containers, database, host, logs
from oncall.timeline.clock_context import ClockContext, TimelineEntry

YEARS = range(1970, 2200)  # whoever reckons with such a time stays within the calendar
READERS: tuple[tuple[type[object], Callable[[Any, ClockContext], Iterator[TimelineEntry]]], ...] = (
    (DockerEngine, containers.of_engine),
    (ServiceContainers, containers.of_containers),
    (ServiceHealth, containers.of_health),
    (OomKills, containers.of_kills),
    (ContainerLog, logs.of_signs),
    (ErrorLog, logs.of_errors),
    (ErrorBursts, logs.of_bursts),
    (UndeclaredLog, logs.of_undeclared),
    (CorruptionLog, logs.of_corruption),
    (DatabaseConnection, database.of_connection),
    (DatabaseRole, database.of_role),
    (PageChecksums, database.of_checksums),
    (Migrations, database.of_migrations),
    (MigrationLock, database.of_lock),
    (Sessions, database.of_sessions),
    (NewestBackup, host.of_backup),
    (HealthAnswer, host.of_backend),
)


def moments(facts: Iterable[Fact], clocks: ClockContext) -> Iterator[TimelineEntry]:
    """All that the facts tell, in no order; a fact of a kind that carries no moment tells nothing.

    Times that no calendar holds or that no clock can have shown, and such as belong to no zone, are left out: whoever
    told them may have told anything.
    """
    for fact in unfolded(facts):
        for kind, read in READERS:
            if isinstance(fact, kind):
                with suppress(OverflowError, ValueError):
                    yield from (moment for moment in read(fact, clocks) if moment.at.tzinfo and moment.at.year in YEARS)
