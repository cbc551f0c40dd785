"""How busy the host is: its CPUs, what waits for them, and what stalls on memory or on its disks."""

from typing import Literal

from msgspec import Struct

from oncall.facts import Fact


class Stall(Struct, frozen=True, kw_only=True):
    """Pressure stall information (PSI) of one resource: the share of time in which tasks waited for it, 0 to 100 %.

    some: at least one task waited. full: all tasks that had work waited, so that nothing got done.
    avg10, avg60: the kernel's averages over 10 and 60 seconds. now: over this probe's own window, its lowest interval.
    """

    some_avg10: float
    some_avg60: float
    some_now: float
    full_avg10: float = 0.0
    full_avg60: float = 0.0
    full_now: float = 0.0

    @property
    def some(self) -> float:
        """Sustained: over the last 10 seconds and still so now."""
        return min(self.some_avg10, self.some_now)

    @property
    def full(self) -> float:
        """Sustained: over the last 10 seconds and still so now."""
        return min(self.full_avg10, self.full_now)


class ProcessGroup(Struct, frozen=True, kw_only=True):
    """Processes of one name, in one container or in none. Never a command line: it may hold secrets.

    container: its name, or "container" and its short id when it is not one of the stack's; "" for none.
    component: the part of the stack that runs in this container; "" for none.
    busy: how many used CPU. waiting: how many wait for a disk. cpu_percent: of one CPU. memory_mib: resident.
    """

    name: str
    container: str
    component: str = ""
    processes: int
    busy: int
    waiting: int
    cpu_percent: float
    memory_mib: float

    def told(self, number: int, use: str = "") -> str:
        """ "python3 (10 processes in motel-backend-1, 1.9 CPUs)"."""
        words = "1 process" if number == 1 else f"{number} processes"
        return f"{self.name} ({words}{f' in {self.container}' if self.container else ''}{use and ', '}{use})"


class HostPressure(Fact, frozen=True, kw_only=True):
    """The host's load, CPU use and pressure over `seconds`.

    source: "PSI" where the kernel tells pressure, "load" where there are load averages and CPU times alone.
    load1, load5, load15: the averages over so many minutes: processes that run, want to run, or wait for a disk.
    runnable: processes that run or want to, this probe's own not counted. waiting: processes that wait for a disk.
    cpu_percent: in use, of all CPUs. iowait_percent: idle while a process waits for a disk.
    steal_percent: taken by the hypervisor. Of these five the lowest of the window's intervals: a burst does not count.
    reclaiming: the kernel searched the host for memory to free within the window. Without that, tasks stall on the
        memory limit of their own container, and the host has memory.
    busiest: by CPU, by processes that wait for a disk and by memory; looked at on a busy host only.
    """

    source: Literal["", "PSI", "load"]
    cpus: int
    load1: float
    load5: float
    load15: float
    seconds: float
    runnable: float
    waiting: float
    cpu_percent: float
    iowait_percent: float
    steal_percent: float
    cpu: Stall | None = None
    memory: Stall | None = None
    io: Stall | None = None
    reclaiming: bool = False
    busiest: tuple[ProcessGroup, ...] = ()

    @property
    def runnable_per_cpu(self) -> float:
        """Sustained: now, and where the kernel tells no pressure, over the last minute as well."""
        queue = self.runnable if self.cpu else min(self.runnable, self.load1)
        return queue / self.cpus if self.cpus else 0.0

    def saturated(self, *, per_cpu: float, used_percent: float, pressure_percent: float) -> bool:
        """Whether so many processes per CPU want to run on CPUs that are all in use, and wait for them.

        Pressure alone is no proof: a container that is held back by its own CPU limit raises it as well.
        """
        pressed = self.cpu is None or self.cpu.some >= pressure_percent
        return self.runnable_per_cpu >= per_cpu and self.cpu_percent >= used_percent and pressed

    @property
    def memory_stalled_percent(self) -> float:
        """Share of time in which nothing got done for lack of memory of the host; 0 where none is told."""
        return self.memory.full if self.memory and self.reclaiming else 0.0

    def io_stalled_percent(self, waiting: float) -> float:
        """Share of time in which a queue of at least so many processes waited for disks; 0 where none is told.

        One backup on an idle host waits for the disk all the time, and disturbs nobody. How much of it was `full` does
        not count: on a host whose CPUs are busy something always gets done.
        """
        return self.io.some if self.io and self.waiting >= waiting else 0.0

    @property
    def most_cpu(self) -> tuple[str, ...]:
        """Who uses most of the CPUs, the first three."""
        found = sorted((one for one in self.busiest if one.cpu_percent >= 5), key=lambda one: -one.cpu_percent)
        return tuple(one.told(one.busy, f"{one.cpu_percent / 100:.1f} CPUs") for one in found[:3])

    @property
    def hog(self) -> str | None:
        """The part of the stack whose container alone uses at least half of all CPUs."""
        use: dict[str, float] = {}
        for one in self.busiest:
            use[one.component] = use.get(one.component, 0.0) + one.cpu_percent
        return next((name for name, percent in use.items() if name and percent >= 50 * self.cpus), None)

    @property
    def most_waiting(self) -> tuple[str, ...]:
        """Of whom most processes wait for a disk, the first three."""
        found = sorted((one for one in self.busiest if one.waiting), key=lambda one: -one.waiting)
        return tuple(one.told(one.waiting) for one in found[:3])

    @property
    def most_memory(self) -> tuple[str, ...]:
        """Who holds most memory, the first three; memory that processes share counts for each."""
        found = sorted((one for one in self.busiest if one.memory_mib), key=lambda one: -one.memory_mib)
        return tuple(one.told(one.processes, f"{one.memory_mib:.0f} MiB") for one in found[:3])

    @property
    def queue(self) -> str:
        """ "11 runnable processes on 2 CPUs, load 5.4, CPU pressure 96 %"."""
        pressure = f", CPU pressure {self.cpu.some:.0f} %" if self.cpu else f", {self.cpu_percent:.0f} % in use"
        return f"{self.runnable:.0f} runnable processes on {_cpus(self.cpus)}, load {self.load1:.1f}{pressure}"

    @property
    def summary(self) -> dict[str, str]:
        """The readings that decide, as evidence."""
        told = {
            "load": f"{self.load1:.1f} {self.load5:.1f} {self.load15:.1f} on {_cpus(self.cpus)}",
            "CPU": f"{self.cpu_percent:.0f} % in use, {self.iowait_percent:.0f} % waiting for disks, "
            f"{self.steal_percent:.0f} % taken by the hypervisor, over {self.seconds:.1f} s",
        }
        for name, stall, what in (("CPU", self.cpu, "some"), ("memory", self.memory, "full"), ("I/O", self.io, "some")):
            if stall:
                values = [getattr(stall, f"{what}_{when}") for when in ("avg10", "avg60", "now")]
                told[f"{name} pressure"] = "{:.0f} % of 10 s, {:.0f} % of 60 s, {:.0f} % now".format(*values)
        return told

    def inconclusive_reason(self) -> str | None:
        return None if self.cpus and self.seconds > 0 else "the host's CPU times were not read"


def _cpus(number: int) -> str:
    return "1 CPU" if number == 1 else f"{number} CPUs"
