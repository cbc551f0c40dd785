"""How busy the host is: CPU times, load, pressure stall information, and who uses most of it.

A short look first: one script, three samples. Only a host that looks busy then is watched for longer, because a burst
is no problem, and only then its processes are read. One round trip each, because ssh is slow.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from oncall.facts.host_pressure import HostPressure, ProcessGroup, Stall
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.host.machine import Shell
from oncall.probing.register import client, probe
from oncall.runtimes.runtime import Project
from oncall.target.schema import Limits, Stack
from oncall.target.views import services

log = logging.getLogger(__name__)

PROC = "/proc"
SECONDS = 4.0  # for one script: on a host that is overloaded, each of its commands waits for a CPU
SHORT, LONG = (3, 0.25), (6, 0.3)  # samples, and the pause between two of them
MOST_BYTES = 1_000_000  # of the processes' table: about 4000 processes
MOST_GROUPS = 5  # of each kind
BUSY_PERCENT = 1.0  # of one CPU: a process that does something
MOST_ASKED = 24  # processes whose container is asked for

# A process's name has at most 15 bytes of anything, so no line of a table can be one of these marks.
FIRST, LAST, SAMPLE = "-- first table of processes --", "-- last table of processes --", "-- sample of the counters --"

SAMPLES = f"""cd "$1" || exit
table() {{ echo; echo "$2"; cat [0-9]*/stat 2>/dev/null | head -c "$1"; echo; }}
echo "cpus:$(grep -c '^cpu[0-9]' stat)"; echo "page:$(getconf PAGESIZE 2>/dev/null)"
[ "$4" = 0 ] || table "$4" '{FIRST}'
number=0
while :; do
  echo '{SAMPLE}'
  grep -sE '^([0-9]|some|full|cpu |procs_|allocstall|pgscan_kswapd)' uptime loadavg stat vmstat \\
    pressure/cpu pressure/memory pressure/io
  number=$((number + 1)); [ "$number" -lt "$2" ] || break
  sleep "$3"
done
[ "$4" = 0 ] || table "$4" '{LAST}'"""

CGROUPS = """cd "$1" || exit; shift
for pid; do echo "pid:$pid"; head -c 2000 "$pid/cgroup" 2>/dev/null; done"""

# /proc/PID/stat: "PID (name) state ..."; a name may hold anything, blanks and brackets too
PROCESS = Pattern(r"^(\d{1,10}) \((.{0,64})\) ([A-Za-z]) (-?\d[-\d ]*)$")
CONTAINER = Pattern(r"[0-9a-f]{64}")
NAMED = ("uptime", "loadavg", "stat", "vmstat", "pressure/cpu", "pressure/memory", "pressure/io")


class Sample(Struct, frozen=True, kw_only=True):
    """The counters of one moment.

    at: seconds of uptime. ticks: of all CPUs: user, nice, system, idle, iowait, irq, softirq, steal.
    stalls: by resource and "some" or "full": avg10, avg60, and the seconds in all.
    reclaimed: how often the kernel searched the host for memory to free.
    """

    at: float
    load: tuple[float, float, float]
    ticks: tuple[int, ...]
    runnable: int
    waiting: int
    stalls: Mapping[tuple[str, str], tuple[float, float, float]]
    reclaimed: int


class Process(Struct, frozen=True, kw_only=True):
    """One process in a table. ticks: of CPU since it began. pages: resident."""

    pid: int
    name: str
    waits: bool
    began: int
    ticks: int
    pages: int


class Used(Struct, frozen=True, kw_only=True):
    """What one process used within the window."""

    pid: int
    name: str
    waits: bool
    cpu_percent: float
    memory_mib: float
    container: str = ""


class Activity(Struct, frozen=True, kw_only=True):
    """What a watch brought. used: the processes that matter, on a busy host; container: the long id."""

    fact: HostPressure
    used: tuple[Used, ...] = ()


class _Read(Struct, kw_only=True):
    """A script's output, taken apart."""

    cpus: int = 0
    page: int = 4096
    samples: list[Sample] = field(default_factory=list)
    processes: dict[str, dict[int, Process]] = field(default_factory=dict)


