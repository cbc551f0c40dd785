"""How many files the processes of a service have open, against their own limits."""

import logging

from oncall.facts.open_files import ProcessFiles, ServiceFiles
from oncall.finding import CouldNotCheck
from oncall.probes.containers.services import compose_service, steady
from oncall.probing.register import probe
from oncall.runtimes.runtime import Project, Runtime, at_once
from oncall.target.schema import Limits, Stack

log = logging.getLogger(__name__)

SECONDS = 1.5


@probe()
def service_open_files(service: str, stack: Stack, limits: Limits, runtime: Runtime, project: Project) -> ServiceFiles:
    """The open files of each process of one service."""
    found = steady(service, project.of(compose_service(stack, service)), limits)
    processes: list[ProcessFiles] = []
    for told in at_once(lambda one: runtime.open_files(one, SECONDS), found, SECONDS + 0.3):
        if isinstance(told, CouldNotCheck):
            raise told
        processes += [ProcessFiles(process=one.process, count=one.count, limit=one.limit) for one in told]
    log.info("%s: %d processes looked into", service, len(processes))
    return ServiceFiles(component=service, processes=tuple(processes))
