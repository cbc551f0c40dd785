"""What runs a stack's components, behind one small interface: the probes above it know no engine.

Docker Compose (compose.py), systemd units (systemd.py) and plain processes (processes.py) answer the same questions
about the same records; chosen.py joins those that a target names. What runs is a `Container` here, whatever its kind.
Whatever a method cannot find out it raises as CouldNotCheck, and it never takes longer than the seconds it is given.

    state, environment, mounts, networks, ports     project.of("backend") -> Containers; nobody is asked again
    logs                                            runtime.log(container, lines=200) -> pieces of bytes
    stats                                           runtime.sample(container) -> Sample
    open files                                      runtime.open_files(container) -> OpenFiles of each process
    OOM kills, restarts                             runtime.kills(container) -> a number; runtime.events(since)

What only containers have (networks, volumes, commands inside) is asked of a `ContainerRuntime`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from oncall.facts.containers import HealthStatus, Kind, Status
from oncall.finding import CouldNotCheck, NotPart
from oncall.probing.deadline import side_thread, wait_for
from oncall.probing.lag import stack_time
from oncall.runtimes.procfs import Listener

Item = TypeVar("Item")
Result = TypeVar("Result")


class Health(Struct, frozen=True, kw_only=True):
    """A health check's last results. status: "starting", "healthy" or "unhealthy".

    starting_seconds: how long it may be "starting" at most, by its own numbers.
    failing_since, since_within_seconds: when the first of the failures in a row ended, and how sure that is.
    """

    status: HealthStatus
    streak: int
    exit_code: int | None = None
    output: str = ""
    starting_seconds: float = 0.0
    failing_since: datetime | None = None
    since_within_seconds: float = 0.0


class Mount(Struct, frozen=True, kw_only=True):
    """One mount of a container. kind: "volume", "bind", "tmpfs"; name: the volume's, "" for others."""

    kind: str
    name: str
    source: str
    destination: str
    writable: bool
    driver: str = ""


class Attachment(Struct, frozen=True, kw_only=True):
    """A container's place on one network."""

    network_id: str
    address: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container as its engine describes it, or a systemd unit, or a process with its children.

    kind: what it is. service: what its runtime finds it by (see `Project.of`).
    status: "created", "running", "paused", "restarting", "removing", "exited" or "dead".
    exit_code: None when nobody knows it: of a process that is not ours the kernel does not keep it.
    started_at, finished_at: None when it never did.
    process: the first process's number on its machine; 0: there is none.
    environment: as the process gets it, secrets and all: never into a fact.
    unreadable: why the environment could not be read; empty: it was.
    networks: by name.
    extra_hosts: "name:address", as written into its hosts file.
    ports: "3001/tcp" -> the host's "0.0.0.0:3001", ...; () when it is not published.
    memory_limit, pids_limit: 0 when there is none. cpus: how many it may use, None when all.
    cgroup: its path below each hierarchy's root; empty: not known, or not its own.
    process_state: of the process that does its work, by the kernel's letter; "" when it cannot be read from here.
    """

    id: str
    name: str
    service: str
    status: Status
    kind: Kind = "container"
    number: str = ""
    image: str = ""
    error: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    restart_policy: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    process: int = 0
    health: Health | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    unreadable: str = ""
    mounts: tuple[Mount, ...] = ()
    networks: Mapping[str, Attachment] = field(default_factory=dict)
    network_mode: str = ""
    extra_hosts: tuple[str, ...] = ()
    ports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    memory_limit: int = 0
    cpus: float | None = None
    pids_limit: int = 0
    shared_memory: int = 0
    log_driver: str = ""
    log_options: Mapping[str, str] = field(default_factory=dict)
    terminal: bool = False
    config_hash: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    cgroup: str = ""
    process_state: str = ""

    @property
    def short(self) -> str:
        """The id as people quote it."""
        return self.id[:12]

    @property
    def running(self) -> bool:
        """Whether its processes run right now: paused and restarting ones do not."""
        return self.status == "running"


class Project(Struct, frozen=True):
    """All that runs of the stack, looked at once. others: the engine's other projects, when this one has none.

    missing: what could not be looked at, by what its runtime finds it by, and why.
    """

    name: str
    containers: tuple[Container, ...]
    others: tuple[str, ...] = ()
    missing: Mapping[str, CouldNotCheck | NotPart] = {}

    def of(self, service: str) -> tuple[Container, ...]:
        """The containers of a Compose service by their number, or the one unit or process of that name.

        Raises CouldNotCheck or NotPart where its runtime could not be asked.
        """
        if error := self.missing.get(service):
            raise error
        return tuple(one for one in self.containers if one.service == service)

    def by_id(self, container_id: str) -> Container | None:
        """The container with this id, or with one that starts so."""
        return next((one for one in self.containers if container_id and one.id.startswith(container_id)), None)


class Sample(Struct, frozen=True, kw_only=True):
    """What a container uses at one moment.

    at: seconds; only differences count. memory: bytes, page cache that can be dropped not counted.
    memory_limit, pids_limit: of its cgroup, 0 when there is none. cpu_seconds: used since its start.
    periods, throttled: of the CPU quota since its start.
    """

    at: float
    memory: int
    memory_limit: int
    cpu_seconds: float
    cpus: int
    periods: int
    throttled: int
    pids: int
    pids_limit: int


class Network(Struct, frozen=True, kw_only=True):
    """One network. project: "" when it belongs to none. subnets: "172.18.0.0/16", ..."""

    id: str
    name: str
    driver: str
    subnets: tuple[str, ...]
    internal: bool = False
    project: str = ""


class Volume(Struct, frozen=True, kw_only=True):
    """One volume. anonymous: nobody gave it a name. mountpoint: on the engine's machine. created_at: by its clock."""

    name: str
    driver: str
    mountpoint: str
    anonymous: bool
    options: Mapping[str, str]
    project: str = ""
    created_at: datetime | None = None


