"""The containers' logs: the newest lines of each, bounded whatever is written, and what they mean.

Each container's log is read once in a run, by whoever asks first. Where its newest lines are all recent, more of that
time is read, and of it what tells more than that a request was answered: no traffic, ours neither, pushes the words of
a fault out. Of the stream only the newest 256 KiB are kept, and of a long line its two ends, so neither a gigabyte of
log nor a line of ten megabytes is ever in memory.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from oncall.facts.backend import HealthAnswer
from oncall.facts.containers import DockerEngine
from oncall.facts.logs import AuthenticationLog, ContainerLog, ErrorKind, SocketLog
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.containers.parts import declared, undeclared
from oncall.probes.containers.secrets import learn_environments
from oncall.probes.host.clocks import backend_clock
from oncall.probes.http import client as http
from oncall.probes.logs.accusations import Places
from oncall.probes.logs.counting import bursts
from oncall.probes.logs.database_lines import our_statements_marked
from oncall.probes.logs.judging import Written, signs
from oncall.probes.logs.lines import Line, Newest, parsed, stamp
from oncall.probes.logs.own_lines import UNKNOWN, Clock
from oncall.probes.logs.signatures import AUTHENTICATION, SOCKET, Counted
from oncall.probing.ledger import Ledger
from oncall.probing.register import client, probe
from oncall.runtimes.chosen import made_of
from oncall.runtimes.runtime import Container, Project, Runtime, at_once
from oncall.target.kinds import kind_of
from oncall.target.schema import Limits, Stack
from oncall.target.secrets import Secrets
from oncall.target.views import behind_role, parts, services

log = logging.getLogger(__name__)
Missing = CouldNotCheck | NotPart
OPEN_BEFORE = timedelta(minutes=2)  # a socket that is held open was opened before; a late line is of an older request

KEPT = 256 * 1024  # of each container's log, the newest
MOST = 8 * 1024 * 1024  # goes by before fewer lines are asked for
RECENT_LINES = 5000  # of the recent ones, that is: in some 25 kB/s of log
SECONDS = 2.2  # for all logs of a service
LOOPING_MINUTES = 10  # a container up for less than this, and restarted often, is in a crash loop


class LogReader:
    """Reads a service's logs, each once, and remembers them."""

    def __init__(self, stack: Stack, limits: Limits, runtime: Runtime, project: Project) -> None:
        self.stack, self.limits, self._runtime, self.project = stack, limits, runtime, project
        self.parts = undeclared(stack, project) | declared(stack, project)
        self.places = Places(stack, self.parts)
        self._read: dict[str, tuple[Written, ...] | CouldNotCheck] = {}
        self._locks = {component: threading.Lock() for component in self.parts}

    def containers(self, component: str) -> tuple[Container, ...]:
        """A component's containers; raises CouldNotCheck when there is none, NotPart when it is not in the target."""
        if component not in self.parts:
            raise Declared(f"says that there is no {component}")
        found = self.parts[component]
        if not found and component in services(self.stack):
            found = self.project.of(services(self.stack)[component])  # raises where nobody could look
        if not found:
            kind = made_of(parts(self.stack)[component])
            raise CouldNotCheck(f"{component} has no {kind}", root=f"service_containers.running[{component}]")
        return found

    def of(self, component: str) -> tuple[Written, ...]:
        """The newest lines of each of a component's containers; raises CouldNotCheck when one cannot be read."""
        containers = self.containers(component)
        with self._locks[component]:
            if component not in self._read:
                try:
                    self._read[component] = self._all(containers)
                except CouldNotCheck as error:
                    self._read[component] = error
        found = self._read[component]
        if isinstance(found, CouldNotCheck):
            raise CouldNotCheck(str(found), root=found.root, setting=found.setting)
        return found

    def anew(self, component: str, since: datetime) -> tuple[Written, ...]:
        """What each of a component's containers has written since then, until now; ordinary traffic left out.

        Raises CouldNotCheck when one cannot be read.
        """
        until = time.monotonic() + SECONDS
        found = at_once(lambda one: self._since(one, since, until), self.containers(component), SECONDS + 0.3)
        return _whole(found)

    def role(self, component: str) -> str:
        """What signatures call a component."""
        part = parts(self.stack).get(component)
        return kind_of(part).role or component if part else component

    def _all(self, containers: tuple[Container, ...]) -> tuple[Written, ...]:
        until = time.monotonic() + SECONDS
        return _whole(at_once(lambda one: self._one(one, until), containers, SECONDS + 0.3))

    def _since(self, container: Container, since: datetime, until: float) -> Written:
        tail = read_tail(self._runtime, container, self.limits.log_lines, until, since)
        return Written(lines=our_statements_marked([*parsed(tail.lines())]), started_at=this_life(container))

    def _one(self, container: Container, until: float) -> Written:
        tail = read_tail(self._runtime, container, self.limits.log_lines, until)
        raw = tail.lines()[-self.limits.log_lines :]
        recent = datetime.now(UTC) - timedelta(minutes=self.limits.recent_minutes)
        oldest = stamp(raw[0])[0] if raw else None
        if tail.count >= self.limits.log_lines and oldest and oldest > recent:
            raw = [*self._told(container, recent, oldest, until), *raw]
        lines = our_statements_marked([*parsed(raw)])
        log.info("%s: %d lines of %d bytes%s", container.name, len(lines), tail.seen, ", cut" if tail.cut else "")
        return Written(
            lines=lines,
            started_at=this_life(container),
            looping=self._looping(container),
            bytes=tail.seen,
            cut=tail.cut,
        )

    def _told(self, container: Container, since: datetime, before: datetime, until: float) -> list[bytes]:
        """The lines of that time that tell more than that a request was answered; none when they take too long."""
        try:
            lines = read_tail(self._runtime, container, RECENT_LINES, until, since).lines()
        except CouldNotCheck as error:
            log.info("%s: only its newest lines: %s", container.name, error)
            return []
        return [line for line in lines if (at := stamp(line)[0]) and at < before]

    def _looping(self, container: Container) -> bool:
        if container.status != "running":
            return True
        young = container.started_at and datetime.now(UTC) - container.started_at < timedelta(minutes=LOOPING_MINUTES)
        return bool(young) and container.restarts >= self.limits.restarts

    def up_since(self) -> dict[str, datetime]:
        """When each component's oldest running container started."""
        found = {}
        for component, containers in self.parts.items():
            starts = [one.started_at for one in containers if one.running and one.started_at]
            if starts:
                found[component] = min(starts)
        return found


