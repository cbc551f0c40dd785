"""Traces of the kernel's OOM killer: in containers' states, engine events, cgroup counters and the kernel log.

Each can lie in its own way, so all that can be read are. A state knows only the first process, and Docker 20.10 keeps
the mark for ever; events are forgotten within minutes; counters have no times; the kernel log is often forbidden.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from oncall.facts.containers import DockerEngine
from oncall.facts.oom import EngineEvent, OomKill, OomKills, Source
from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.containers.health_checks import since
from oncall.probes.containers.parts import undeclared
from oncall.probes.host.machine import Shell
from oncall.probing.register import probe
from oncall.runtimes.runtime import Container, Event, Project, Runtime, at_once
from oncall.target.schema import Limits, Stack
from oncall.target.views import services

log = logging.getLogger(__name__)

KERNEL = Pattern(r"\[\s*(\d{1,12}\.\d+)\].*oom-kill:.*?task_memcg=(\S+?),task=[^,]*,pid=(\d+)")
KILLED = 137
SLACK = timedelta(seconds=2)  # between the kernel's clock and the engine's
DMESG = """log=$(dmesg 2>&1) || { printf '%s' "$log" >&2; exit 1; }
printf '%s\\n' "$log" | grep oom-kill: | tail -n 50
cat /proc/uptime"""


class Case(Struct):
    """What the traces are matched with."""

    project: Project
    slugs: dict[str, str]
    now: datetime
    kills: list[OomKill] = field(default_factory=list)
    events: list[EngineEvent] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def kill(
        self,
        container: Container,
        source: Source,
        at: datetime | None,
        *,
        whole: bool = False,
        longest: float | None = None,
        count: int = 1,
    ) -> None:
        """Note a kill. A start by hand makes it history, the engine's own restarts do not: they are counted."""
        started = container.started_at
        slack = SLACK if source == "kernel log" else timedelta()
        superseded = bool(at and started and at < started - slack and not container.restarts)
        self.kills.append(
            OomKill(
                component=self.slugs.get(container.service, "docker"),
                service=container.service,
                name=container.name,
                id=container.short,
                source=source,
                whole=whole,
                age_seconds=since(at, self.now),
                longest_seconds=longest,
                down=whole and not container.running,
                superseded=superseded,
                count=count,
                at=at,
            )
        )


@probe(deadline=3.5, optional=("host_shell", "docker_engine"))
def oom_kills(
    stack: Stack,
    limits: Limits,
    runtime: Runtime,
    project: Project,
    docker_engine: DockerEngine | CouldNotCheck | NotPart,
    host_shell: Shell | CouldNotCheck | NotPart,
) -> OomKills:
    """Who was killed for lack of memory."""
    slugs = {service: component for component, service in services(stack).items()}
    slugs |= {one.service: name for name, found in undeclared(stack, project).items() for one in found if one.service}
    case = Case(project, slugs, datetime.now(UTC))
    _states(case)
    local = isinstance(docker_engine, DockerEngine) and docker_engine.local
    readers: list[tuple[Source, Callable[[], None]]] = [
        ("engine event", lambda: _events(case, runtime, limits)),
        ("cgroup counter", lambda: _counters(case, runtime)),
        ("kernel log", lambda: _kernel(case, host_shell, local or stack.host.at != "local")),
    ]
    for (name, _), read in zip(readers, at_once(lambda pair: pair[1](), readers, 2.8), strict=True):
        case.sources[name] = str(read) if isinstance(read, CouldNotCheck) else "read"
    log.info("traces of OOM kills: %s", ", ".join(f"{name} {said}" for name, said in case.sources.items()))
    proven = {kill.id for kill in case.kills}
    return OomKills(
        kills=tuple(_of_one_clock(case.kills)),
        unproven=tuple(
            f"{one.name} {one.short}"
            for one in project.containers
            if one.exit_code == KILLED and not one.running and one.short not in proven
        ),
        sources=case.sources,
        events=tuple(sorted(case.events, key=lambda event: event.at)[-200:]),
    )


