"""Containers of others on our networks that bear a name of one of our services: Docker's resolver tells both.

Only where somebody of ours asks the service by its name: on a network that many projects share for their proxy, each of
them may well have an `app`.
"""

import logging
from collections.abc import Iterator

from oncall.facts.network import Namesake, Namesakes
from oncall.finding import Declared, NotPart
from oncall.probes.containers.network import attachments, names_of
from oncall.probes.containers.services import part_of, steady
from oncall.probing.register import client, probe
from oncall.runtimes.chosen import made_of
from oncall.runtimes.compose_records import PROJECT
from oncall.runtimes.runtime import Container, ContainerRuntime, Project
from oncall.target.graph import depends
from oncall.target.schema import Limits, Stack
from oncall.target.views import compose_services

log = logging.getLogger(__name__)


@client()
def network_neighbours(project: Project, docker_client: ContainerRuntime) -> tuple[Container, ...]:
    """The strange containers on the project's networks."""
    ids = {place.network_id for one in project.containers for place in attachments(one).values() if place.network_id}
    return docker_client.neighbours(tuple(sorted(ids))) if ids else ()


@probe()
def namesakes(
    service: str, stack: Stack, limits: Limits, project: Project, network_neighbours: tuple[Container, ...]
) -> Namesakes:
    """Who else bears the names of a service where others of the project ask it."""
    part = part_of(stack, service)
    if made_of(part) != "container":
        raise Declared(f"says that {service} is a {made_of(part)}, which is on no network of Docker's")
    own = steady(service, project.of(part.found_by), limits)
    asked_on = _asked_on(service, stack, project)
    networks = {name: place.network_id for one in own for name, place in attachments(one).items()}
    networks = {name: network_id for name, network_id in networks.items() if network_id in asked_on}
    if not networks:
        raise NotPart(f"nobody of the project asks {service} on a network")
    names = {name.lower() for one in own for name in names_of(one, part.found_by)}
    found = tuple(_namesakes(names, set(networks.values()), network_neighbours))
    log.info("%s: %d namesakes among %d neighbours", service, len(found), len(network_neighbours))
    return Namesakes(service=service, networks=tuple(sorted(networks)), neighbours=len(network_neighbours), found=found)


def _asked_on(service: str, stack: Stack, project: Project) -> set[str]:
    """The networks of those that depend on a service."""
    known = compose_services(stack)
    asking = [known[name] for name, on in depends(stack).items() if service in on and name in known]
    return {place.network_id for one in asking for each in project.of(one) for place in attachments(each).values()}


def _namesakes(names: set[str], networks: set[str], neighbours: tuple[Container, ...]) -> Iterator[Namesake]:
    for one in neighbours:
        for network, place in attachments(one).items():
            same = [alias for alias in place.aliases if alias.lower() in names]
            if same and place.network_id in networks:
                yield Namesake(
                    container=one.name,
                    project=one.labels.get(PROJECT, "")[:100],
                    network=network,
                    name=same[0],
                    address=place.address,
                )