@client(deadline=8.0)
def host_activity(limits: Limits, host_shell: Shell) -> Activity:
    """The host's load and pressure; of a busy one, who makes it so."""
    read = _read(host_shell, *SHORT, 0)
    fact = _fact(read.cpus, read.samples)
    if not _busy(fact, limits):
        return Activity(fact=fact)
    try:
        longer = _read(host_shell, *LONG, MOST_BYTES)
        both = _fact(read.cpus, read.samples, longer.samples)
    except CouldNotCheck as hindered:
        log.info("the longer watch did not succeed: %s", hindered)
        return Activity(fact=fact)
    used = _used(longer)
    return Activity(fact=both, used=_with_containers(used, host_shell))


@probe(optional=("project",))
def host_pressure(stack: Stack, host_activity: Activity, project: Project | CouldNotCheck | NotPart) -> HostPressure:
    """The host's CPU use, load and pressure, and the names of its busiest processes."""
    known: dict[str, tuple[str, str]] = {}
    if isinstance(project, Project):
        components = {service: component for component, service in services(stack).items()}
        known = {one.id: (one.name, components.get(one.service, "")) for one in project.containers}
    fact = replace(host_activity.fact, busiest=tuple(_groups(host_activity.used, known)))
    stall = f"CPU pressure {fact.cpu.some:.0f} %" if fact.cpu else "no pressure told by this kernel"
    log.info("load %.1f on %d CPUs, %.0f runnable, %.0f %% in use, %s", *_logged(fact), stall)
    return fact


def _logged(fact: HostPressure) -> tuple[float, int, float, float]:
    return fact.load1, fact.cpus, fact.runnable, fact.cpu_percent


def _busy(fact: HostPressure, limits: Limits) -> bool:
    return (
        fact.saturated(
            per_cpu=limits.host_runnable_per_cpu,
            used_percent=limits.host_cpu_percent,
            pressure_percent=limits.host_cpu_pressure_percent,
        )
        or fact.steal_percent >= limits.host_steal_percent
        or fact.memory_stalled_percent >= limits.host_memory_pressure_percent
        or fact.io_stalled_percent(limits.host_io_waiting) >= limits.host_io_pressure_percent
    )


# What a script said.


def _read(shell: Shell, samples: int, pause: float, table_bytes: int) -> _Read:
    """Run the script and take its output apart; raises CouldNotCheck when the counters are not there."""
    ran = shell.script(SAMPLES, PROC, str(samples), f"{pause:g}", str(table_bytes), seconds=SECONDS)
    read = _Read()
    counters: dict[str, list[str]] = {}
    table: dict[int, Process] | None = None
    for line in ran.stdout.split("\n"):
        if line in (FIRST, LAST):
            table = read.processes.setdefault(line, {})
        elif line == SAMPLE:
            read.samples += _sample(counters)
            counters, table = {}, None
        elif table is not None:
            if (found := _process(line)) and found.pid not in table:
                table[found.pid] = found
        else:
            name, _, rest = line.partition(":")
            if name == "cpus":
                read.cpus = int(rest) if rest.isdigit() else 0
            elif name == "page":
                read.page = int(rest) if rest.isdigit() else read.page
            elif name in NAMED:
                counters.setdefault(name, []).append(rest)
    read.samples += _sample(counters)
    if not read.cpus or len(read.samples) < 2:
        said = ran.complaint if ran.stderr.strip() else "no counters there"
        raise CouldNotCheck(f"/proc/stat of {shell.at} does not tell its CPU times: {said}")
    return read


