"""Plain processes of a host as a runtime: each known by its pid file, or as the owner of a port that it listens on.

A process is the component's, with all that descend from it. The kernel keeps neither exit codes nor restarts of
processes that are not ours, so an exit code is unknown, and a loop is seen only while one looks: a process that is
down, or has just been started, is watched for a moment.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct

from oncall.facts.containers import Status
from oncall.finding import CouldNotCheck, NotPart
from oncall.runtimes.cgroup_files import Counters, counters
from oncall.runtimes.deleted_logs import deleted_logs
from oncall.runtimes.host_files import DENIED, MISSING, HostFiles, Read, stopped
from oncall.runtimes.log_files import merged
from oncall.runtimes.open_files import open_files
from oncall.runtimes.procfs import (
    TICKS,
    Listener,
    Process,
    allowed_cpus,
    cgroups,
    environment,
    family,
    listeners,
    processes,
    soft_limits,
)
from oncall.runtimes.runtime import Container, Event, OpenFiles, Project, Sample

YOUNG = 20.0  # seconds: who has been up for longer is in no quick loop
WATCHED, LONGEST, PAUSE = 0.9, 2.0, 0.1  # seconds: without any change, with one, between two looks
REUSED = 10.0  # seconds after its pid file that the process of that number was started: it is another one
BYTES_A_LINE = 1024
MOST_BYTES = 1 << 20
NET = ("/proc/net/tcp", "/proc/net/tcp6")
OF_ONE = ("environ", "limits", "status", "cgroup")


class Wanted(Struct, frozen=True):
    """One process that the target names. name: the component's. log_files: patterns; setting: the key to set them."""

    name: str
    found_by: str
    pid_file: str = ""
    port: int = 0
    log_files: tuple[str, ...] = ()
    setting: str = ""


class _Found(Struct):
    """What one look saw of a wanted process. why: why there is none; asked: what its pid file says."""

    process: Process | None = None
    why: str = ""
    asked: int = 0


class _Table(Struct, frozen=True):
    """All processes at one moment. now, up: the machine's time, and seconds since its start."""

    processes: dict[int, Process]
    now: float
    up: float
    pid_files: dict[str, Read]
    owners: dict[int, int]
    sockets: tuple[Listener, ...]

    def started(self, one: Process) -> float:
        return self.now - self.up + one.born / TICKS


