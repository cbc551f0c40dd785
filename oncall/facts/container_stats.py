"""What a service's containers use: memory, CPU, processes."""

from msgspec import Struct

from oncall.facts import Fact


class ContainerUse(Struct, frozen=True, kw_only=True):
    """One container's use, measured over `seconds`.

    memory_mib: page cache that can be dropped not counted.
    cpu_percent, throttled_percent: the lowest of the intervals: a burst is no problem. cpu_most_percent: the highest.
    """

    id: str
    name: str
    seconds: float
    memory_mib: float
    memory_limit_mib: float
    cpu_percent: float
    cpu_most_percent: float
    cpus: float
    throttled_percent: float
    processes: int
    processes_limit: int

    @property
    def memory_percent(self) -> float:
        return 100.0 * self.memory_mib / self.memory_limit_mib if self.memory_limit_mib else 0.0

    @property
    def processes_percent(self) -> float:
        return 100.0 * self.processes / self.processes_limit if self.processes_limit else 0.0


class ContainerStats(Fact, frozen=True, kw_only=True):
    """All running containers of one service; `limited` where only those with a limit count."""

    component: str
    service: str
    containers: tuple[ContainerUse, ...] = ()

    def over_memory(self, percent: float) -> tuple[ContainerUse, ...]:
        """Those that use so much of their memory limit, fullest first."""
        found = [one for one in self.containers if one.memory_limit_mib and one.memory_percent >= percent]
        return tuple(sorted(found, key=lambda one: -one.memory_percent))

    def over_cpu(self, percent: float) -> tuple[ContainerUse, ...]:
        """Those that use so much of the CPU that they may use, all the time, busiest first."""
        return tuple(
            sorted((one for one in self.containers if one.cpu_percent >= percent), key=lambda one: -one.cpu_percent)
        )

    def throttled(self, percent: float) -> tuple[ContainerUse, ...]:
        """Those that were held back in so many of their CPU periods, most first."""
        found = [one for one in self.containers if one.throttled_percent >= percent and one.throttled_percent]
        return tuple(sorted(found, key=lambda one: -one.throttled_percent))

    def over_processes(self, percent: float) -> tuple[ContainerUse, ...]:
        """Those that use so much of their limit of processes, fullest first."""
        found = [one for one in self.containers if one.processes_limit and one.processes_percent >= percent]
        return tuple(sorted(found, key=lambda one: -one.processes_percent))

    def inconclusive_reason(self) -> str | None:
        looked = any(one.seconds and one.processes for one in self.containers)
        return None if looked else "no container's statistics were read"