class Event(Struct, frozen=True, kw_only=True):
    """Something that the engine remembers; it forgets quickly. one_off: of a container that `run` has made."""

    action: str
    container_id: str
    service: str
    at: datetime
    image: str = ""
    exit_code: int | None = None
    signal: int | None = None
    one_off: bool = False


class Answered(Struct, frozen=True):
    """What a command inside a container said; output is both streams, cut at 64 KiB."""

    code: int
    output: str


class OpenFiles(Struct, frozen=True):
    """How many files a process has open, and how many it may; a limit of 0 is none."""

    process: int
    count: int
    limit: int


class Inside(Struct, frozen=True):
    """What runs first in a container, as its command line says, and which TCP sockets listen in its network."""

    command: str
    listeners: tuple[Listener, ...] = ()


class Runtime(Protocol):
    """The questions that probes ask of every runtime."""

    name: str

    @property
    def local(self) -> bool:
        """Whether all that it runs runs on this very machine."""

    def containers(self, seconds: float = 2.5) -> Project:
        """All that it runs of the stack, with all that one look tells."""

    def log(
        self, container: Container, *, lines: int, since: datetime | None = None, seconds: float = 2.5
    ) -> Iterator[bytes]:
        """The end of a container's log as pieces of bytes, standard output and error in the order written.

        Each line starts with its RFC 3339 time and a blank. Nothing is held back: close the iterator when you have
        read enough. Raises CouldNotCheck when the log cannot be read (its driver keeps none, for instance).
        """

    def sample(self, container: Container, seconds: float = 2.0) -> Sample:
        """What the container uses right now."""

    def stopped(self, container: Container, seconds: float = 0.5) -> bool:
        """Whether a signal has stopped its process at this moment; raises CouldNotCheck where that cannot be seen."""

    def deleted_logs(self, container: Container, seconds: float = 1.5) -> tuple[str, ...]:
        """The deleted files that its processes write their log into; raises NotPart where somebody else keeps it."""

    def kills(self, container: Container, seconds: float = 1.5) -> int:
        """How many of its processes the kernel has killed for lack of memory since its start, by its own cgroup."""

    def open_files(self, container: Container, seconds: float = 1.5) -> tuple[OpenFiles, ...]:
        """Of each of its processes; raises CouldNotCheck where none of them may be looked into."""

    def events(self, since: datetime, seconds: float = 2.0) -> tuple[Event, ...]:
        """What it remembers of the project's containers, each single health check left out."""


class ContainerRuntime(Runtime, Protocol):
    """What an engine of containers can be asked besides."""

    project: str
    may_exec: bool

    def networks(self, seconds: float = 2.0) -> tuple[Network, ...]:
        """All networks of the engine; `project` tells whose they are."""

    def network(self, network_id: str, seconds: float = 2.0) -> Network | None:
        """One network by its id, whomever it belongs to; None when it is not there."""

    def neighbours(self, network_ids: tuple[str, ...], seconds: float = 2.0) -> tuple[Container, ...]:
        """The running containers on these networks that are not of the project, or were made by `run`."""

    def volumes(self, seconds: float = 2.0) -> tuple[Volume, ...]:
        """All volumes of the engine; `project` tells whose they are."""

    def volume(self, name: str, seconds: float = 2.0) -> Volume | None:
        """One volume by its name, whomever it belongs to; None when it is not there."""

    def inside(self, container: Container, seconds: float = 2.0) -> Inside:
        """Who listens in a container's network; raises as `run` where only a command inside could tell."""

    def run(self, container: Container, *command: str, seconds: float = 2.0) -> Answered:
        """Run a small reading command inside; raises NotPart when docker.exec = false, CouldNotCheck when it hangs."""


def at_once(function: Callable[[Item], Result], items: Sequence[Item], seconds: float) -> list[Result | CouldNotCheck]:
    """The function of each item, all at the same time, in daemon threads that nobody waits for past the deadline."""
    results: dict[int, Result | CouldNotCheck] = {}

    def work(index: int, item: Item) -> None:
        try:
            results[index] = function(item)
        except CouldNotCheck as error:
            results[index] = error

    deadline = stack_time() + seconds
    wait_for([side_thread(work, *pair, name=f"at once {pair[0]}") for pair in enumerate(items)], deadline)
    late = CouldNotCheck(f"the container runtime did not answer within {seconds:g} s", manner="late")
    return [results.get(index, late) for index in range(len(items))]
