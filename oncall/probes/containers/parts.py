"""Which containers belong to whom: the components that the target names, and what runs beside them unnamed."""

from collections.abc import Callable
from typing import TypeVar

from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.patterns import Pattern
from oncall.runtimes.runtime import Container, Project, at_once
from oncall.target.kinds import roles
from oncall.target.placeholders import ENDING
from oncall.target.schema import SERVICE_NAME, Stack
from oncall.target.views import components, services

Looked = TypeVar("Looked")
Parts = dict[str, tuple[Container, ...]]

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


def undeclared_parts(stack: Stack, project: Project) -> Parts:
    """The undeclared services; raises CouldNotCheck for a project without any container, which is a wrong name."""
    if not project.containers:
        raise CouldNotCheck(
            f"the project {project.name} has no container", root="compose_project", setting="docker.project"
        )
    return undeclared(stack, project)


def of_each(parts: Parts, look: Callable[[str], Looked], seconds: float) -> tuple[dict[str, Looked], dict[str, str]]:
    """What a look at each part brought, all at the same time; and why some brought nothing."""
    found: dict[str, Looked] = {}
    missing: dict[str, str] = {}
    for name, one in zip(parts, at_once(look, [*parts], seconds), strict=True):
        if isinstance(one, CouldNotCheck):
            missing[name] = str(one)
        else:
            found[name] = one
    return found, missing
