"""Docker Compose as a runtime: containers are found by their labels, never by their names."""

import contextlib
import dataclasses
import struct
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from oncall.facts.containers import STOPPED
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.runtimes.cgroup import cgroup, process_state
from oncall.runtimes.compose_records import ONE_OFF, PROJECT, container, event, identifier, network, sample, volume
from oncall.runtimes.engine import Engine, EngineLate, EngineRefused, answer_to
from oncall.runtimes.engine_answers import (
    Created,
    Execution,
    Inspected,
    Listed,
    ListedEvent,
    ListedNetwork,
    ListedVolume,
    Stats,
    Volumes,
    decode,
    plain,
    understood,
)
from oncall.runtimes.open_files import ASKED, of_container, told_open
from oncall.runtimes.runtime import (
    Answered,
    Container,
    Event,
    Inside,
    Network,
    OpenFiles,
    Project,
    Sample,
    Volume,
    at_once,
)
from oncall.runtimes.sockets import TABLES, inside, told_inside

OUTPUT = 64 * 1024
COUNTER = Pattern(r"(?m)^oom_kill (\d{1,18})$")
INSIDE = "cat /sys/fs/cgroup/memory/memory.oom_control || cat /sys/fs/cgroup/memory.events"
MOST_CONTAINERS = 256  # of one project: each costs a request and a thread for a moment

MOST_NEIGHBOURS = 64  # containers of others on our networks

A = TypeVar("A")
R = TypeVar("R")


