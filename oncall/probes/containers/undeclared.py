"""Every service of the project that no component of the target names: looked at as far as it goes, all at once.

Only of containers: of processes and units nobody can tell which are of the stack.
One look a question, as for the declared ones, so that a slow log or slow counters do not hide a state.
"""

import logging
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from oncall.facts.container_stats import ContainerStats
from oncall.facts.containers import LastWords, ServiceHealth
from oncall.facts.dependence import Dependences
from oncall.facts.undeclared import (
    UndeclaredHealth,
    UndeclaredLog,
    UndeclaredLogs,
    UndeclaredService,
    UndeclaredServices,
    UndeclaredStats,
)
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.health_checks import health_of
from oncall.probes.containers.parts import MOST_UNDECLARED, Parts, left_out, of_each, undeclared_parts
from oncall.probes.containers.services import state_of, steady
from oncall.probes.containers.stats import stats_of
from oncall.probes.logs.containers import SECONDS, LogReader, lately, log_of
from oncall.probes.logs.counting import fatal_lines
from oncall.probes.logs.last_words import words_of
from oncall.probing.register import probe
from oncall.runtimes.runtime import Container, ContainerRuntime, Project
from oncall.target.schema import Limits, Stack

log = logging.getLogger(__name__)

COUNTERS = 2.9  # seconds for the counters of all
MARGIN = 0.4  # seconds that the logs of all may take longer than those of one


@probe(deadline=4.0, optional=("dependences",))
def undeclared_service(
    stack: Stack,
    limits: Limits,
    project: Project,
    log_reader: LogReader,
    docker_client: ContainerRuntime,
    dependences: Dependences | CouldNotCheck | NotPart,
) -> UndeclaredServices:
    """The state of each container that no component names, and the last words of those that do not run."""
    now, parts = datetime.now(UTC), undeclared_parts(stack, project)
    found = {name: _service(name, containers, project, now) for name, containers in parts.items()}
    asked = dependences.asked if isinstance(dependences, Dependences) else {}
    found = {name: replace(one, asked_by=asked.get(name, ())) for name, one in found.items()}
    sick = {name: parts[name] for name, one in found.items() if one.sick(limits.restarts)}
    said, silent = of_each(
        sick, lambda name: words_of(found[name].containers, limits.restarts, log_reader, name), SECONDS + MARGIN
    )
    for name, words in said.items():
        found[name] = replace(found[name], last_words=words)
    for name, reason in silent.items():
        found[name] = replace(found[name], last_words=LastWords(silence=reason))
    log.info("%d undeclared services: %s", len(found), ", ".join(found) or "none")
    more = left_out(stack, project)
    unseen = {
        f"and-{more}-more": f"{more} more containers: at most {MOST_UNDECLARED} undeclared services are looked at"
    }
    return UndeclaredServices(
        project=project.name,
        in_project=len(project.containers),
        parts=tuple(found.values()),
        unseen=unseen if more else {},
    )


@probe()
def undeclared_service_health(
    stack: Stack, limits: Limits, project: Project, docker_client: ContainerRuntime
) -> UndeclaredHealth:
    """What Docker's own health checks of those services say."""
    parts = undeclared_parts(stack, project)
    checked = {name: found for name, found in parts.items() if any(one.health for one in found)}
    running, unseen = _running(checked, limits)
    return UndeclaredHealth(
        project=project.name,
        in_project=len(project.containers),
        parts=tuple(
            ServiceHealth(component=name, service=found[0].service, containers=health_of(found, datetime.now(UTC)))
            for name, found in running.items()
        ),
        unseen=unseen,
    )


@probe(deadline=3.5)
def undeclared_service_stats(
    stack: Stack, limits: Limits, project: Project, docker_client: ContainerRuntime
) -> UndeclaredStats:
    """Memory, CPU and processes of those services' running containers."""
    running, unseen = _running(undeclared_parts(stack, project), limits)

    def look(name: str) -> ContainerStats:
        return stats_of(name, running[name][0].service, running[name], docker_client, limits)

    found, missing = of_each(running, look, COUNTERS)
    return UndeclaredStats(
        project=project.name, in_project=len(project.containers), parts=tuple(found.values()), unseen=unseen | missing
    )


@probe(deadline=4.0)
def undeclared_service_log(
    stack: Stack, limits: Limits, project: Project, log_reader: LogReader, docker_client: ContainerRuntime
) -> UndeclaredLogs:
    """Known signatures and fatal lines in those services' logs."""
    now, recent = datetime.now(UTC), timedelta(minutes=limits.recent_minutes)

    def look(name: str) -> UndeclaredLog:
        read = log_of(name, log_reader, limits)
        fresh = [lately(one, now - recent) for one in log_reader.of(name)]
        return UndeclaredLog(component=name, log=read, fatal=fatal_lines(fresh))

    parts = undeclared_parts(stack, project)
    parts = {name: parts[name] for name in parts if not all(state_of(one, now).done for one in parts[name])}
    found, unseen = of_each(parts, look, SECONDS + MARGIN)
    return UndeclaredLogs(
        project=project.name, in_project=len(project.containers), parts=tuple(found.values()), unseen=unseen
    )


def _service(name: str, containers: tuple[Container, ...], project: Project, now: datetime) -> UndeclaredService:
    return UndeclaredService(
        component=name,
        service=containers[0].service,
        project=project.name,
        containers=tuple(state_of(one, now) for one in containers),
        in_project=len(project.containers),
    )


def _running(parts: Parts, limits: Limits) -> tuple[Parts, dict[str, str]]:
    """Those whose containers all run and stay up, and why the others cannot be looked at; finished jobs are neither."""
    running: Parts = {}
    unseen: dict[str, str] = {}
    for name, containers in parts.items():
        left = tuple(one for one in containers if not state_of(one, datetime.now(UTC)).done)
        try:
            if left:
                running[name] = steady(name, left, limits)
        except CouldNotCheck as error:
            unseen[name] = str(error)
    return running, unseen
