"""Who was killed for lack of memory, and which traces of it could be read."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.containers import ago

Source = Literal["", "container state", "engine event", "cgroup counter", "kernel log"]


class OomKill(Struct, frozen=True, kw_only=True):
    """One trace of a kill by the kernel's OOM killer.

    component: whose container it was; service: what Compose calls it.
    whole: the container's first process, and so all of it; otherwise one of its other processes.
    age_seconds: None when the trace has no time; longest_seconds: but it cannot be older than this.
    down: the container does not run because of it, and so it is a failure of now, however old.
    superseded: the container has been started by hand since then; that makes it history.
    at: the moment itself, by the engine's clock, or by ours in the kernel log; None when the trace has no time.
    """

    component: str
    service: str
    name: str
    id: str
    source: Source
    whole: bool = False
    age_seconds: float | None = None
    longest_seconds: float | None = None
    down: bool = False
    superseded: bool = False
    count: int = 1
    at: datetime | None = None

    def counts(self, recent_minutes: float) -> bool:
        """Whether it is a failure of now."""
        if self.down:
            return True
        age = self.age_seconds if self.age_seconds is not None else self.longest_seconds
        return not self.superseded and age is not None and age <= recent_minutes * 60

    @property
    def victim(self) -> str:
        """Who was killed, in our names."""
        whom = self.component if self.component != "docker" else "a container of another service"
        return whom if self.whole else f"a process in {whom}"

    @property
    def told(self) -> str:
        """One trace in words."""
        when = f"{ago(self.age_seconds)} ago" if self.age_seconds is not None else "at an unknown time"
        if self.age_seconds is None and self.longest_seconds is not None:
            when = f"within the last {ago(self.longest_seconds)}"
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{self.source}: {when}{times}{', before its last start' if self.superseded else ''}"


class EngineEvent(Struct, frozen=True, kw_only=True):
    """Something that the engine remembers of a container, which may be gone by now.

    action: Docker's own word: "create", "start", "kill", "oom", "die", "destroy", "pause", "health_status: unhealthy".
    at: by the engine's clock. exit_code: of "die". signal: of "kill".
    """

    component: str
    id: str
    action: str
    at: datetime
    exit_code: int | None = None
    signal: int | None = None
    image: str = ""


class OomKills(Fact, frozen=True, kw_only=True):
    """All traces. sources: each with "read", or why it cannot be. unproven: exit code 137 for an unknown cause.

    events: all that the engine remembers of the components' containers, kills or not, oldest first.
    """

    kills: tuple[OomKill, ...] = ()
    unproven: tuple[str, ...] = ()
    sources: dict[str, str]
    events: tuple[EngineEvent, ...] = ()

    def recent(self, recent_minutes: float) -> tuple[OomKill, ...]:
        """One for each container that was killed lately, or is down because of it; down ones first, then newest."""
        chosen: dict[str, OomKill] = {}
        for one in self.kills:
            if one.counts(recent_minutes) and (one.id not in chosen or _weight(one) < _weight(chosen[one.id])):
                chosen[one.id] = one
        return tuple(sorted(chosen.values(), key=_weight))

    def corroboration(self, kill: OomKill) -> str:
        """Where this kill left its traces: "container state and engine event"."""
        return " and ".join(dict.fromkeys(one.source for one in self.kills if one.id == kill.id))

    @property
    def evidence(self) -> dict[str, str]:
        """Every trace, old ones too, and what could not be read."""
        told: dict[str, list[str]] = {}
        for one in sorted(self.kills, key=_weight):
            told.setdefault(f"{one.name} {one.id}", []).append(one.told)
        found = {name: "; ".join(traces[:4]) for name, traces in list(told.items())[:5]}
        if self.unproven:
            found["killed (exit 137), cause not proven"] = ", ".join(self.unproven[:5])
        unread = [f"{name} ({state})" for name, state in self.sources.items() if state != "read"]
        return found | ({"not read": "; ".join(unread)[:300]} if unread else {})

    def inconclusive_reason(self) -> str | None:
        if any(state == "read" for state in self.sources.values()):
            return None
        reasons = "; ".join(f"{name}: {state}" for name, state in self.sources.items())
        return f"no trace of the kernel's OOM killer can be read{f' ({reasons})' if reasons else ''}"[:300]


def _weight(one: OomKill) -> tuple[bool, bool, float]:
    age = one.age_seconds if one.age_seconds is not None else one.longest_seconds
    return not one.down, not one.whole, age if age is not None else float("inf")
