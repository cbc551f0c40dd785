"""The stack's clocks against ours: a token is fresh only where the clocks agree."""

from oncall.facts.backend import HealthAnswer
from oncall.facts.postgres import DatabaseClock
from oncall.facts.token import Clock, Clocks
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probing.register import probe
from oncall.target.schema import Stack

Missing = CouldNotCheck | NotPart


@probe(optional=("backend_health", "database_clock"))
def clocks(stack: Stack, backend_health: HealthAnswer | Missing, database_clock: DatabaseClock | Missing) -> Clocks:
    """How far the clocks of the backend and of the database are from ours."""
    if isinstance(backend_health, NotPart) and isinstance(database_clock, NotPart):
        raise Declared("says that this stack has neither a backend nor a database")
    found, missing = [], []
    if isinstance(backend_health, HealthAnswer):
        clock = backend_clock(backend_health)
        found += [clock] if clock else []
        missing += [] if clock else ["backend: its health answer has no Date header"]
    else:
        missing.append(f"backend: {backend_health}")
    if isinstance(database_clock, DatabaseClock):
        half = database_clock.round_trip_seconds / 2
        found.append(Clock(component="postgres", ahead_seconds=database_clock.offset_seconds, uncertain_seconds=half))
    else:
        missing.append(f"postgres: {database_clock}")
    if not found:
        asked = isinstance(backend_health, HealthAnswer) and not backend_health.exchange.answered
        root = "backend_health" if asked else ""
        raise CouldNotCheck(f"no clock of the stack could be read: {'; '.join(missing)}", root=root)
    return Clocks(host=stack.host.at, clocks=tuple(found), missing=tuple(missing))


def backend_clock(health: HealthAnswer) -> Clock | None:
    """The backend's clock by its Date header, which is cut to whole seconds and as old as half the round trip."""
    if health.date is None or health.looked_at is None:
        return None
    half = health.exchange.seconds / 2
    ahead = (health.date - health.looked_at).total_seconds() + 0.5 + half
    return Clock(component="backend", ahead_seconds=round(ahead, 3), uncertain_seconds=round(0.5 + half, 3))