def _whole(found: Iterable[Written | CouldNotCheck]) -> tuple[Written, ...]:
    """All of them; raises what stood in the way of one."""
    logs: list[Written] = []
    for one in found:
        if isinstance(one, CouldNotCheck):
            raise one
        logs.append(one)
    return tuple(logs)


def this_life(container: Container) -> datetime | None:
    """Lines from before this moment were written before the container's last start.

    The engine notes a start when the program may have spoken already, so it is a little earlier than started_at.
    """
    started, ended = container.started_at, container.finished_at
    if started is None:
        return None
    early = started - timedelta(seconds=0.5)
    return max(early, ended + (started - ended) / 2) if ended and ended < started else early


def read_tail(
    runtime: Runtime, container: Container, lines: int, until: float, since: datetime | None = None
) -> Newest:
    """The newest bytes of the newest lines; of fewer lines when so many are too long to let them all go by.

    since: of the lines since then those that tell more than that a request was answered.
    """
    wanted = lines
    while True:
        seconds = until - time.monotonic()
        if seconds < 0.1:
            raise CouldNotCheck(f"the log of {container.name} could not be read in time")
        tail, problem = Newest(KEPT, telling=since is not None), None
        pause = time.monotonic() + (seconds / 2 if wanted > 1 else seconds)
        pieces = runtime.log(container, lines=wanted, since=since, seconds=seconds)
        try:
            whole = _drain(pieces, tail, pause)
        except CouldNotCheck as error:
            if "does not support reading" in str(error):
                driver = container.log_driver
                raise CouldNotCheck(
                    f"the log driver {driver} of {container.name} does not support reading logs"
                ) from None
            if not tail.seen:
                raise
            whole, problem = False, error
        finally:
            if close := getattr(pieces, "close", None):
                close()
        if whole:
            return tail
        if wanted == 1:
            if problem:
                raise problem
            return tail  # the newest line alone is longer than we read
        wanted = max(1, wanted // 10)


def _drain(pieces: Iterator[bytes], tail: Newest, until: float) -> bool:
    """Let the pieces go by; whether the end was reached. The first one counts however late it comes."""
    for piece in pieces:
        if tail.seen and (tail.seen > MOST or time.monotonic() > until):
            return False
        tail.take(piece)
    return True


@client()
def log_reader(stack: Stack, limits: Limits, secrets: Secrets, runtime: Runtime, project: Project) -> LogReader:
    """What reads the containers' logs, each once."""
    learn_environments(project, secrets)
    return LogReader(stack, limits, runtime, project)


@probe()
def container_log(service: str, stack: Stack, log_reader: LogReader, limits: Limits) -> ContainerLog:
    """Known signatures in the newest lines of a service's containers."""
    return log_of(service, log_reader, limits, stack)


def log_of(component: str, log_reader: LogReader, limits: Limits, stack: Stack | None = None) -> ContainerLog:
    """What the newest lines of a component's containers say; raises CouldNotCheck when they cannot be read.

    stack: as the component sees it; None: as the first of each kind does.
    """
    written = log_reader.of(component)
    counting, past = signs(
        component,
        written,
        now=datetime.now(UTC),
        recent=timedelta(minutes=limits.recent_minutes),
        up_since=log_reader.up_since(),
        blame=log_reader.places.blame,
        unnamed=log_reader.places.unnamed,
        role=log_reader.role(component),
        named=partial(behind_role, stack or log_reader.stack),
        own_role=_own_role(log_reader.stack, component),
    )
    return ContainerLog(
        service=component,
        containers=len(written),
        lines_read=sum(len(one.lines) for one in written),
        bytes_read=sum(one.bytes for one in written),
        cut=any(one.cut for one in written),
        started_at=max((one.started_at for one in written if one.started_at), default=None),
        signs=counting,
        past=past,
    )


def _own_role(stack: Stack, component: str) -> str:
    """As whom this suite logs in to that component, where it is a database."""
    return str(getattr(parts(stack).get(component), "user", "") or "")


@client(optional=("docker_engine", "backend_health"))
def log_clock(docker_engine: DockerEngine | Missing, backend_health: HealthAnswer | Missing) -> Clock:
    """The clock of the times in the containers' logs against ours."""
    if isinstance(docker_engine, DockerEngine) and docker_engine.ahead_seconds is not None:
        return Clock(docker_engine.ahead_seconds, docker_engine.uncertain_seconds)
    told = backend_clock(backend_health) if isinstance(backend_health, HealthAnswer) else None
    return Clock(told.ahead_seconds, told.uncertain_seconds) if told else UNKNOWN


@probe(of="auth")
def authentication_log(
    stack: Stack, limits: Limits, log_reader: LogReader, ledger: Ledger, log_clock: Clock
) -> AuthenticationLog:
    """Errors around logins and tokens in the backend's log, counted by kind."""
    if stack.auth.absent:
        raise Declared("says that this stack has no login")
    path = stack.auth.login_path.partition("?")[0]
    containers, lines, kinds = _counted(log_reader, stack, limits, AUTHENTICATION, ledger, log_clock, path)
    return AuthenticationLog(
        service=stack.named("backend"),
        containers=containers,
        minutes=limits.recent_minutes,
        lines_read=lines,
        kinds=kinds,
    )


@probe(of="websocket")
def socket_log(stack: Stack, limits: Limits, log_reader: LogReader, ledger: Ledger, log_clock: Clock) -> SocketLog:
    """Errors around WebSockets in the backend's log, counted by kind."""
    if stack.websocket.absent:
        raise Declared("says that this stack has no WebSocket")
    containers, lines, kinds = _counted(log_reader, stack, limits, SOCKET, ledger, log_clock)
    return SocketLog(
        service=stack.named("backend"),
        containers=containers,
        minutes=limits.recent_minutes,
        lines_read=lines,
        kinds=kinds,
    )


def _counted(
    reader: LogReader,
    stack: Stack,
    limits: Limits,
    kinds: tuple[Counted, ...],
    ledger: Ledger,
    clock: Clock,
    failing_path: str = "",
) -> tuple[int, int, tuple[ErrorKind, ...]]:
    written = reader.of(stack.named("backend"))
    recent = datetime.now(UTC) - timedelta(minutes=limits.recent_minutes)
    fresh = [lately(one, recent) for one in written]
    # Asked for only now: the lines that were read are of requests that had been noted by then.
    requests = ledger.since(recent - OPEN_BEFORE, addresses(stack))
    found = bursts(fresh, kinds, since=recent, failing_path=failing_path, requests=requests, clock=clock)
    return len(written), sum(len(one.lines) for one in written), found


def addresses(stack: Stack) -> list[str]:
    """Where we ask the backend, straight or through the proxy: each as host:port."""
    urls = (stack.backend.url, stack.frontend.url, stack.websocket.url, stack.websocket.public_url)
    return [http.place(url)[1] for url in urls if url]


def lately(one: Written, recent: datetime) -> Written:
    """What it has written since then, without what it wrote before its last start."""
    start = recent if one.looping or one.started_at is None else max(recent, one.started_at)
    lines: tuple[Line, ...] = tuple(line for line in one.lines if line.at is not None and line.at >= start)
    return Written(lines=lines, started_at=one.started_at)