def _sample(lines: Mapping[str, list[str]]) -> Iterator[Sample]:
    """One sample, or none where a counter that everything needs is missing."""
    try:
        stat = {line.partition(" ")[0]: line.split()[1:] for line in lines["stat"]}
        load = lines["loadavg"][0].split()
        events = dict(line.split()[:2] for line in lines.get("vmstat", ()))
        yield Sample(
            at=float(lines["uptime"][0].split()[0]),
            load=(float(load[0]), float(load[1]), float(load[2])),
            ticks=tuple(int(word) for word in stat["cpu"][:8]),
            runnable=max(0, int(stat["procs_running"][0]) - 1),  # not the one that reads this
            waiting=int(stat["procs_blocked"][0]),
            stalls=dict(_stalls(lines)),
            reclaimed=sum(map(int, events.values())),
        )
    except (KeyError, IndexError, ValueError):
        return


def _stalls(lines: Mapping[str, list[str]]) -> Iterator[tuple[tuple[str, str], tuple[float, float, float]]]:
    for resource in ("cpu", "memory", "io"):
        for line in lines.get(f"pressure/{resource}", ()):
            kind, *words = line.split()
            values = dict(word.split("=", 1) for word in words)
            yield (resource, kind), (float(values["avg10"]), float(values["avg60"]), int(values["total"]) / 1e6)


def _process(line: str) -> Process | None:
    found = PROCESS.match(line[:1000])
    if found is None:
        return None
    words = found[4].split()  # from the 4th of proc(5)'s fields on
    if len(words) < 21:
        return None
    return Process(
        pid=int(found[1]),
        name=found[2],
        waits=found[3] == "D",
        began=int(words[18]),
        ticks=int(words[10]) + int(words[11]),
        pages=max(0, int(words[20])),
    )


# From counters to a fact.


def _fact(cpus: int, *watches: list[Sample]) -> HostPressure:
    """The lowest of all intervals; the averages of the last sample."""
    pairs = [pair for samples in watches for pair in pairwise(samples) if pair[1].at > pair[0].at]
    if not pairs:
        raise CouldNotCheck("the host's clock of uptime did not advance between two samples")
    last = pairs[-1][1]
    shares = [_shares(*pair) for pair in pairs]
    return HostPressure(
        source="PSI" if ("cpu", "some") in last.stalls else "load",
        cpus=cpus,
        load1=last.load[0],
        load5=last.load[1],
        load15=last.load[2],
        seconds=round(sum(after.at - before.at for before, after in pairs), 2),
        runnable=_lowest(pairs, lambda one: one.runnable),
        waiting=_lowest(pairs, lambda one: one.waiting),
        cpu_percent=round(min(one["used"] for one in shares), 1),
        iowait_percent=round(min(one["iowait"] for one in shares), 1),
        steal_percent=round(min(one["steal"] for one in shares), 1),
        cpu=_stall("cpu", pairs),
        memory=_stall("memory", pairs),
        io=_stall("io", pairs),
        reclaiming=last.reclaimed > pairs[0][0].reclaimed,
    )


def _lowest(pairs: Iterable[tuple[Sample, Sample]], number: Callable[[Sample], int]) -> float:
    return min((number(before) + number(after)) / 2 for before, after in pairs)


def _shares(before: Sample, after: Sample) -> dict[str, float]:
    """Percent of all CPUs' time in between."""
    spent = [max(0, late - early) for early, late in zip(before.ticks, after.ticks, strict=False)]
    total = sum(spent) or 1
    idle, iowait, steal = (*spent[3:5], *spent[7:8], 0, 0, 0)[:3]
    return {
        "used": 100.0 * (total - idle - iowait) / total,
        "iowait": 100.0 * iowait / total,
        "steal": 100.0 * steal / total,
    }


