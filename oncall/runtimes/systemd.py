"""systemd as a runtime: units are asked for by `systemctl show`, one call for all of them, their logs by `journalctl`.

Both only read. Environment and listening ports are those of the unit's first process, as /proc tells them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct

from oncall.finding import CouldNotCheck, NotPart
from oncall.runtimes.cgroup_files import Counters, places, told
from oncall.runtimes.deleted_logs import deleted_logs
from oncall.runtimes.host_files import Commands, HostFiles, Read, Said, stopped
from oncall.runtimes.open_files import open_files
from oncall.runtimes.processes import log_of
from oncall.runtimes.procfs import allowed_cpus, environment, family, listeners, processes
from oncall.runtimes.runtime import Container, Event, OpenFiles, Project, Sample
from oncall.runtimes.systemd_records import PROPERTIES, USED, entries, event, logged, number, refused, tables, unit

SHOW = """names=$1; shift
date +%s.%N; cat /proc/uptime; echo
exec systemctl show --no-pager --property="$names" -- "$@" """
JOURNAL = """most=$1; unit=$2; shift 2
{ journalctl --unit="$unit" --output=json --all --no-pager "$@" \\
  --output-fields=MESSAGE,MESSAGE_ID,SYSLOG_IDENTIFIER,_PID,EXIT_CODE,EXIT_STATUS,INVOCATION_ID; } | tail -c "$most" """
MARK = "\001"
SAMPLE = """names=$1; unit=$2; shift 2
date +%s.%N; cat /proc/uptime; echo
systemctl show --no-pager --property="$names" -- "$unit"
for path; do printf '\\001%s\\n' "$path"; head -c 16384 -- "$path" 2>/dev/null; done
printf '\\001stats\\n'; cat /proc/[0-9]*/stat 2>/dev/null | head -c 4194304"""
MOST_BYTES = 4 << 20
OUTPUTS = ("StandardOutput", "StandardError")
FILE_OUTPUTS = ("file", "append", "truncate")  # systemd.exec(5); the rest goes to the journal or nowhere
MOST_EVENTS = 1000
NET = ("/proc/net/tcp", "/proc/net/tcp6")
MAY_READ = "put the user who runs the checks into the group systemd-journal"
STATUS = "/proc/1/status"
BLIND = ("not seeing messages", "insufficient permissions", "No journal files were found")


class Wanted(Struct, frozen=True):
    """A unit that the target names. log_files: of a program that writes its log into files of its own."""

    name: str
    unit: str
    log_files: tuple[str, ...] = ()
    setting: str = ""


class SystemdUnits:
    """The units that the target names, on one machine."""

    name = "systemd"

    def __init__(self, shell: Commands, files: HostFiles, wanted: tuple[Wanted, ...]) -> None:
        self.shell, self.files, self.wanted = shell, files, {one.unit: one for one in wanted}

    @property
    def local(self) -> bool:
        return self.files.local

    def containers(self, seconds: float = 2.5) -> Project:
        """All units in one call; those that run also with what /proc tells of their first process."""
        said = self._show(PROPERTIES, *self.wanted, seconds=seconds)
        clock, _, rest = said.stdout.partition("\n\n")
        words = clock.split()
        shown = list(tables(rest))
        if said.rc and not shown:
            raise refused((said.stderr.strip().splitlines() or [f"exit code {said.rc}"])[-1][:200])
        try:
            now, up = datetime.fromtimestamp(float(words[0].rstrip("N.")), UTC), float(words[1])
        except (IndexError, ValueError):
            raise CouldNotCheck("the host does not tell its time (/proc/uptime)") from None
        if len(shown) != len(self.wanted):
            raise refused("it told of another number of units than was asked for")
        found = (unit(one, asked, now, up) for asked, one in zip(self.wanted, shown, strict=True))
        return Project(self.name, tuple(self._with_proc([one for one in found if one])))

    def _show(self, properties: tuple[str, ...], *units: str, seconds: float) -> Said:
        return self.shell.script(SHOW, ",".join(properties), *units, seconds=seconds)

    def _with_proc(self, units: list[Container]) -> Iterator[Container]:
        """With environment, ports and whether a signal has stopped it."""
        running = [one for one in units if one.process]
        paths = [f"/proc/{one.process}/environ" for one in running]
        read = self.files.read(*paths, *NET) if running else {}
        sockets = [socket for path in NET for socket in listeners(read[path].text)] if running else []
        known = processes(self.files.processes()) if running else {}
        members = {one.process: [each.pid for each in family(one.process, known)] for one in running}
        everybody = [pid for pids in members.values() for pid in pids[:200]]
        held = self.files.sockets(*everybody) if everybody else {}
        for one in units:
            if not one.process:
                yield replace(one, unreadable="it does not run")
                continue
            inodes = {inode for pid in members[one.process] for inode in held.get(pid, ())}
            ports: dict[str, tuple[str, ...]] = {}
            for socket in sockets:
                if socket.inode in inodes:
                    name = f"{socket.port}/tcp"
                    ports[name] = (*ports.get(name, ()), f"{socket.address}:{socket.port}")
            environ = read[f"/proc/{one.process}/environ"]
            first = known.get(one.process)
            yield replace(
                one,
                status="paused" if first and first.stopped and one.status == "running" else one.status,
                environment=environment(environ.data),
                unreadable=environ.problem,
                ports=ports,
            )

    def log(
        self, container: Container, *, lines: int, since: datetime | None = None, seconds: float = 2.5
    ) -> Iterator[bytes]:
        """What the unit has written into the journal, or into its own files where the target names some."""
        wanted = self.wanted[container.service]
        if wanted.log_files:
            gone = partial(self.deleted_logs, container)
            yield from log_of(self.files, wanted.name, wanted.log_files, wanted.setting, lines, since, seconds, gone)
            return
        entries_of = self._journal(container.service, lines, since, seconds)
        yield b"".join(line for entry in entries_of for line in logged(entry))  # read as a whole, so handed on as one

    def _journal(self, name: str, lines: int, since: datetime | None, seconds: float) -> Iterator[Mapping[str, object]]:
        """The journal's newest entries of a unit; raises CouldNotCheck where we may not read them."""
        limits = [f"--lines={lines}", *([f"--since=@{since.timestamp():.6f}"] if since else [])]
        said = self.shell.script(JOURNAL, str(MOST_BYTES), name, *limits, seconds=seconds)
        complaint = " ".join(said.stderr.split())[:200]
        if any(words in said.stderr for words in BLIND) and not said.stdout.strip():
            raise CouldNotCheck(f"the journal of {name} may not be read: {MAY_READ}")
        if complaint and not said.stdout.strip():
            raise CouldNotCheck(f"the journal of {name} cannot be read: {complaint}")
        yield from entries(said.stdout)

    def stopped(self, container: Container, seconds: float = 0.5) -> bool:
        """As the kernel says of its first process."""
        return stopped(self.files, container.process, seconds)

    def deleted_logs(self, container: Container, seconds: float = 1.5) -> tuple[str, ...]:
        """Of a unit that writes files of its own, by what its processes have open; the journal's are not the unit's."""
        wanted = self.wanted[container.service]
        if not wanted.log_files and not self._writes_files(container.service, seconds):
            raise NotPart(f"the journal keeps the log of {wanted.name}")
        known = processes(self.files.processes(seconds))
        members = [one.pid for one in family(container.process, known)]
        return deleted_logs(self.files, wanted.name, members, wanted.log_files, seconds)

    def _writes_files(self, name: str, seconds: float) -> bool:
        """Whether systemd has opened a file for its output ("append:/var/log/app.log")."""
        shown = next(tables(self._show(OUTPUTS, name, seconds=seconds).stdout.partition("\n\n")[2]), {})
        return any(value.partition(":")[0] in FILE_OUTPUTS for value in shown.values())

    def sample(self, container: Container, seconds: float = 2.0) -> Sample:
        """From the unit's cgroup: systemd's own account of it, memory without the cache that can be dropped.

        One command, because a far host takes its time for each.
        """
        files = sorted(_files(container.cgroup))
        said = self.shell.script(SAMPLE, ",".join(USED), container.service, *files, seconds=seconds).stdout
        shown, *rest = said.split(MARK, len(files) + 1)
        clock, _, properties = shown.partition("\n\n")
        account, at = next(tables(properties), {}), clock.split()
        read = dict(part.partition("\n")[::2] for part in rest)
        used, cpus = _counters({path: Read(path, text.encode()) for path, text in read.items()}, container.cgroup)
        memory = used.memory if used.memory is not None else number(account.get("MemoryCurrent"))
        cpu = _cpu(account, container.process, read.get("stats", ""))
        if not memory or cpu is None or not at:
            raise CouldNotCheck(f"systemd has no account of what {container.name} uses: set MemoryAccounting=yes")
        return Sample(
            at=float(at[0].rstrip("N.")),
            memory=memory,
            memory_limit=container.memory_limit,
            cpu_seconds=cpu,
            cpus=cpus,
            periods=used.periods,
            throttled=used.throttled,
            pids=number(account.get("TasksCurrent")) or used.pids or 1,
            pids_limit=container.pids_limit,
        )

    def kills(self, container: Container, seconds: float = 1.5) -> int:
        """By the counter of its cgroup, which is as old as its last start."""
        read = self.files.read(*_files(container.cgroup), most=16 * 1024, seconds=seconds)
        found, _ = _counters(read, container.cgroup)
        if found.kills is None:
            raise CouldNotCheck(f"the cgroup of {container.name} has no counter of kills")
        return found.kills

    def open_files(self, container: Container, seconds: float = 1.5) -> tuple[OpenFiles, ...]:
        """Of it and all that descend from it."""
        return open_files(self.files, family(container.process, processes(self.files.processes(seconds))), seconds)

    def events(self, since: datetime, seconds: float = 2.0) -> tuple[Event, ...]:
        """What systemd has written about the units: starts, ends, kills for lack of memory."""
        found = []
        for name in self.wanted:
            read = self._journal(name, MOST_EVENTS, since, seconds)
            found += [told for entry in read if (told := event(entry, name))]
        return tuple(sorted(found, key=lambda one: one.at))


def _files(path: str) -> set[str]:
    """What tells of a cgroup, of version 1, where the path is the same in each hierarchy, and of version 2."""
    return {*places(_old(path)).values(), *places({"": path}).values(), STATUS}


def _old(path: str) -> dict[str, str]:
    return {"memory": path, "pids": path, "cpu": path}


def _counters(read: Mapping[str, Read], path: str) -> tuple[Counters, int]:
    """The counters, and how many CPUs there are."""
    old = places(_old(path))
    names = old if read.get(old["memory.stat"], Read("")).data else places({"": path})
    found = told({name: read[place] for name, place in names.items() if place in read}) if path else Counters()
    return found, allowed_cpus(read[STATUS].text if STATUS in read else "") or 1


def _cpu(account: Mapping[str, str], process: int, stats: str) -> float | None:
    """The unit's CPU time; of its processes where CPUAccounting is off."""
    if account.get("CPUUsageNSec", "").isdecimal() and number(account["CPUUsageNSec"]) < 2**62:
        return number(account["CPUUsageNSec"]) / 1e9
    members = family(process, processes(stats))
    return sum(one.cpu_seconds for one in members) if members else None
