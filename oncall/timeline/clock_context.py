"""One moment as a fact tells it, and what is needed to place it: the run, the limits, the clocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from oncall.facts import Fact, unfolded
from oncall.facts.containers import ContainerState, DockerEngine, ServiceContainers
from oncall.facts.postgres import DatabaseClock
from oncall.facts.token import Clocks
from oncall.target.schema import Limits

Keeper = Literal["us", "engine", "database"]


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One moment of one source, before those of other sources join it.

    topic: moments of one topic, component and container that are near each other are the same one; "": it stands alone.
    of: the container's id, "" where the source knows none. aspect: what of it this source tells; the one with the most
    weight is believed.
    """

    at: datetime
    what: str
    source: str
    kind: Literal["problem", "change", "run"] = "problem"
    component: str | None = None
    within_seconds: float = 0.0
    topic: str = ""
    of: str = ""
    aspect: str = ""
    weight: int = 0


class Clock(Struct, frozen=True):
    """A clock against ours: positive is ahead of us."""

    ahead_seconds: float = 0.0
    within_seconds: float = 0.0


class ClockContext(Struct, frozen=True):
    """What every reader may need besides its fact.

    clocks: of those whose clock is known; the others' may be off by what the suite tolerates between clocks.
    services: by component. containers: by id.
    """

    started: datetime
    seconds: float
    limits: Limits
    clocks: dict[Keeper, Clock] = field(default_factory=dict)
    services: dict[str, ServiceContainers] = field(default_factory=dict)
    containers: dict[str, ContainerState] = field(default_factory=dict)

    @property
    def ended(self) -> datetime:
        return self.started + timedelta(seconds=self.seconds)

    def placed(self, moment: TimelineEntry, keeper: Keeper) -> TimelineEntry:
        """The moment by our clock."""
        clock = self.clocks.get(keeper, Clock(within_seconds=float(self.limits.clock_skew_seconds)))
        return replace(
            moment,
            at=moment.at - timedelta(seconds=clock.ahead_seconds),
            within_seconds=round(moment.within_seconds + clock.within_seconds, 3),
        )

    def back(self, seconds: float) -> datetime:
        """So many seconds before the run, the run's own length uncertain."""
        return self.started - timedelta(seconds=seconds)


def clocks(facts: Iterable[Fact], started: datetime, seconds: float, limits: Limits) -> ClockContext:
    """What the facts say about each other's clocks and containers."""
    clocks: dict[Keeper, Clock] = {"us": Clock()}
    services: dict[str, ServiceContainers] = {}
    for fact in unfolded(facts):
        if isinstance(fact, ServiceContainers):
            services.setdefault(fact.component, fact)
        elif isinstance(fact, DockerEngine) and fact.ahead_seconds is not None:
            clocks["engine"] = Clock(fact.ahead_seconds, fact.uncertain_seconds)
        elif isinstance(fact, DockerEngine) and fact.local:  # of an old snapshot
            clocks["engine"] = Clock()
        elif isinstance(fact, DatabaseClock):
            clocks["database"] = Clock(fact.offset_seconds, fact.round_trip_seconds / 2)
        elif isinstance(fact, Clocks):
            for one in fact.clocks:
                if one.component == "postgres":
                    clocks.setdefault("database", Clock(one.ahead_seconds, one.uncertain_seconds))
    containers = {one.id: one for fact in services.values() for one in fact.containers}
    return ClockContext(started, seconds, limits, clocks, services, containers)