class DockerCompose:
    """One Compose project on one engine."""

    name = "Docker"

    def __init__(self, engine: Engine, project: str, *, may_exec: bool = True) -> None:
        self.engine, self.project, self.may_exec = engine, project, may_exec

    def containers(self, seconds: float = 2.5) -> Project:
        """One list, filtered by the engine; then all inspected at the same time."""
        deadline = time.monotonic() + seconds
        ids = [found for found, labels in self._list(f"{PROJECT}={self.project}", seconds) if not _one_off(labels)]
        if not ids:
            return Project(self.project, (), self._others(max(0.2, deadline - time.monotonic())))
        if len(ids) > MOST_CONTAINERS:
            raise CouldNotCheck(f"{self.project} has {len(ids)} containers, more than the {MOST_CONTAINERS} looked at")
        found: list[Container] = []
        for one in at_once(self._inspect, ids, max(0.2, deadline - time.monotonic())):
            if isinstance(one, CouldNotCheck):
                raise one
            if one:
                found.append(one)
        return Project(self.project, tuple(sorted(found, key=lambda one: (one.service, len(one.number), one.number))))

    def _list(self, label: str, seconds: float) -> list[tuple[str, dict[str, str]]]:
        """Id and labels of the containers with this label."""
        return self._listed(seconds, all=1, filters={"label": [label]})

    def _listed(self, seconds: float, **asked: Any) -> list[tuple[str, dict[str, str]]]:
        def record(listed: list[Listed]) -> list[tuple[str, dict[str, str]]]:
            return [(identifier(one.id), one.labels or {}) for one in listed]

        return self.engine.get("/containers/json", seconds, list[Listed], record, **asked)

    def _others(self, seconds: float) -> tuple[str, ...]:
        names = {labels.get(PROJECT, "")[:255] for _, labels in self._list(PROJECT, seconds)}
        return tuple(sorted(names))[:20]

    def _inspect(self, container_id: str) -> Container | None:
        """None: removed since it was listed."""
        found = self._or_none(f"/containers/{container_id}/json", 2.0, Inspected, container)
        if found and found.running and self.engine.local:
            with contextlib.suppress(CouldNotCheck):
                return dataclasses.replace(found, process_state=process_state(found))
        return found

    def log(
        self, container: Container, *, lines: int, since: datetime | None = None, seconds: float = 2.5
    ) -> Iterator[bytes]:
        """The payload of each frame; a container with a terminal has no frames."""
        asked: dict[str, Any] = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": lines}
        if since:
            asked["since"] = f"{since.timestamp():.6f}"
        response = self.engine.open("GET", f"/containers/{container.id}/logs", seconds, parameters=asked)
        deadline = time.monotonic() + seconds
        with response:
            pieces = self.engine.pieces(response)
            for piece in pieces if container.terminal else _frames(pieces):
                yield piece
                if time.monotonic() > deadline:
                    raise CouldNotCheck(f"the log of {container.service} did not end within {seconds:g} s")

    def sample(self, container: Container, seconds: float = 2.0) -> Sample:
        """From the kernel where it is ours, else the engine's one-shot answer (API 1.41 and later)."""
        if self.engine.local:
            with contextlib.suppress(CouldNotCheck):
                return cgroup(container).sample
        asked = {"stream": "false", "one-shot": "true"}
        return self.engine.get(f"/containers/{container.id}/stats", seconds, Stats, sample, **asked)

    def stopped(self, container: Container, seconds: float = 0.5) -> bool:
        """As the kernel says, where it is ours."""
        if not self.engine.local:
            raise CouldNotCheck("the engine is on another machine")
        return process_state(container) == STOPPED

    def deleted_logs(self, container: Container, seconds: float = 1.5) -> tuple[str, ...]:
        """The engine keeps what containers write."""
        raise NotPart(f"the engine keeps the log of {container.service}")

    def kills(self, container: Container, seconds: float = 1.5) -> int:
        """From the kernel where it is ours, else asked inside."""
        if self.engine.local:
            return cgroup(container).kills
        if not self.may_exec:
            raise CouldNotCheck("the engine is on another machine, and docker.exec = false")
        found = COUNTER.search(self.run(container, "sh", "-c", f"{INSIDE} 2>/dev/null", seconds=seconds).output)
        if not found:
            raise CouldNotCheck("its cgroup has no counter of kills")
        return int(found[1])

    def open_files(self, container: Container, seconds: float = 1.5) -> tuple[OpenFiles, ...]:
        """From the kernel where it is ours and lets us, else asked inside."""
        if self.engine.local:
            with contextlib.suppress(CouldNotCheck):
                return of_container(container, seconds)
        return told_open(self.run(container, "sh", "-c", ASKED, seconds=seconds).output)

    def events(self, since: datetime, seconds: float = 2.0) -> tuple[Event, ...]:
        """The engine's memory holds its last 256 events of any kind; a filter does not make it reach back further."""
        filters = {"type": ["container"], "label": [f"{PROJECT}={self.project}"]}
        asked = {"since": f"{since.timestamp():.6f}", "until": f"{time.time():.6f}", "filters": filters}
        with self.engine.open("GET", "/events", seconds, parameters=asked) as response:
            read = self.engine.body(response, "/events")
        what = answer_to("GET", "/events")
        with understood(what):
            told = (event(decode(line, ListedEvent, what)) for line in read.splitlines() if line.strip())
            return tuple(one for one in told if one)

    @property
    def local(self) -> bool:
        """Whether the engine runs on this very machine."""
        return self.engine.local

    def networks(self, seconds: float = 2.0) -> tuple[Network, ...]:
        """All of the engine's: those of other projects may be shared."""
        return self.engine.get("/networks", seconds, list[ListedNetwork], lambda listed: tuple(map(network, listed)))

    def network(self, network_id: str, seconds: float = 2.0) -> Network | None:
        """One network by its id, None when it is not there."""
        return self._or_none(f"/networks/{quote(network_id, safe='')}", seconds, ListedNetwork, network)

    def neighbours(self, network_ids: tuple[str, ...], seconds: float = 2.0) -> tuple[Container, ...]:
        """One list, filtered by the engine; the first ones of those that are not ours inspected at the same time."""
        deadline = time.monotonic() + seconds
        listed = self._listed(seconds, filters={"network": list(network_ids), "status": ["running"]})
        strange = [one for one, labels in listed if labels.get(PROJECT) != self.project or _one_off(labels)]
        found: list[Container] = []
        for one in at_once(self._inspect, strange[:MOST_NEIGHBOURS], max(0.2, deadline - time.monotonic())):
            if isinstance(one, CouldNotCheck):
                raise one
            if one:
                found.append(one)
        return tuple(found)

    def volumes(self, seconds: float = 2.0) -> tuple[Volume, ...]:
        """All of the engine's: an external volume has no project."""
        return self.engine.get("/volumes", seconds, Volumes, lambda listed: tuple(map(volume, listed.volumes or ())))

    def volume(self, name: str, seconds: float = 2.0) -> Volume | None:
        """One volume by its name, None when it is not there."""
        return self._or_none(f"/volumes/{quote(name, safe='')}", seconds, ListedVolume, volume)

    def _or_none(self, path: str, seconds: float, kind: type[A], record: Callable[[A], R]) -> R | None:
        try:
            return self.engine.get(path, seconds, kind, record)
        except EngineRefused as error:
            if error.status == 404:
                return None
            raise

    def inside(self, container: Container, seconds: float = 2.0) -> Inside:
        """From the kernel where it is ours, else asked inside: the tables begin with what listens."""
        if self.engine.local:
            with contextlib.suppress(CouldNotCheck):
                return inside(container)
        said = self.run(container, "cat", "/proc/1/cmdline", *(f"/proc/net/{name}" for name in TABLES), seconds=seconds)
        return told_inside(said.output)

    def run(self, container: Container, *command: str, seconds: float = 2.0) -> Answered:
        """Create, start and inspect one exec; its output comes in frames."""
        if not self.may_exec:
            raise Declared("says that nothing is run inside containers (docker.exec = false)")
        try:
            return self._run(container, command, time.monotonic() + seconds)
        except EngineLate:
            raise CouldNotCheck(f"{command[0]} did not end within {seconds:g} s in {container.service}") from None

    def _run(self, container: Container, command: tuple[str, ...], deadline: float) -> Answered:
        def left() -> float:
            return max(0.05, deadline - time.monotonic())

        asked = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "Tty": False}
        path = "/containers/{id}/exec"
        with self.engine.open("POST", f"/containers/{container.id}/exec", left(), body=asked) as answer:
            created = decode(self.engine.body(answer, path), Created, answer_to("POST", path))
        with understood(answer_to("POST", path)):
            run_id = identifier(created.id)
        output = bytearray()
        with self.engine.open("POST", f"/exec/{run_id}/start", left(), body={"Detach": False, "Tty": False}) as answer:
            for piece in _frames(self.engine.pieces(answer)):
                output += piece[: OUTPUT - len(output)]
        code = self.engine.get(f"/exec/{run_id}/json", left(), Execution, plain).exit_code
        if code is None:
            raise CouldNotCheck(f"{command[0]} did not end in {container.service}")
        return Answered(code, output.decode("utf-8", "replace"))


def _one_off(labels: dict[str, str]) -> bool:
    return labels.get(ONE_OFF, "").lower() == "true"


def _frames(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What stands in the frames of a multiplexed stream, in pieces as they come: no frame is held back whole."""
    held, left = bytearray(), 0
    for piece in pieces:
        held += piece
        while held:
            if not left:
                if len(held) < 8:
                    break
                if held[0] > 2 or held[1:4] != b"\0\0\0":
                    raise CouldNotCheck("the Docker engine's stream is not understood")
                (left,) = struct.unpack(">L", held[4:8])
                del held[:8]
                continue
            payload = bytes(held[:left])
            del held[: len(payload)]
            left -= len(payload)
            yield payload
