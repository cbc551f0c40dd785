"""The Docker engine and the project's containers: one attempt to reach the engine, one list, all inspected at once."""

import http.client
import logging
import os
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from oncall.facts.backend import HealthAnswer
from oncall.facts.containers import (
    ContainerState,
    DockerEngine,
    ServiceContainers,
    ServiceHealth,
)
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.containers.health_checks import health_of, since
from oncall.probes.logs.containers import LogReader
from oncall.probes.logs.last_words import words_of
from oncall.probing.libraries import IMPORTING
from oncall.probing.register import client, probe
from oncall.runtimes.chosen import Machine, Missing, chosen, made_of
from oncall.runtimes.compose import DockerCompose
from oncall.runtimes.compose_records import moment
from oncall.runtimes.engine import NO_ANSWER, Engine, EngineFailed, Failure, answer_to, why
from oncall.runtimes.engine_address import EngineAddress, engine_address
from oncall.runtimes.engine_answers import Info, Version, understood
from oncall.runtimes.engine_socket import Dial, engine_adapter, tcp_dial, unix_dial
from oncall.runtimes.engine_ssh import CONNECTIONS, Complaints, ssh_command, ssh_dial
from oncall.runtimes.runtime import Container, ContainerRuntime, Project, Runtime, at_once
from oncall.target.kinds import kind_of
from oncall.target.schema import Limits, Part, Stack
from oncall.target.views import parts

log = logging.getLogger(__name__)

SECONDS = 2.5
LOOKS, WATCHED = 3, 0.45  # at a process, over so many seconds: one that is stopped for 3 of every 4 is seen in 7 of 8
NO_DOCKER = "says that there is no Docker"
NOT_IN_DOCKER = "says that no part runs in Docker"
ANY = "1.24"  # the SDK wants a version at once; the one that counts is what the engine answers
NOWHERE = "http://engine:2375"  # the SDK wants an address too; the connections know the true one
VERSION = Pattern(r"\d{1,3}\.\d{1,3}")


class Attempt(Struct, frozen=True):
    """What came of asking the engine for its version."""

    address: EngineAddress
    seconds: float
    engine: Engine | None = None
    failure: Failure | None = None
    at: datetime | None = None


@client()
def docker_attempt(stack: Stack) -> Iterator[Attempt]:
    """The one connection to the Docker engine, or why there is none."""
    if stack.docker.absent:
        raise Declared(NO_DOCKER)
    if not any(part.runtime == "compose" for part in parts(stack).values()):
        raise Declared(NOT_IN_DOCKER)
    address = engine_address(stack, os.environ)
    attempt = _connect(address)
    outcome = attempt.failure.outcome if attempt.failure else "answers"
    log.info("the Docker engine at %s: %s in %.3f s", address.shown, outcome, attempt.seconds)
    yield attempt
    if attempt.engine:
        attempt.engine.close()


def _connect(address: EngineAddress) -> Attempt:
    """Ask the engine for its version."""
    with IMPORTING:
        import docker
        import requests
        import urllib3

    errors = (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    )
    complaints = Complaints() if address.scheme == "ssh" else None
    began, at = time.monotonic(), datetime.now(UTC)
    failure: Failure | None = None
    engine: Engine | None = None
    try:
        session = docker.APIClient(base_url=NOWHERE, version=ANY, timeout=SECONDS)
        session.trust_env = False
        session.mount(NOWHERE, _carrier(address, complaints))
        engine = Engine(session, NOWHERE, errors)
        engine.version = engine.get("/version", SECONDS, Version, _version)
    except EngineFailed as error:
        failure = error.failure
    except CouldNotCheck as error:  # it answers, and is no engine
        failure = Failure("garbled", str(error))
    except errors as error:
        failure = why(error)
    seconds = time.monotonic() - began
    if failure and engine:
        engine.close()
    if failure and (complaint := complaints.last() if complaints else ""):
        failure = Failure("hangs" if failure.outcome == "hangs" else "unreached", complaint)
    return Attempt(address, seconds, None if failure else engine, failure, at)


def _version(answer: Version) -> Version:
    if not VERSION.fullmatch(answer.api_version):
        raise ValueError("not a version")  # it becomes part of every path
    return answer


def _carrier(address: EngineAddress, complaints: Complaints | None) -> Any:
    """The transport for the session; it connects to nothing yet."""
    if complaints:
        dial = ssh_dial(ssh_command(address.url), complaints)
        return engine_adapter(dial, address.host, CONNECTIONS, block=True)
    return engine_adapter(_dial(address), address.host or "localhost")


