"""Docker Compose as a runtime: containers are found by their labels, never by their names."""

import contextlib
import json
import struct
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.cgroup import cgroup
from oncall.probes.compose_records import PROJECT, SERVICE, container, moment, network, volume
from oncall.probes.engine import Engine
from oncall.probes.runtime import (
    Answered,
    Container,
    Event,
    Network,
    Project,
    Sample,
    Volume,
    at_once,
)

ONE_OFF = "com.docker.compose.oneoff"
OUTPUT = 64 * 1024
NOISE = ("exec_create", "exec_start", "exec_die", "top", "resize", "attach")
UNLIMITED = 2**62  # cgroup v1 says 2**63 less a page


class DockerCompose:
    """One Compose project on one engine."""

    name = "Docker"

    def __init__(self, engine: Engine, project: str, *, may_exec: bool = True) -> None:
        self.engine, self.project, self.may_exec = engine, project, may_exec

    def containers(self, seconds: float = 2.5) -> Project:
        """One list, filtered by the engine; then all inspected at the same time."""
        deadline = time.monotonic() + seconds
        ids = [
            one["Id"]
            for one in self._list([f"{PROJECT}={self.project}"], seconds)
            if str((one.get("Labels") or {}).get(ONE_OFF)).lower() != "true"
        ]
        if not ids:
            return Project(self.project, (), self._others(max(0.2, deadline - time.monotonic())))
        found: list[Container] = []
        for one in at_once(self._inspect, ids, max(0.2, deadline - time.monotonic())):
            if isinstance(one, CouldNotCheck):
                raise one
            if one:
                found.append(one)
        return Project(self.project, tuple(sorted(found, key=lambda one: (one.service, len(one.number), one.number))))

    def _list(self, labels: list[str], seconds: float) -> list[dict[str, Any]]:
        listed = self.engine.get("/containers/json", seconds, all=1, filters={"label": labels})
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    def _others(self, seconds: float) -> tuple[str, ...]:
        names = {str((one.get("Labels") or {}).get(PROJECT)) for one in self._list([PROJECT], seconds)}
        return tuple(sorted(names))[:20]

    def _inspect(self, container_id: str) -> Container | None:
        try:
            return container(self.engine.get(f"/containers/{container_id}/json", 2.0))
        except CouldNotCheck as error:
            if "answered 404" in str(error):  # removed since it was listed
                return None
            raise

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
        return sampled(self.engine.get(f"/containers/{container.id}/stats", seconds, **asked))

    def events(self, since: datetime, seconds: float = 2.0) -> tuple[Event, ...]:
        """The engine's memory holds its last 256 events of any kind; a filter does not make it reach back further."""
        filters = {"type": ["container"], "label": [f"{PROJECT}={self.project}"]}
        asked = {"since": f"{since.timestamp():.6f}", "until": f"{time.time():.6f}", "filters": filters}
        response = self.engine.open("GET", "/events", seconds, parameters=asked)
        with response:
            read = b"".join(self.engine.pieces(response))
        return tuple(event for line in read.splitlines() if (event := _event(line)))

    @property
    def local(self) -> bool:
        """Whether the engine runs on this very machine."""
        return self.engine.local

    def networks(self, seconds: float = 2.0) -> tuple[Network, ...]:
        """All of the engine's: those of other projects may be shared."""
        return tuple(network(one) for one in self.engine.get("/networks", seconds))

    def network(self, network_id: str, seconds: float = 2.0) -> Network | None:
        """One network by its id, None when it is not there."""
        found: Network | None = self._or_none(f"/networks/{network_id}", seconds, network)
        return found

    def volumes(self, seconds: float = 2.0) -> tuple[Volume, ...]:
        """All of the engine's: an external volume has no project."""
        return tuple(volume(one) for one in self.engine.get("/volumes", seconds).get("Volumes") or ())

    def volume(self, name: str, seconds: float = 2.0) -> Volume | None:
        """One volume by its name, None when it is not there."""
        found: Volume | None = self._or_none(f"/volumes/{name}", seconds, volume)
        return found

    def _or_none(self, path: str, seconds: float, record: Any) -> Any:
        try:
            return record(self.engine.get(path, seconds))
        except CouldNotCheck as error:
            if "answered 404" in str(error):
                return None
            raise

    def run(self, container: Container, *command: str, seconds: float = 2.0) -> Answered:
        """Create, start and inspect one exec; its output comes in frames."""
        if not self.may_exec:
            raise NotPart("oncall.toml says that nothing is run inside containers (docker.exec = false)")
        done: list[Answered | CouldNotCheck] = at_once(
            lambda one: self._run(one, command, seconds), [container], seconds
        )
        if isinstance(done[0], CouldNotCheck):
            if "did not answer within" in str(done[0]):
                raise CouldNotCheck(f"{command[0]} did not end within {seconds:g} s in {container.service}")
            raise done[0]
        return done[0]

    def _run(self, container: Container, command: tuple[str, ...], seconds: float) -> Answered:
        body = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "Tty": False}
        with self.engine.open("POST", f"/containers/{container.id}/exec", seconds, body=body) as created:
            run_id = created.json()["Id"]
        started = {"Detach": False, "Tty": False}
        output = bytearray()
        with self.engine.open("POST", f"/exec/{run_id}/start", seconds, body=started) as response:
            for piece in _frames(self.engine.pieces(response)):
                output += piece[: OUTPUT - len(output)]
        code = self.engine.get(f"/exec/{run_id}/json", seconds).get("ExitCode")
        if code is None:
            raise CouldNotCheck(f"{command[0]} did not end in {container.service}")
        return Answered(int(code), output.decode("utf-8", "replace"))


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


