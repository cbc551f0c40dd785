"""Whether the engine has anything of the project at all: a wrong name looks like a stack that was never made."""

import logging

from oncall.facts.backend import HealthAnswer
from oncall.facts.frontend import Page
from oncall.facts.postgres import DatabaseConnection
from oncall.facts.project import ComposeProject
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.containers.services import NO_DOCKER, NOT_IN_DOCKER
from oncall.probing.register import probe
from oncall.runtimes.runtime import Project
from oncall.target.schema import Stack
from oncall.target.views import parts

log = logging.getLogger(__name__)

Blind = CouldNotCheck | NotPart


@probe(deadline=3.0, optional=("database_connection", "backend_health", "frontend_page"))
def compose_project(
    stack: Stack,
    project: Project,
    database_connection: DatabaseConnection | Blind,
    backend_health: HealthAnswer | Blind,
    frontend_page: Page | Blind,
) -> ComposeProject:
    """How many containers the project has, and whether its parts answer although it has none."""
    if stack.docker.absent:
        raise Declared(NO_DOCKER)
    if not any(part.runtime == "compose" for part in parts(stack).values()):
        raise Declared(NOT_IN_DOCKER)
    found = [one for one in project.containers if one.kind == "container"]
    answering = [
        name
        for name, answers in (
            ("postgres", isinstance(database_connection, DatabaseConnection) and database_connection.answered),
            ("backend", isinstance(backend_health, HealthAnswer) and backend_health.exchange.answered),
            ("frontend", isinstance(frontend_page, Page) and frontend_page.exchange.answered),
        )
        if answers
    ]
    log.info("%s: %d containers", project.name, len(found))
    if answering and not found:
        raise CouldNotCheck(
            f"the engine has no project {stack.docker.project}, and {' and '.join(map(stack.named, answering))} "
            f"{'answers' if len(answering) == 1 else 'answer'}: set docker.project, or docker.absent",
            setting="docker.project",
        )
    return ComposeProject(name=stack.docker.project, containers=len(found), others=project.others)
