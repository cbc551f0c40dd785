"""Who listens inside of a service's containers, at the ports at which others ask it.

Loopback inside of a container is that container's own: nobody else gets there. Units and processes share the host's.
"""

import logging
import socket
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from oncall.facts.backend import HealthAnswer
from oncall.facts.frontend import Page
from oncall.facts.listening import Ears, Listening
from oncall.facts.postgres import DatabaseConnection
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.containers.health_checks import since
from oncall.probes.containers.network import attachments, hosted
from oncall.probes.containers.secrets import learn_environments
from oncall.probes.containers.services import part_of, steady
from oncall.probing.register import probe
from oncall.runtimes.chosen import made_of
from oncall.runtimes.runtime import Container, ContainerRuntime, Inside, Project, at_once
from oncall.target.kinds import kind_of
from oncall.target.schema import Limits, Stack
from oncall.target.secrets import Secrets

log = logging.getLogger(__name__)

SECONDS = 1.5  # for a look inside
CONNECT = 1.0  # seconds: a lost packet is sent again after one
FRESH = 10.0  # seconds after its start that a part without a health check may not yet listen
NEAR = 16  # bits that our address on a bridge shares with the container's: Docker's pools are not larger
TCP = "/tcp"

Look = HealthAnswer | Page | DatabaseConnection | CouldNotCheck | NotPart


@probe(deadline=4.5, optional=("backend_health", "frontend_page", "database_connection"))
def listening(
    service: str,
    stack: Stack,
    limits: Limits,
    secrets: Secrets,
    project: Project,
    docker_client: ContainerRuntime,
    backend_health: Look,
    frontend_page: Look,
    database_connection: Look,
) -> Listening:
    """The listening sockets of each container of a service; where that one gives no answer, whether packets arrive."""
    part = part_of(stack, service)
    if made_of(part) != "container":
        raise Declared(f"says that {service} is a {made_of(part)}, which listens on its host")
    learn_environments(project, secrets)
    found = steady(service, project.of(part.found_by), limits)
    ports = {one.id: _ports(one, kind_of(part).port) for one in found if not hosted(one)}
    asked = [one for one in found if ports.get(one.id)]
    if not asked:
        raise NotPart(f"{service} has no port of its own")
    looks = {"backend_health": backend_health, "frontend_page": frontend_page}
    silent = _silent((looks | {"database_connection": database_connection}).get(kind_of(part).asked_by))
    seen = []
    for one, inside in zip(asked, at_once(lambda one: _inside(docker_client, one), asked, SECONDS), strict=True):
        if isinstance(inside, CouldNotCheck | NotPart):
            raise inside
        seen.append(_ears(one, ports[one.id], inside, try_it=silent and docker_client.local))
        if seen[-1].deaf and _starting(one):
            raise CouldNotCheck(f"{service} has just been started, and listens to nobody yet: ask again soon")
    log.info("%s: %s", service, "; ".join(one.evidence for one in seen))
    return Listening(service=service, containers=tuple(seen))


def _inside(runtime: ContainerRuntime, container: Container) -> Inside | NotPart:
    """Who listens; where the target allows no command inside, and nothing else tells, that it does not."""
    try:
        return runtime.inside(container, SECONDS)
    except NotPart as declared:
        return declared


def _ports(container: Container, usual: int | None) -> tuple[int, ...]:
    """The TCP ports at which it is to be asked: the published ones, else those that it says it has."""
    tcp = {int(name.removesuffix(TCP)): bool(at) for name, at in container.ports.items() if _is_tcp(name)}
    published = tuple(sorted(port for port, out in tcp.items() if out))
    return published or tuple(sorted({*tcp, *([usual] if usual else [])}))


def _is_tcp(name: str) -> bool:
    return name.endswith(TCP) and name.removesuffix(TCP).isdecimal()


def _starting(container: Container) -> bool:
    up = since(container.started_at, datetime.now(UTC)) or 0.0
    if container.health:
        return container.health.status == "starting" and up < container.health.starting_seconds
    return up < FRESH


def _silent(look: Look | None) -> bool:
    """Whether the part gave no answer to us."""
    if isinstance(look, DatabaseConnection):
        return not look.answered
    exchange = getattr(look, "exchange", None)
    return exchange is not None and not exchange.answered


def _ears(container: Container, wanted: tuple[int, ...], inside: Inside, *, try_it: bool) -> Ears:
    open_: list[str] = []
    own: list[str] = []
    elsewhere: list[str] = []
    for one in inside.listeners:
        at = f"{one.address}:{one.port}"
        if one.port in wanted:
            (own if _loopback(one.address) else open_).append(at)
        elif not _loopback(one.address):
            elsewhere.append(at)
    free = [one.port for one in inside.listeners if one.port in wanted and not _loopback(one.address)]
    tried = next((one for one in free if not any(each.waiting for each in inside.listeners if each.port == one)), 0)
    return Ears(
        id=container.short,
        name=container.name,
        command=inside.command,
        wanted=wanted,
        published=any(container.ports.get(f"{port}{TCP}") for port in wanted),
        open=tuple(dict.fromkeys(open_))[:8],
        own=tuple(dict.fromkeys(own))[:8],
        elsewhere=tuple(dict.fromkeys(elsewhere))[:8],
        unreached=unreached(container, tried) if tried and try_it else "",
    )


def _loopback(address: str) -> bool:
    ip = ip_address(address.strip("[]"))
    inner = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (inner or ip).is_loopback


def unreached(container: Container, port: int) -> str:
    """The container's address and port, if a connection to it from this machine's end of the bridge times out."""
    for place in attachments(container).values():
        if _on_our_bridge(place.address):
            try:
                socket.create_connection((place.address, port), CONNECT).close()
            except TimeoutError:
                return f"{place.address}:{port}"
            except OSError:
                continue
            return ""
    return ""


def _on_our_bridge(address: str) -> bool:
    """Whether this machine has an end of the container's network; a rootless engine's is in a world of its own."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.connect((address, 9))  # sends nothing
            return IPv4Address(ours.getsockname()[0]) in ip_network(f"{IPv4Address(address)}/{NEAR}", strict=False)
    except (OSError, ValueError):
        return False
