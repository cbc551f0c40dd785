"""The engine's own health checks of containers, as facts: what they say, and whether they could be run at all."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from oncall.facts.containers import HealthResult
from oncall.gate.patterns import Pattern
from oncall.runtimes.runtime import Container

# What an engine says of a health check whose command it cannot start, with exit code -1 up to Docker 20.10, and what
# shells say of a command that they do not find.
UNSTARTABLE = Pattern(r"(?:OCI runtime exec failed|unable to start container process|runc did not terminate)")
MISSING = Pattern(
    r"exec: \"([^\"\s]{1,100})\": (?:executable file not found|stat [^:]{0,200}: no such file)|"
    r"(?:^|[:\s])([A-Za-z0-9_./-]{1,100}): (?:command )?not found"
)


def since(then: datetime | None, now: datetime) -> float | None:
    """Seconds that have passed; None when it never was."""
    return max(0.0, (now - then).total_seconds()) if then else None


def health_of(found: Iterable[Container], now: datetime) -> tuple[HealthResult, ...]:
    """The last health checks of those containers that have any, as facts."""
    return tuple(
        HealthResult(
            id=one.short,
            name=one.name,
            status=one.health.status,
            streak=one.health.streak,
            exit_code=one.health.exit_code,
            output=one.health.output,
            up_seconds=since(one.started_at, now) or 0.0,
            starting_seconds=one.health.starting_seconds,
            failing_since=one.health.failing_since,
            since_within_seconds=one.health.since_within_seconds,
            **_startable(one.health.exit_code, one.health.output),
        )
        for one in found
        if one.health
    )


def _startable(code: int | None, output: str) -> dict[str, Any]:
    """Whether the check's command could be started, and which command is missing."""
    unstartable = code in (-1, 126, 127) and UNSTARTABLE.search(output) is not None
    missing = MISSING.search(output) if unstartable or code in (126, 127) else None
    return {"unstartable": unstartable, "missing": (missing[1] or missing[2]) if missing else ""}