def _dial(address: EngineAddress) -> Dial:
    if not address.host:
        return unix_dial(address.path)
    return tcp_dial(address.host, address.port, _tls(address) if address.secured else None)


def _tls(address: EngineAddress) -> ssl.SSLContext:
    """What the engine is to show, and what we show it; raises CouldNotCheck when our certificates are of no use."""
    folder = address.certificates
    authority, ours, key = ((folder / name if folder else None) for name in ("ca.pem", "cert.pem", "key.pem"))
    try:
        known = authority if address.verify and authority and authority.exists() else None
        context = ssl.create_default_context(cafile=str(known) if known else None)
        if not address.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if ours and key and ours.exists():
            context.load_cert_chain(ours, key)
    except (OSError, ssl.SSLError) as error:
        reason = (error.strerror or "not a PEM file").lower()
        raise CouldNotCheck(f"the certificates in {folder} for the Docker engine cannot be used: {reason}") from None
    return context


@client()
def docker_client(stack: Stack, docker_attempt: Attempt) -> ContainerRuntime:
    """The Docker engine, for what only containers have."""
    if docker_attempt.engine is None:
        raise CouldNotCheck(NO_ANSWER, root="docker_engine")
    return DockerCompose(docker_attempt.engine, stack.docker.project, may_exec=stack.docker.exec)


@client(optional=("docker_client", "host_machine"))
def runtime(stack: Stack, docker_client: ContainerRuntime | Missing, host_machine: Machine | Missing) -> Runtime:
    """What runs the stack's parts: containers, units, processes."""
    return chosen(stack, docker_client, host_machine)


@client(deadline=4.0)
def project(runtime: Runtime) -> Project:
    """All that runs of the stack, looked at once."""
    found = runtime.containers()
    log.info("%s: %s has %d", runtime.name, found.name, len(found.containers))
    return found


@probe()
def docker_engine(docker_attempt: Attempt) -> DockerEngine:
    """Whether the Docker engine answers, and where it keeps its things."""
    address, engine, failed = docker_attempt.address, docker_attempt.engine, docker_attempt.failure
    if engine is None:
        return DockerEngine(
            address=address.shown,
            source=address.source,
            outcome=failed.outcome if failed else "hangs",
            message=failed.message if failed else "",
            seconds=docker_attempt.seconds,
            looked_at=docker_attempt.at,
        )
    info, message = engine.about()
    ahead, uncertain = _clock(engine, info)
    return DockerEngine(
        address=address.shown,
        source=address.source,
        outcome="answers",
        message=message,
        seconds=docker_attempt.seconds,
        version=engine.version.version,
        api=engine.version.api_version,
        root=info.docker_root_dir,
        cgroup_version=info.cgroup_version,
        cpus=info.ncpu,
        machine=info.name,
        local=engine.local,
        ahead_seconds=ahead,
        uncertain_seconds=uncertain,
        looked_at=docker_attempt.at,
    )


def _clock(engine: Engine, info: Info) -> tuple[float | None, float]:
    """The engine's clock against ours, at half the round trip, and how far off that may be."""
    if engine.local:
        return 0.0, 0.0
    with understood(answer_to("GET", "/info")):
        theirs = moment(info.system_time)
    if theirs is None or engine.asked is None:
        return None, 0.0
    half = (engine.asked[1] - engine.asked[0]) / 2
    ahead = theirs - (engine.asked[0] + half)
    return round(ahead.total_seconds(), 3), round(half.total_seconds(), 3)


def part_of(stack: Stack, component: str) -> Part:
    """How a component runs; raises NotPart when there is none, or nothing to look at."""
    part = parts(stack).get(component)
    if part is None:
        raise Declared(f"says that there is no {component}")
    if part.runtime == "external":
        raise Declared(f"says that {component} runs elsewhere")
    return part


def compose_service(stack: Stack, service: str) -> str:
    """What the runtime finds a component by; raises NotPart when there is none."""
    return part_of(stack, service).found_by


@probe(deadline=4.0, optional=("log_reader",))
def service_containers(
    service: str,
    stack: Stack,
    limits: Limits,
    runtime: Runtime,
    project: Project,
    log_reader: LogReader | CouldNotCheck | NotPart,
) -> ServiceContainers:
    """The state of each container of one service, and the last words of those that have ended or loop."""
    found = containers_of(service, stack, project)
    if found.kind == "container" and not found.in_project:
        raise CouldNotCheck(f"the project {project.name} has no container", root="compose_project")
    pairs = list(zip(found.containers, project.of(found.service), strict=True))
    watched = at_once(lambda pair: _watched(*pair, runtime), pairs, WATCHED + 0.5)
    seen = (one if isinstance(one, ContainerState) else state for one, (state, _) in zip(watched, pairs, strict=True))
    words = words_of(found.containers, limits.restarts, log_reader, service)
    return replace(found, containers=tuple(seen), last_words=words)


