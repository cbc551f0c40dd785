"""The network between the containers, as inspecting tells it: who shares one, where the backend looks for its database.

Nothing is run inside a container here; see container_reach.py for that.
"""

import logging
from collections.abc import Mapping
from ipaddress import ip_address

from msgspec import Struct

from oncall.facts.network import PeerNetwork
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.gate.patterns import Pattern
from oncall.probes.containers.secrets import learn_environments
from oncall.probes.containers.services import part_of, steady
from oncall.probing.register import client, probe
from oncall.runtimes.chosen import made_of
from oncall.runtimes.runtime import Attachment, Container, Project
from oncall.target.graph import depends
from oncall.target.schema import Limits, Stack
from oncall.target.secrets import Secrets
from oncall.target.views import parts

log = logging.getLogger(__name__)

LOOPBACK = ("localhost", "127.0.0.1", "::1")

NOT_A_NETWORK = ("none", "null")
URL = Pattern(
    r"\A(?:jdbc:)?postgres(?:ql)?(?:\+\w+)?://(?:[^@/?#]*?(?::[^@]*)?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/?#,@]*)(?::(?P<port>\d+))?"
)
URL_NAMES = ("DATABASE_URL", "POSTGRES_URL", "POSTGRESQL_URL", "PG_URL", "DB_URL", "SPRING_DATASOURCE_URL")
HOST_NAMES = ("PGHOST", "DB_HOST", "DATABASE_HOST", "POSTGRES_HOST", "POSTGRESQL_HOST", "TYPEORM_HOST")
NAME = Pattern(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|[0-9A-Fa-f:.]+")


@probe()
def peer_network(service: str, stack: Stack, limits: Limits, project: Project) -> PeerNetwork:
    """The networks of a service, and those of the services that it talks to."""
    if (kind := made_of(part_of(stack, service))) != "container":
        raise Declared(f"says that {service} is a {kind}, which has no network of its own")
    known = {name: part.found_by for name, part in parts(stack).items() if part.runtime == "compose"}
    own = steady(service, project.of(known[service]), limits)
    networks = [attachments(one) for one in own if not hosted(one)]
    names = {name for each in networks for name in each} | ({"the host's"} if len(networks) < len(own) else set())
    peers = {peer: _alive(project, known[peer]) for peer in needed(stack, service, known)}
    peers_without_network = [peer for peer, found in peers.items() if found and not any(map(_reachable, found))]
    common = (
        set.intersection(*({place.network_id for place in each.values()} for each in networks)) if networks else None
    )
    unshared_peers = [
        peer
        for peer, found in peers.items()
        if found
        and peer not in peers_without_network
        and common is not None
        and not any(map(hosted, found))
        and not _meets(common, found)
    ]
    log.info("%s: on %s", service, ", ".join(sorted(names)) or "no network")
    return PeerNetwork(
        service=service,
        containers=len(own),
        networks=tuple(sorted(names)),
        unattached=sum(not each for each in networks),
        without_address=tuple(sorted({name for each in networks for name, place in each.items() if not place.address})),
        peers={
            peer: ", ".join(sorted({name for one in found for name in attachments(one)}))
            for peer, found in peers.items()
            if found
        },
        unshared_peers=tuple(unshared_peers),
        peers_without_network=tuple(peers_without_network),
    )


def _alive(project: Project, service: str) -> tuple[Container, ...]:
    return tuple(one for one in project.of(service) if one.status in ("running", "paused", "restarting"))


def _reachable(container: Container) -> bool:
    return bool(attachments(container)) or hosted(container)


def needed(stack: Stack, service: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Whom a service calls. The one that is called is not judged for it, so that one fault is told once."""
    return tuple(peer for peer in depends(stack).get(service, ()) if peer in known)


def running(project: Project, service: str, component: str) -> tuple[Container, ...]:
    """A service's running containers; raises CouldNotCheck when there is none."""
    found = tuple(one for one in project.of(service) if one.running)
    if not found:
        raise CouldNotCheck(f"{component} is not running", root=f"service_containers.running[{component}]")
    return found


def attachments(container: Container) -> dict[str, Attachment]:
    """The networks that a container can be reached on."""
    return {name: place for name, place in container.networks.items() if name not in (*NOT_A_NETWORK, "host")}


def hosted(container: Container) -> bool:
    """Whether it has no network of its own: it uses the host's, or another container's."""
    return container.network_mode == "host" or container.network_mode.startswith("container:")


def _meets(shared: set[str], peers: tuple[Container, ...]) -> bool:
    return any(place.network_id in shared for one in peers for place in attachments(one).values())


class Route(Struct, frozen=True):
    """Where the backend's container looks for its database. database: the addresses of ours, if it is one of ours."""

    container: Container
    host: str
    port: int
    database: tuple[str, ...] = ()

    @property
    def pinned(self) -> str:
        """The line of the container's own hosts file that says what the name means; empty: a name server is asked."""
        return next((line for line in self.container.extra_hosts if line.partition(":")[0] == self.host), "")

    @property
    def literal(self) -> bool:
        try:
            ip_address(self.host)
        except ValueError:
            return False
        return True


@client(of="backend")
def database_route(stack: Stack, limits: Limits, secrets: Secrets, project: Project) -> Route:
    """The backend's first running container, and the database's name and port as its variables say."""
    for part, words in ((stack.backend, "backend"), (stack.postgres, "database")):
        if part.absent:
            raise Declared(f"says that there is no {words}")
        if part.runtime != "compose":
            raise Declared(f"says that the {words} runs in no container")
    if not stack.docker.exec:
        raise Declared("says that nothing may be run in a container (docker.exec)")
    learn_environments(project, secrets)
    api, server = stack.named("backend"), stack.named("postgres")
    (container,) = steady(api, running(project, stack.backend.service, api)[:1], limits)
    host, port = wanted(container.environment) or (stack.postgres.service, 5432)
    if host.startswith("/"):
        raise NotPart("the backend reaches its database through a socket file")
    if not NAME.fullmatch(host):
        raise CouldNotCheck("the backend's variables name a database host that is no name and no address")
    database = [one for one in project.of(stack.postgres.service) if host in names_of(one, stack.postgres.service)]
    if database:
        steady(server, running(project, stack.postgres.service, server)[:1], limits)
        _share(container, database, api, server)
    places = (place for one in database for place in attachments(one).values())
    return Route(container, host, port, tuple(sorted({place.address for place in places if place.address})))


def _share(container: Container, database: list[Container], api: str, server: str) -> None:
    """Raise CouldNotCheck when no name could resolve, because the two share no network."""
    if hosted(container) or any(hosted(one) for one in database):
        return
    own = {place.network_id for place in attachments(container).values()}
    if not _meets(own, tuple(database)):
        lost = api if not own or any(attachments(one) for one in database) else server
        raise CouldNotCheck("the backend shares no network with the database", root=f"peer_network[{lost}]")


def names_of(container: Container, service: str) -> set[str]:
    """What its neighbours may call a container."""
    places = container.networks.values()
    aliases = {alias for place in places for alias in (*place.aliases, place.address) if alias}
    return {service, container.name, container.short} | aliases


def wanted(environment: Mapping[str, str]) -> tuple[str, int] | None:
    """The database's host and port in a process's variables."""
    for name in (*URL_NAMES, *sorted(environment)):
        found = URL.match(environment.get(name, "").strip().strip("'\""))
        if found and found["host"]:
            return found["host"].strip("[]"), int(found["port"] or 5432)
    for name in HOST_NAMES:
        if host := environment.get(name, "").strip():
            port = environment.get(name.replace("HOST", "PORT"), "").strip()
            return host, int(port) if port.isdecimal() and len(port) < 6 else 5432
    return None
