"""How many files the processes of a service have open."""

from msgspec import Struct

from oncall.facts import Fact


class ProcessFiles(Struct, frozen=True, kw_only=True):
    """One process. limit: its soft limit of open files (RLIMIT_NOFILE), 0 for none."""

    process: int
    count: int
    limit: int

    @property
    def percent(self) -> float:
        return 100.0 * self.count / self.limit if self.limit else 0.0


class ServiceFiles(Fact, frozen=True, kw_only=True):
    """The processes of one service that may be looked into."""

    component: str
    processes: tuple[ProcessFiles, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.processes else "no process was looked into"

    def full(self, percent: float) -> tuple[ProcessFiles, ...]:
        """Those that have so much of their limit open, fullest first."""
        found = [one for one in self.processes if one.limit and one.percent >= percent]
        return tuple(sorted(found, key=lambda one: -one.percent))
