"""What happened when, read off the facts: each line with its source, in UTC. Pure: nothing here looks at anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from oncall.facts import Fact

EventKind = Literal["trouble", "change", "run"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One moment.

    kind: "trouble" is a sign that something is wrong; "change" is what people or deployments do (a container made
        anew, a migration, a restart); "run" is this run itself.
    source: where it was read: "container state", "health log", "log of backend", "database", "migrations table".
    component: whose moment it is, when it belongs to one.
    within_seconds: how far off it may be, because it was counted back from now or by another clock.
    """

    at: datetime
    what: str
    source: str
    kind: EventKind
    component: str | None = None
    within_seconds: float = 0.0


def timeline(facts: Mapping[str, Fact], started: datetime, seconds: float) -> tuple[Event, ...]:
    """All moments that the facts carry, and the run, sorted.

    facts: by look, as in `Run.facts`. started: when the run began; what facts count back, they count from there.
    """
    return ()


def first_sign(events: tuple[Event, ...]) -> Event | None:
    """The earliest sign of trouble, or None: respond-by times count from it."""
    return next((event for event in events if event.kind == "trouble"), None)
