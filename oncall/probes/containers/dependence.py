"""Who depends on whom, read off the containers: Compose's own label, and the hosts that variables name.

Of a variable only its name becomes part of a fact.
"""

import logging
from collections.abc import Iterator

from oncall.facts.dependence import Dependences, Edge
from oncall.gate.patterns import Pattern
from oncall.probes.containers.network import names_of
from oncall.probes.containers.parts import declared, undeclared
from oncall.probing.register import probe
from oncall.runtimes.runtime import Container, Project
from oncall.target.schema import Stack

log = logging.getLogger(__name__)

LABEL = "com.docker.compose.depends_on"  # of Compose v2: "postgres:service_started:false,redis:service_healthy:true"
LABELLED = "Compose label"
MOST = 500  # dependences of one run, and variables that are read of one container
LONGEST = 4096  # characters of a value
HOST = Pattern(r"://(?:[^@/\s]*@)?(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])")
NAME = Pattern(r"(?i)(?:^|_)(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT|UPSTREAM|BROKERS?|PGHOST)(?:_|\z)|\APGHOST\z")
PLAIN = Pattern(r"(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?::\d{1,5})?")


@probe()
def dependences(stack: Stack, project: Project) -> Dependences:
    """Labels and variables of all containers, those of undeclared services among them, by their services' names."""
    owned = undeclared(stack, project) | declared(stack, project)
    services = {one.service.lower(): component for component, each in owned.items() for one in each}
    names = {
        name.lower(): component
        for component, each in owned.items()
        for one in each
        for name in names_of(one, one.service)
    }
    found: dict[tuple[str, str], Edge] = {}
    for component, each in owned.items():
        for source, name in (pair for one in each for pair in _told(one)):
            on = (services if source == LABELLED else names).get(name.lower(), component)
            if on != component and len(found) < MOST:
                found.setdefault((component, on), Edge(component=component, on=on, source=source))
    log.info("%d dependences", len(found))
    return Dependences(containers=len(project.containers), edges=tuple(found.values()))


def _told(container: Container) -> Iterator[tuple[str, str]]:
    """Where it is said, and the name of a service or a host."""
    for entry in container.labels.get(LABEL, "")[:LONGEST].split(","):
        if service := entry.partition(":")[0].strip():
            yield LABELLED, service
    for name in sorted(container.environment)[:MOST]:
        value = container.environment[name][:LONGEST].strip().strip("'\"")
        found = HOST.search(value) or (PLAIN.fullmatch(value) if NAME.search(name) else None)
        if found:
            yield f"variable {name[:100]}", found["host"].strip("[]")
