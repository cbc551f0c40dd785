"""The Docker engine and the project's containers: one attempt to reach the engine, one list, all inspected at once."""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from oncall.config import Limits, Stack, services
from oncall.facts.backend import HealthAnswer
from oncall.facts.containers import (
    ContainerState,
    DockerEngine,
    HealthResult,
    ServiceContainers,
    ServiceHealth,
)
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.compose import DockerCompose
from oncall.probes.compose_records import moment
from oncall.probes.engine import NO_ANSWER, Engine, Failure, forgo_socks, why
from oncall.probes.engine_address import EngineAddress, engine_address
from oncall.probes.engine_socket import share_connections
from oncall.probes.engine_ssh import Said, ssh_adapter, ssh_command
from oncall.probes.libraries import IMPORTING
from oncall.probes.runtime import Container, Project, Runtime
from oncall.probing import client, probe

log = logging.getLogger(__name__)

SECONDS = 2.5
NO_DOCKER = "oncall.toml says that there is no Docker"
ANY = "1.24"  # the SDK wants a version at once; the one that counts is what the engine answers


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
        raise NotPart(NO_DOCKER)
    address = engine_address(stack, os.environ)
    attempt = _connect(address)
    outcome = attempt.failure.outcome if attempt.failure else "answers"
    log.info("the Docker engine at %s: %s in %.3f s", address.shown, outcome, attempt.seconds)
    yield attempt
    if attempt.engine:
        attempt.engine.close()


def _connect(address: EngineAddress) -> Attempt:
    """Ask in a thread of its own, because a name that does not resolve knows no timeout."""
    began, at = time.monotonic(), datetime.now(UTC)
    done: list[Attempt | Exception] = []
    thread = threading.Thread(target=_try, args=(address, began, done), name="docker connect", daemon=True)
    thread.start()
    thread.join(SECONDS + 0.3)
    seconds = time.monotonic() - began
    if not done:
        return Attempt(address, seconds, failure=Failure("hangs", "no answer in time"), at=at)
    if isinstance(done[0], Exception):
        raise done[0]
    return replace(done[0], seconds=seconds, at=at)


def _try(address: EngineAddress, began: float, done: list[Attempt | Exception]) -> None:
    try:
        done.append(_ask(address, began))
    except Exception as error:  # a bug of ours: it belongs to the door, not to this thread
        done.append(error)


def _ask(address: EngineAddress, began: float) -> Attempt:
    forgo_socks()
    with IMPORTING:
        import docker
        import requests
        import urllib3

    errors = (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        ValueError,
    )
    said = Said() if address.scheme == "ssh" else None
    try:
        seconds = max(0.5, SECONDS - (time.monotonic() - began))
        carrier = ssh_adapter(ssh_command(address.url), said) if said else None
        first = _open(docker, address, ANY, carrier)
        if "unix" in address.scheme:
            share_connections(first)
        answer = first.get(f"{first.base_url}/version", timeout=seconds)
        version = answer.json() if answer.ok else None
        if not isinstance(version, dict) or not isinstance(version.get("ApiVersion"), str):
            text = " ".join(answer.text.split())[:100]
            return Attempt(address, 0.0, failure=Failure("garbled", f"GET /version: {answer.status_code} {text}"))
        carrier = first.get_adapter(first.base_url)  # with its connection
        engine = Engine(_open(docker, address, version["ApiVersion"], carrier), errors, version)
    except errors as error:
        return Attempt(address, 0.0, failure=_failure(error, said))
    return Attempt(address, 0.0, engine)


def _failure(error: Exception, said: Said | None) -> Failure:
    failure = why(error)
    complaint = said.last() if said else ""
    return Failure("hangs" if failure.outcome == "hangs" else "unreached", complaint) if complaint else failure


def _open(docker: Any, address: EngineAddress, version: str, carrier: Any) -> Any:
    """The SDK's client; it connects to nothing yet."""
    url, tls = ("tcp://ssh:2375" if address.scheme == "ssh" else address.url), False
    if address.certificates:
        pair = (str(address.certificates / "cert.pem"), str(address.certificates / "key.pem"))
        authority = address.certificates / "ca.pem"
        tls = docker.tls.TLSConfig(
            client_cert=pair if address.certificates.joinpath("cert.pem").exists() else None,
            ca_cert=str(authority) if address.verify and authority.exists() else None,
            verify=address.verify,
        )
    opened = docker.APIClient(base_url=url, version=version, timeout=SECONDS, tls=tls, max_pool_size=32)
    opened.trust_env = False
    if carrier:
        opened.mount(opened.base_url, carrier)
    return opened