def _watched(state: ContainerState, one: Container, runtime: Runtime) -> ContainerState:
    """The state, with what a few more looks at its process have seen: one that is stopped and goes on, again and again.

    Raises CouldNotCheck where the runtime is far away, or the process cannot be seen.
    """
    if not runtime.local or not one.process or state.status not in ("running", "paused"):
        return state
    seen = []
    for _ in range(LOOKS):
        time.sleep(WATCHED / LOOKS)
        seen.append(runtime.stopped(one))
    return replace(state, looks=len(seen), looks_stopped=sum(seen))


def containers_of(service: str, stack: Stack, project: Project) -> ServiceContainers:
    """The containers of a component's service, as a fact."""
    part, now = part_of(stack, service), datetime.now(UTC)
    name, kind = part.found_by, made_of(part)
    found = project.of(name)
    alike = [one for one in project.containers if one.kind == kind]
    return ServiceContainers(
        component=service,
        service=name,
        project=project.name,
        kind=kind,
        containers=tuple(state_of(one, now) for one in found),
        in_project=len(alike),
        other_services=() if found else tuple(sorted({one.service for one in alike})),
        other_projects=project.others,
    )


def state_of(one: Container, now: datetime) -> ContainerState:
    """A container's state, as a fact."""
    return ContainerState(
        id=one.short,
        name=one.name,
        status=one.status,
        exit_code=one.exit_code,
        kind=one.kind,
        error=one.error,
        oom_killed=one.oom_killed,
        restarts=one.restarts,
        restart_policy=one.restart_policy,
        up_seconds=since(one.started_at, now) if one.running or one.status == "paused" else None,
        ended_seconds_ago=since(one.finished_at, now),
        memory_limit_mib=one.memory_limit / 2**20,
        pids_limit=one.pids_limit,
        image=one.image,
        process_state=one.process_state,
        created_at=one.created_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )


def steady(service: str, found: tuple[Container, ...], limits: Limits) -> tuple[Container, ...]:
    """The containers, all of which run and stay up; raises CouldNotCheck otherwise, whatever the moment shows."""
    now = datetime.now(UTC)
    looping = [state_of(one, now).looping(limits.restarts) for one in found]
    if not found or any(not one.running and not loops for one, loops in zip(found, looping, strict=True)):
        raise CouldNotCheck(f"{service} is not running", root=f"service_containers.running[{service}]")
    if any(looping):
        raise CouldNotCheck(f"{service} starts again and again", root=f"service_containers.stays_up[{service}]")
    return found


@probe(optional=("backend_health",))
def service_health(
    service: str,
    stack: Stack,
    limits: Limits,
    project: Project,
    backend_health: HealthAnswer | CouldNotCheck | NotPart,
) -> ServiceHealth:
    """What Docker's own health checks of one service say; those of stopped containers are stale, and do not count.

    Docker's check of the backend fails for what the health body names, so that one's component is to blame.
    """
    part, now = part_of(stack, service), datetime.now(UTC)
    name = part.found_by
    if made_of(part) != "container":
        raise Declared(f"says that {service} is a {made_of(part)}, which has no health check of its own")
    found = steady(service, project.of(name), limits)
    results = health_of(found, now)
    if not results:
        raise NotPart(f"{service} declares no health check to Docker")
    return ServiceHealth(
        component=service,
        service=name,
        asked_by=_asked_by(stack, service),
        accused=_accused(stack, service, backend_health),
        containers=results,
    )


def _asked_by(stack: Stack, service: str) -> str:
    """The fact that asks a component what its own health check asks, as a rule."""
    part = parts(stack).get(service)
    return kind_of(part).asked_by if part else ""


def _accused(stack: Stack, service: str, health: HealthAnswer | CouldNotCheck | NotPart) -> str | None:
    if service != stack.named("backend") or not isinstance(health, HealthAnswer) or not health.blames:
        return None
    return stack.named(health.blames)


@probe(of="backend")
def backend_service(stack: Stack, project: Project) -> ServiceContainers:
    """The backend's containers, for the check that concerns it alone."""
    return containers_of(stack.named("backend"), stack, project)
