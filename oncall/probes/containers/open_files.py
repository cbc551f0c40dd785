"""How many files the processes of a service have open, against their own limits."""

import logging

from oncall.facts.open_files import ProcessFiles, ServiceFiles
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.services import compose_service, steady
from oncall.probing.register import probe
from oncall.runtimes.runtime import Container, OpenFiles, Project, Runtime, at_once
from oncall.target.schema import Limits, Stack

log = logging.getLogger(__name__)

SECONDS = 1.5


@probe()
def service_open_files(service: str, stack: Stack, limits: Limits, runtime: Runtime, project: Project) -> ServiceFiles:
    """The open files of each process of one service."""
    found = steady(service, project.of(compose_service(stack, service)), limits)
    processes: list[ProcessFiles] = []
    for told in at_once(lambda one: _open_files(runtime, one), found, SECONDS + 0.3):
        if isinstance(told, CouldNotCheck | NotPart):
            raise told
        processes += [ProcessFiles(process=one.process, count=one.count, limit=one.limit) for one in told]
    log.info("%s: %d processes looked into", service, len(processes))
    return ServiceFiles(component=service, processes=tuple(processes))


def _open_files(runtime: Runtime, container: Container) -> tuple[OpenFiles, ...] | NotPart:
    """What its runtime tells; where the target allows no command inside, and nothing else tells, that it does not."""
    try:
        return runtime.open_files(container, SECONDS)
    except NotPart as declared:
        return declared
