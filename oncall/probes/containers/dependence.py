"""Who depends on whom, read off the containers: Compose's own label, and the hosts that variables name.

Of a variable only its name becomes part of a fact.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from oncall.facts.dependence import Dependences, Edge
from oncall.gate.patterns import Pattern
from oncall.probes.containers.network import LOOPBACK, hosted, names_of
from oncall.probes.containers.parts import declared, undeclared
from oncall.probing.register import probe
from oncall.runtimes.runtime import Container, Project
from oncall.target.schema import Stack
from oncall.target.views import compose_services

log = logging.getLogger(__name__)

LABEL = "com.docker.compose.depends_on"  # of Compose v2: "postgres:service_started:false,redis:service_healthy:true"
LABELLED = "Compose label"
MOST = 500  # dependences of one run, and variables that are read of one container
LONGEST = 4096  # characters of a value
HOST = Pattern(
    r"://(?:[^@/\s]*@)?(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?(?:[/?#,]|\z)"
)
NAME = Pattern(r"(?i)(?:^|_)(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT|UPSTREAM|BROKERS?|PGHOST)(?:_|\z)|\APGHOST\z")
PLAIN = Pattern(r"(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::(?P<port>\d{1,5}))?")


class Told(Struct, frozen=True):
    """One mention of another part. label: it names a service, not a host."""

    source: str
    name: str
    port: str = ""
    label: bool = False


@probe()
def dependences(stack: Stack, project: Project) -> Dependences:
    """Labels and variables of all that runs, undeclared services among them, by their services' names."""
    owned = undeclared(stack, project) | declared(stack, project)
    book = _AddressBook(owned, compose_services(stack))
    found: dict[tuple[str, str], Edge] = {}
    asked: dict[str, tuple[str, ...]] = {}
    for component, each in owned.items():
        for one in each:
            for told in _told(one):
                on = book.owner(told, one) or component
                if on != component and len(found) < MOST:
                    found.setdefault((component, on), Edge(component=component, on=on, source=told.source))
                    if not told.label and component not in asked.get(on, ()):
                        asked[on] = (*asked.get(on, ()), component)
    log.info("%d dependences", len(found))
    return Dependences(
        containers=len(project.containers), edges=tuple(found.values()), published=book.published, asked=asked
    )


class _AddressBook:
    """Who is meant by a name: by the service's own, by those in a network, and on the host by the port."""

    def __init__(self, owned: Mapping[str, tuple[Container, ...]], declared_as: Mapping[str, str]) -> None:
        pairs = [(component, one) for component, each in owned.items() for one in each]
        known = {service.lower(): component for component, service in declared_as.items()}  # also without a container
        self.services = known | {one.service.lower(): component for component, one in pairs}
        self.names = known | {
            name.lower(): component for component, one in pairs for name in names_of(one, one.service)
        }
        self.published = _published(pairs)
        self.ports = {address.rpartition(":")[2]: component for address, component in self.published.items()}

    def owner(self, told: Told, by: Container) -> str:
        """The component behind a mention; empty: none of ours. by: who says it: its loopback may be the host's."""
        name = told.name.lower()
        if told.label:
            return self.services.get(name, "")
        on_the_host = by.kind != "container" or hosted(by)
        return self.ports.get(told.port, "") if name in LOOPBACK and on_the_host else self.names.get(name, "")


def _published(pairs: Iterable[tuple[str, Container]]) -> dict[str, str]:
    """ "0.0.0.0:3001" -> the component there; of two that want the same port the one that runs."""
    there = sorted(pairs, key=lambda pair: pair[1].running)
    return {address: component for component, one in there for known in one.ports.values() for address in known}


def _told(container: Container) -> Iterator[Told]:
    """What a container's label and variables mention."""
    for entry in container.labels.get(LABEL, "")[:LONGEST].split(","):
        if service := entry.partition(":")[0].strip():
            yield Told(LABELLED, service, label=True)
    for name in sorted(container.environment)[:MOST]:
        value = container.environment[name][:LONGEST].strip().strip("'\"")
        found = HOST.search(value) or (PLAIN.fullmatch(value) if NAME.search(name) else None)
        if found:
            yield Told(f"variable {name[:100]}", found["host"].strip("[]"), found["port"] or "")