def _stall(resource: Literal["cpu", "memory", "io"], pairs: list[tuple[Sample, Sample]]) -> Stall | None:
    last = pairs[-1][1].stalls
    if (resource, "some") not in last:
        return None
    now: dict[str, float] = {}
    for kind in ("some", "full"):
        key = (resource, kind)
        told = [pair for pair in pairs if key in pair[0].stalls and key in pair[1].stalls]
        shares = [100.0 * (late.stalls[key][2] - early.stalls[key][2]) / (late.at - early.at) for early, late in told]
        now[kind] = round(min(100.0, max(0.0, min(shares, default=0.0))), 1)
    some, full = last[resource, "some"], last.get((resource, "full"), (0.0, 0.0, 0.0))
    return Stall(
        some_avg10=some[0],
        some_avg60=some[1],
        some_now=now["some"],
        full_avg10=full[0],
        full_avg60=full[1],
        full_now=now["full"],
    )


# Who uses it.


def _used(read: _Read) -> list[Used]:
    """Each process of the last table, with what it used since the first one."""
    first, last = read.processes.get(FIRST, {}), read.processes.get(LAST, {})
    begin, end = read.samples[0], read.samples[-1]
    ticks = sum(end.ticks) - sum(begin.ticks)  # of all CPUs within the window
    used = []
    for pid, process in last.items():
        earlier = first.get(pid)
        spent = process.ticks - (earlier.ticks if earlier and earlier.began == process.began else 0)
        used.append(
            Used(
                pid=pid,
                name=process.name,
                waits=process.waits,
                cpu_percent=round(min(100.0, max(0, spent) / ticks) * 100.0 * read.cpus, 1) if ticks > 0 else 0.0,
                memory_mib=process.pages * read.page / 2**20,
            )
        )
    return used


def _with_containers(used: list[Used], shell: Shell) -> tuple[Used, ...]:
    """All processes; of those that use most, with the container that they are in."""
    ranked = sorted(used, key=lambda one: (one.waits, one.cpu_percent), reverse=True)[: MOST_ASKED - 8]
    ranked += sorted(used, key=lambda one: one.memory_mib, reverse=True)[:8]
    pids = list(dict.fromkeys(one.pid for one in ranked))
    if not pids:
        return tuple(used)
    try:
        said = shell.script(CGROUPS, PROC, *map(str, pids), seconds=SECONDS).stdout
    except CouldNotCheck:
        return tuple(used)
    container: dict[int, str] = {}
    pid = 0
    for line in said.split("\n"):
        name, _, rest = line.partition(":")
        if name == "pid" and rest.isdigit():
            pid = int(rest)
        elif found := CONTAINER.search(line[:1000]):
            container.setdefault(pid, found[0])
    return tuple(replace(one, container=container.get(one.pid, "")) for one in used)


def _groups(used: Iterable[Used], known: Mapping[str, tuple[str, str]]) -> Iterator[ProcessGroup]:
    """Processes of one name and one container together; of each kind of use the first few.

    known: by the container's long id, its name and the component that runs in it.
    """
    together: dict[tuple[str, str], list[Used]] = {}
    for one in used:
        together.setdefault((one.name, one.container), []).append(one)
    groups: list[ProcessGroup] = []
    for (name, container), each in together.items():
        other = (f"container {container[:12]}", "") if container else ("", "")
        where, component = known.get(container, other)
        groups.append(
            ProcessGroup(
                name=name,
                container=where,
                component=component,
                processes=len(each),
                busy=sum(one.cpu_percent >= BUSY_PERCENT for one in each),
                waiting=sum(one.waits for one in each),
                cpu_percent=round(sum(one.cpu_percent for one in each), 1),
                memory_mib=round(sum(one.memory_mib for one in each), 1),
            )
        )
    amounts: tuple[Callable[[ProcessGroup], float], ...]
    amounts = (lambda one: one.cpu_percent, lambda one: one.waiting, lambda one: one.memory_mib)
    kept: dict[tuple[str, str], ProcessGroup] = {}
    for amount in amounts:
        most = sorted(groups, key=amount, reverse=True)[:MOST_GROUPS]
        kept |= {(group.name, group.container): group for group in most if amount(group)}
    yield from kept.values()