def _of_one_clock(kills: list[OomKill]) -> Iterator[OomKill]:
    """The kills; what the engine's clock proves to be history is no news by the kernel's, which is not as exact."""
    history = [one for one in kills if one.superseded and one.source == "engine event" and one.at]
    for kill in kills:
        same = kill.source == "kernel log" and any(
            one.id == kill.id and one.at and kill.at and abs(one.at - kill.at) <= SLACK for one in history
        )
        yield replace(kill, superseded=True) if same else kill


def _states(case: Case) -> None:
    """The mark of a container; its last end is when, if that end can have been the kill."""
    case.sources["container state"] = "read" if case.project.containers else "the project has no containers"
    for one in case.project.containers:
        if one.oom_killed:
            whole = one.exit_code == KILLED if not one.running else one.restarts > 0
            at = one.finished_at if whole or one.running else None
            case.kill(one, "container state", at, whole=whole)


def _events(case: Case, runtime: Runtime, limits: Limits) -> None:
    found: dict[str, list[datetime]] = {}
    for event in runtime.events(case.now - timedelta(minutes=limits.recent_minutes)):
        if event.action == "oom":
            found.setdefault(event.container_id, []).append(event.at)
        if event.service in case.slugs and not event.one_off:
            case.events.append(_told(event, case.slugs[event.service]))
    for container_id, times in found.items():
        if one := case.project.by_id(container_id):
            case.kill(one, "engine event", max(times), count=len(times))


def _told(event: Event, component: str) -> EngineEvent:
    return EngineEvent(
        component=component,
        id=event.container_id[:12],
        action=event.action,
        at=event.at,
        exit_code=event.exit_code,
        signal=event.signal,
        image=event.image,
    )


def _counters(case: Case, runtime: Runtime) -> None:
    """Each running container's cgroup, which is as old as its last start."""
    running = [one for one in case.project.containers if one.running]
    read = at_once(runtime.kills, running, 2.0)
    reasons = [str(said) for said in read if isinstance(said, CouldNotCheck)]
    for one, said in zip(running, read, strict=True):
        if isinstance(said, int) and said:
            case.kill(one, "cgroup counter", None, longest=since(one.started_at, case.now), count=said)
    if reasons or not running:
        raise CouldNotCheck(reasons[0] if reasons else "no container runs")


def _kernel(case: Case, shell: Shell | CouldNotCheck | NotPart, same_machine: bool) -> None:
    """Lines of dmesg that name a container's cgroup; their times count from the machine's start."""
    if not isinstance(shell, Shell):
        raise CouldNotCheck(str(shell))
    mine = [one for one in case.project.containers if same_machine or one.kind != "container"]
    if not mine and case.project.containers:
        raise CouldNotCheck("the engine is on another machine: set host.at")
    ran = shell.script(DMESG)
    lines = ran.stdout.splitlines()
    if ran.rc or not lines:
        raise CouldNotCheck(f"dmesg: {ran.complaint}")
    up = float(lines[-1].split()[0])
    moments: dict[str, list[float]] = {}
    whole: set[str] = set()
    for line in lines:
        if (found := KERNEL.search(line)) and (one := _owner(mine, found[2], int(found[3]))):
            moments.setdefault(one.id, []).append(float(found[1]))
            whole |= {one.id} if one.kind != "container" and not one.running else set()
    for one in mine:
        if seconds := moments.get(one.id):
            at = case.now - timedelta(seconds=max(0.0, up - max(seconds)))
            case.kill(one, "kernel log", at, whole=one.id in whole, count=len(seconds))


def _owner(containers: list[Container], cgroup: str, process: int) -> Container | None:
    """Whose process was killed: the engine's id stands in the cgroup's path, a unit's own path ends it."""
    for one in containers:
        if one.kind == "container" and one.id in cgroup:
            return one
        if (one.cgroup.strip("/") and cgroup.endswith(one.cgroup)) or (
            one.kind == "process" and one.id == f"pid {process}"
        ):
            return one
    return None