def sampled(stats: Mapping[str, Any]) -> Sample:
    """One frame of statistics; raises CouldNotCheck when it counts nothing, as for a container that has just ended."""
    memory, cpu, pids = (stats.get(name) or {} for name in ("memory_stats", "cpu_stats", "pids_stats"))
    at = moment(stats.get("read"))
    if at is None or "usage" not in memory or not (cpu.get("cpu_usage") or {}).get("total_usage"):
        raise CouldNotCheck("the Docker engine has no statistics: the container has just ended, or nobody counts")
    details, throttling = memory.get("stats") or {}, cpu.get("throttling_data") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return Sample(
        at=at.timestamp(),
        memory=max(0, int(memory["usage"]) - int(cache)),
        memory_limit=_limit(memory.get("limit")),
        cpu_seconds=int(cpu["cpu_usage"]["total_usage"]) / 1e9,
        cpus=int(cpu.get("online_cpus") or len(cpu["cpu_usage"].get("percpu_usage") or ()) or 1),
        periods=int(throttling.get("periods") or 0),
        throttled=int(throttling.get("throttled_periods") or 0),
        pids=int(pids.get("current") or 0),
        pids_limit=_limit(pids.get("limit")),
    )


def _limit(number: object) -> int:
    value = int(str(number or 0))
    return value if value < UNLIMITED else 0


def _event(line: bytes) -> Event | None:
    try:
        read = json.loads(line)
        action, actor, at = str(read["Action"]), read["Actor"], int(read["timeNano"]) / 1e9
    except (ValueError, KeyError, TypeError):
        return None
    if action.startswith(NOISE):
        return None
    attributes = actor.get("Attributes") or {}
    return Event(
        action=action,
        container_id=str(actor.get("ID") or ""),
        service=str(attributes.get(SERVICE) or ""),
        at=datetime.fromtimestamp(at, UTC),
        image=str(attributes.get("image") or ""),
        exit_code=_number(attributes.get("exitCode")),
        signal=_number(attributes.get("signal")),
        one_off=str(attributes.get(ONE_OFF)).lower() == "true",
    )


def _number(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None
