"""Where the database's container can be reached from this machine, and whether what was asked was that container.

Asked only on need, over a connection to the engine of its own: no look at a healthy database waits for Docker.
"""

import logging
import socket

from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.network import LOOPBACK, attachments, hosted, names_of
from oncall.probes.containers.services import docker_attempt, docker_client  # noqa: F401  the two looks that are made here
from oncall.probing.register import PROBES, client
from oncall.runtimes.runtime import Container, ContainerRuntime
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

FROM_CONTAINER = "from-container"
ADVICE = f'set postgres.host = "{FROM_CONTAINER}"'


@client(of="postgres", deadline=6.0)
def container_address(stack: Stack) -> str:
    """The address of the database's container on a network of its own; empty: the target says where it is."""
    if stack.postgres.absent or stack.postgres.host != FROM_CONTAINER or stack.postgres.url_variable:
        return ""
    instead = "say in postgres.host where it is"
    found, local = _containers(stack)
    if not local:
        raise CouldNotCheck(f"the engine is on another machine: {instead}", setting=stack.key("postgres.host"))
    if not found:
        raise CouldNotCheck("postgres is not running", root="service_containers.running[postgres]")
    if hosted(found[0]):
        return "127.0.0.1"
    addresses = [place.address for place in attachments(found[0]).values() if place.address]
    if not addresses:
        raise CouldNotCheck("postgres has no address on any network", root="peer_network[postgres]")
    return addresses[0]


def not_asked(stack: Stack, host: str, port: int, *, unresolved: bool = False) -> CouldNotCheck | None:
    """Why a look at this address says nothing of the database's container; None: it does, or the engine is silent.

    unresolved: the host's name has no address here. Between containers it would have one.
    """
    if stack.docker.absent or stack.postgres.runtime != "compose" or stack.postgres.url_variable:
        return None
    try:
        found, local = _containers(stack)
    except (CouldNotCheck, NotPart) as error:
        log.info("whose address %s is cannot be told: %s", host, error)
        return None
    names = {name.lower() for one in found for name in names_of(one, stack.postgres.service)}
    if not found or not local or any(hosted(one) for one in found):
        return None
    if any(_published(one, port) for one in found):
        return None
    setting = stack.key("postgres.host")
    if unresolved and host.lower() in names:
        told = f"{host} is a Compose name, known between containers alone; its port is not published"
        return CouldNotCheck(f"{told}: {ADVICE}", setting=setting)
    if host.lower() in (*LOOPBACK, socket.gethostname().lower()):
        told = f"the container {found[0].name} does not publish its port here, so {host}:{port} is not it"
        return CouldNotCheck(f"{told}: {ADVICE}", setting=setting)
    return None


def _published(container: Container, port: int) -> bool:
    """Whether anything of a container can be reached at a port of this machine."""
    return any(address.rpartition(":")[2] == str(port) for each in container.ports.values() for address in each)


def _containers(stack: Stack) -> tuple[list[Container], bool]:
    """The database's running containers, and whether they run on this machine."""
    if stack.docker.absent or stack.postgres.runtime != "compose":
        told = f'postgres.host = "{FROM_CONTAINER}" is for a database in a container'
        raise CouldNotCheck(told, setting=stack.key("postgres.host"))
    connection = PROBES["docker_attempt"].function(stack)
    try:
        runtime: ContainerRuntime = PROBES["docker_client"].function(stack, next(connection))
        found = runtime.containers(2.0).of(stack.postgres.service)
        return [one for one in found if one.running], runtime.local
    finally:
        next(connection, None)  # closes it