class HostProcesses:
    """The processes that the target names, on one machine."""

    name = "the host"

    def __init__(self, files: HostFiles, wanted: tuple[Wanted, ...]) -> None:
        self.files, self.wanted = files, {one.found_by: one for one in wanted}

    @property
    def local(self) -> bool:
        return self.files.local

    def containers(self, seconds: float = 2.5) -> Project:
        """One look at all; a few more where something is down or has just been started."""
        began = time.monotonic()
        table = self._table(seconds)
        found = {key: _found(one, table) for key, one in self.wanted.items()}
        starts = dict.fromkeys(found, 0)
        if any(_unsettled(one, table) for one in found.values()):
            starts = self._watch(found, began)
            table = self._table(seconds)
            found = {key: _found(one, table) for key, one in self.wanted.items()}
        members = {key: family(one.process.pid, table.processes) if one.process else () for key, one in found.items()}
        living = [one.process.pid for one in found.values() if one.process]
        read = self.files.read(*(f"/proc/{pid}/{name}" for pid in living for name in OF_ONE))
        everybody = [one.pid for each in members.values() for one in each[:200]]
        held = self.files.sockets(*everybody) if everybody else {}
        made = (self._container(key, found[key], members[key], table, starts[key], read, held) for key in self.wanted)
        return Project("the host", tuple(made))

    def _table(self, seconds: float) -> _Table:
        paths = [one.pid_file for one in self.wanted.values() if one.pid_file]
        read = self.files.read(*paths, *NET, seconds=seconds)
        sockets = tuple(socket for path in NET for socket in listeners(read[path].text))
        known = processes(self.files.processes(seconds))
        now, up = self.files.clock(seconds)
        ports = [one.port for one in self.wanted.values() if not one.pid_file]
        owners = self._owners(ports, sockets, seconds) if ports else {}
        return _Table(known, now, up, {path: read[path] for path in paths}, owners, sockets)

    def _owners(self, ports: list[int], sockets: tuple[Listener, ...], seconds: float) -> dict[int, int]:
        """Who listens on these ports, the first of a family that shares the socket; 0: somebody whom we cannot see."""
        wanted = {socket.inode: socket.port for socket in sockets if socket.port in ports}
        found: dict[int, int] = dict.fromkeys(wanted.values(), 0)
        if wanted:
            for pid, inodes in sorted(self.files.sockets(seconds=seconds).items()):
                for inode in inodes & wanted.keys():
                    found[wanted[inode]] = found[wanted[inode]] or pid
        return found

    def _watch(self, found: Mapping[str, _Found], began: float) -> dict[str, int]:
        """How often each of them was started while somebody looked; 0 also where it ended or was started only once."""
        seen = {key: [_identity(one)] for key, one in found.items()}
        while time.monotonic() - began < (LONGEST if any(len(each) > 1 for each in seen.values()) else WATCHED):
            time.sleep(PAUSE)
            table = self._table(1.0)
            for key, one in self.wanted.items():
                if (now := _identity(_found(one, table))) != seen[key][-1]:
                    seen[key].append(now)
        return {key: _loops(each) for key, each in seen.items()}

    def _container(
        self,
        key: str,
        found: _Found,
        members: tuple[Process, ...],
        table: _Table,
        starts: int,
        read: Mapping[str, Read],
        held: Mapping[int, set[str]],
    ) -> Container:
        wanted, process = self.wanted[key], found.process
        ports = {f"{wanted.port}/tcp": ()} if wanted.port else {}
        if process is None:
            return Container(
                id=f"pid {found.asked}" if found.asked else wanted.name,
                name=wanted.name,
                service=key,
                kind="process",
                status="restarting" if starts else "exited",
                error=found.why,
                restarts=starts,
                unreadable="it does not run",
                ports=ports,
            )
        told = {name: read[f"/proc/{process.pid}/{name}"] for name in OF_ONE}
        limits = soft_limits(told["limits"].text)
        own = self._own_cgroup(told["cgroup"].text, members)
        status: Status = "restarting" if starts else "paused" if process.stopped else "running"
        return Container(
            id=f"pid {process.pid}",
            name=wanted.name,
            service=key,
            kind="process",
            status=status,
            restarts=starts,
            started_at=datetime.fromtimestamp(table.started(process), UTC),
            process=process.pid,
            environment=environment(told["environ"].data),
            unreadable=told["environ"].problem,
            ports=ports | _ports(members, table, held),
            memory_limit=limits.get("Max address space", 0) or own.memory_limit,
            cpus=float(allowed_cpus(told["status"].text)) or None,
            pids_limit=own.pids_limit,
        )

    def _own_cgroup(self, text: str, members: tuple[Process, ...]) -> Counters:
        """The counters of its cgroup, unless it shares that with others: their limit is not its own."""
        paths = cgroups(text)
        if not any(path.strip("/") for path in paths.values()):
            return Counters()
        read = counters(self.files, paths)
        return read if read.members and read.members <= {one.pid for one in members} else Counters()

    def log(
        self, container: Container, *, lines: int, since: datetime | None = None, seconds: float = 2.5
    ) -> Iterator[bytes]:
        """The ends of its log files, in the order of their times."""
        wanted = self.wanted[container.service]
        gone = partial(self.deleted_logs, container)
        yield from log_of(self.files, wanted.name, wanted.log_files, wanted.setting, lines, since, seconds, gone)

    def stopped(self, container: Container, seconds: float = 0.5) -> bool:
        """As the kernel says of its first process."""
        return stopped(self.files, container.process, seconds)

    def deleted_logs(self, container: Container, seconds: float = 1.5) -> tuple[str, ...]:
        """By what the process, and all that descend from it, have open."""
        wanted, known = self.wanted[container.service], processes(self.files.processes(seconds))
        members = [one.pid for one in family(container.process, known)]
        return deleted_logs(self.files, wanted.name, members, wanted.log_files, seconds)

    def sample(self, container: Container, seconds: float = 2.0) -> Sample:
        """What it and its children use: of the memory that which its limit counts."""
        known = processes(self.files.processes(seconds))
        members = family(container.process, known)
        if not members:
            raise CouldNotCheck(f"{container.name} has just ended")
        told = self.files.read(*(f"/proc/{container.process}/{name}" for name in ("limits", "cgroup", "status")))
        limits = soft_limits(told[f"/proc/{container.process}/limits"].text)
        own = self._own_cgroup(told[f"/proc/{container.process}/cgroup"].text, members)
        now, _ = self.files.clock(seconds)
        memory = sum(one.resident for one in members)
        if limits.get("Max address space"):
            memory = max(one.address_space for one in members)
        elif own.memory_limit and own.memory is not None:
            memory = own.memory
        return Sample(
            at=now,
            memory=memory,
            memory_limit=container.memory_limit,
            cpu_seconds=sum(one.cpu_seconds for one in members),
            cpus=allowed_cpus(told[f"/proc/{container.process}/status"].text) or 1,
            periods=own.periods,
            throttled=own.throttled,
            pids=len(members),
            pids_limit=own.pids_limit,
        )

    def kills(self, container: Container, seconds: float = 1.5) -> int:
        """Of its own cgroup, where it has one."""
        members = family(container.process, processes(self.files.processes(seconds)))
        path = f"/proc/{container.process}/cgroup"
        own = self._own_cgroup(self.files.read(path)[path].text, members)
        if own.kills is None:
            raise CouldNotCheck(f"{container.name} has no cgroup of its own")
        return own.kills

    def open_files(self, container: Container, seconds: float = 1.5) -> tuple[OpenFiles, ...]:
        """Of it and all that descend from it."""
        return open_files(self.files, family(container.process, processes(self.files.processes(seconds))), seconds)

    def events(self, since: datetime, seconds: float = 2.0) -> tuple[Event, ...]:
        """The kernel keeps no account of processes."""
        raise CouldNotCheck("nobody keeps an account of plain processes")