@client()
def docker_client(stack: Stack, docker_attempt: Attempt) -> Runtime:
    """What runs the stack's containers, for probes that need it."""
    if docker_attempt.engine is None:
        raise CouldNotCheck(NO_ANSWER)
    return DockerCompose(docker_attempt.engine, stack.docker.project, may_exec=stack.docker.exec)


@client()
def project(docker_client: Runtime) -> Project:
    """All containers of the project, inspected at once."""
    found = docker_client.containers()
    log.info("project %s has %d containers", found.name, len(found.containers))
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
        version=str(engine.version.get("Version") or ""),
        api=str(engine.version["ApiVersion"]),
        root=str(info.get("DockerRootDir") or ""),
        cgroup_version=str(info.get("CgroupVersion") or ""),
        cpus=int(info.get("NCPU") or 0),
        machine=str(info.get("Name") or ""),
        local=engine.local,
        ahead_seconds=ahead,
        uncertain_seconds=uncertain,
        looked_at=docker_attempt.at,
    )


def _clock(engine: Engine, info: Mapping[str, Any]) -> tuple[float | None, float]:
    """The engine's clock against ours, at half the round trip, and how far off that may be."""
    theirs = moment(info.get("SystemTime"))
    if engine.local:
        return 0.0, 0.0
    if theirs is None or engine.asked is None:
        return None, 0.0
    half = (engine.asked[1] - engine.asked[0]) / 2
    ahead = theirs - (engine.asked[0] + half)
    return round(ahead.total_seconds(), 3), round(half.total_seconds(), 3)


def compose_service(stack: Stack, service: str) -> str:
    """The Compose service behind a component; raises NotPart when there is none."""
    names = services(stack)
    if service not in names:
        raise NotPart(f"oncall.toml says that there is no {service}")
    return names[service]


@probe()
def service_containers(service: str, stack: Stack, project: Project) -> ServiceContainers:
    """The state of each container of one service."""
    return containers_of(service, stack, project)


def containers_of(service: str, stack: Stack, project: Project) -> ServiceContainers:
    """The containers of a component's service, as a fact."""
    name, now = compose_service(stack, service), datetime.now(UTC)
    found = project.of(name)
    return ServiceContainers(
        component=service,
        service=name,
        project=project.name,
        containers=tuple(_state(one, now) for one in found),
        in_project=len(project.containers),
        other_services=() if found else tuple(sorted({one.service for one in project.containers})),
        other_projects=project.others,
    )


def _state(one: Container, now: datetime) -> ContainerState:
    return ContainerState(
        id=one.short,
        name=one.name,
        status=one.status,
        exit_code=one.exit_code,
        error=one.error,
        oom_killed=one.oom_killed,
        restarts=one.restarts,
        restart_policy=one.restart_policy,
        up_seconds=since(one.started_at, now) if one.running or one.status == "paused" else None,
        ended_seconds_ago=since(one.finished_at, now),
        memory_limit_mib=one.memory_limit / 2**20,
        pids_limit=one.pids_limit,
        image=one.image,
        created_at=one.created_at,
        started_at=one.started_at,
        finished_at=one.finished_at,
    )


def since(then: datetime | None, now: datetime) -> float | None:
    """Seconds that have passed; None when it never was."""
    return max(0.0, (now - then).total_seconds()) if then else None


def steady(service: str, found: tuple[Container, ...], limits: Limits) -> tuple[Container, ...]:
    """The containers, all of which run and stay up; raises CouldNotCheck otherwise, whatever the moment shows."""
    now = datetime.now(UTC)
    looping = [_state(one, now).looping(limits.restarts) for one in found]
    if not found or any(not one.running and not loops for one, loops in zip(found, looping, strict=True)):
        raise CouldNotCheck(f"{service} is not running (see test_service_is_running[{service}])")
    if any(looping):
        raise CouldNotCheck(f"{service} starts again and again (see test_service_stays_up[{service}])")
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
    name, now = compose_service(stack, service), datetime.now(UTC)
    found = steady(service, project.of(name), limits)
    checked = [(one, one.health) for one in found if one.health]
    if not checked:
        raise NotPart(f"{service} declares no health check to Docker")
    return ServiceHealth(
        component=service,
        service=name,
        accused=backend_health.blames if service == "backend" and isinstance(backend_health, HealthAnswer) else None,
        containers=tuple(
            HealthResult(
                id=one.short,
                name=one.name,
                status=health.status,
                streak=health.streak,
                exit_code=health.exit_code,
                output=health.output,
                up_seconds=since(one.started_at, now) or 0.0,
                starting_seconds=health.starting_seconds,
                failing_since=health.failing_since,
                since_within_seconds=health.since_within_seconds,
            )
            for one, health in checked
        ),
    )


@probe()
def backend_service(stack: Stack, project: Project) -> ServiceContainers:
    """The backend's containers, for the check that concerns it alone."""
    return containers_of("backend", stack, project)
