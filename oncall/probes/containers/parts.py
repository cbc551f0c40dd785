"""Which containers belong to whom: the components that the target names, and what runs beside them unnamed."""

from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.runtimes.runtime import Container, Project
from oncall.target.kinds import roles
from oncall.target.placeholders import ENDING
from oncall.target.schema import SERVICE_NAME, Stack
from oncall.target.views import components, services

MOST_UNDECLARED = 50  # parts that a run looks at without having been told of them
LONGEST = 63  # characters of a name
NAME = Pattern(SERVICE_NAME)


def declared(stack: Stack, project: Project) -> dict[str, tuple[Container, ...]]:
    """The containers of each component that has a service; none where there is none."""
    return {component: _there(project, service) for component, service in services(stack).items()}


def _there(project: Project, service: str) -> tuple[Container, ...]:
    """What runs of a service, nothing where its runtime could not be asked."""
    try:
        return project.of(service)
    except (CouldNotCheck, NotPart):
        return ()


def undeclared(stack: Stack, project: Project) -> dict[str, tuple[Container, ...]]:
    """The containers of every service that no component names, by the name that this part has in findings.

    That is the service's own. Labels may be written by anybody: a container whose service has no name that Compose
    allows is a part of its own, by its id; a service that is called like a component of ours gets an ending.
    """
    known, taken = {*services(stack).values()}, {*components(stack), *roles()}
    found: dict[str, list[Container]] = {}
    for one in project.containers:
        if one.service in known:
            continue
        plain = len(one.service) <= LONGEST and NAME.fullmatch(one.service)
        name = one.service if plain else one.short
        found.setdefault(name + ENDING if name in taken else name, []).append(one)
    return {name: tuple(found[name]) for name in sorted(found)[:MOST_UNDECLARED]}


def left_out(stack: Stack, project: Project) -> int:
    """How many containers of undeclared services are more than a run looks at."""
    seen = sum(map(len, undeclared(stack, project).values()))
    return sum(one.service not in services(stack).values() for one in project.containers) - seen