def log_of(
    files: HostFiles,
    name: str,
    patterns: tuple[str, ...],
    setting: str,
    lines: int,
    since: datetime | None,
    seconds: float,
    deleted: Callable[[], tuple[str, ...]],
) -> Iterator[bytes]:
    """The ends of a component's log files; raises CouldNotCheck when none can be read.

    deleted: asks for those that it writes into and that are deleted, where none is left.
    """
    if not patterns:
        raise CouldNotCheck(f"no log file of {name} is named: set {setting}", setting=setting)
    found = files.ends(patterns, min(MOST_BYTES, lines * BYTES_A_LINE), seconds)
    readable = [one for one in found if not one.problem]
    denied = next((one for one in found if one.problem == DENIED), None)
    if denied and not readable:
        raise CouldNotCheck(f"the log of {name} cannot be read: {denied.path}: {denied.problem}")
    if not readable:
        with contextlib.suppress(NotPart):
            if gone := deleted():
                raise CouldNotCheck(f"the log file of {name} was deleted: {gone[0]}", root=f"log_files[{name}]")
        raise CouldNotCheck(f"no log file of {name} matches {', '.join(patterns)}: set {setting}", setting=setting)
    yield b"".join(merged(readable, lines, since))  # read as a whole, so handed on as one


def _ports(members: tuple[Process, ...], table: _Table, held: Mapping[int, set[str]]) -> dict[str, tuple[str, ...]]:
    """What they listen on. held: the inodes of each process's sockets."""
    inodes = {inode for one in members for inode in held.get(one.pid, ())}
    found: dict[str, tuple[str, ...]] = {}
    for socket in table.sockets:
        if socket.inode in inodes:
            name = f"{socket.port}/tcp"
            found[name] = (*found.get(name, ()), f"{socket.address}:{socket.port}")
    return found


def _found(wanted: Wanted, table: _Table) -> _Found:
    """The process that is wanted, if it lives."""
    if not wanted.pid_file:
        pid = table.owners.get(wanted.port)
        if pid is None:
            return _Found(why=f"no process listens on port {wanted.port}")
        if not pid or pid not in table.processes:
            raise CouldNotCheck(f"who listens on port {wanted.port} cannot be seen: run the checks as root or its user")
        return _alive(table, pid, "")
    file = table.pid_files[wanted.pid_file]
    if file.problem == MISSING:
        return _Found(why="there is no pid file")
    if file.problem:
        raise CouldNotCheck(f"the pid file {wanted.pid_file} cannot be read: {file.problem}")
    word = (file.text.split() or [""])[0]
    if not word.isdecimal() or len(word) > 9:
        return _Found(why="its pid file holds no number")
    found = _alive(table, int(word), "its pid file names a process that is gone")
    if found.process and table.started(found.process) > file.modified + REUSED:
        return _Found(why="its pid file names a process that is gone, and its number another one", asked=0)
    return found


def _alive(table: _Table, pid: int, gone: str) -> _Found:
    process = table.processes.get(pid)
    return _Found(process if process and process.lives else None, gone, pid)


def _identity(found: _Found) -> tuple[int, int] | None:
    return (found.process.pid, found.process.born) if found.process else None


def _loops(seen: list[tuple[int, int] | None]) -> int:
    """How many starts these identities, one after the other, are; none unless it has also ended meanwhile."""
    starts = sum(one is not None for one in seen[1:])
    ends = sum(one is not None for one in seen[:-1])
    return starts if ends else 0


def _unsettled(found: _Found, table: _Table) -> bool:
    return found.process is None or table.up - found.process.born / TICKS < YOUNG
