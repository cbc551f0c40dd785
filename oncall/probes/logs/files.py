"""The files behind a log, where a part writes it into files and not into the engine or the journal."""

from oncall.facts.log_files import LogFiles
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.containers.services import part_of
from oncall.probing.register import probe
from oncall.runtimes.chosen import made_of
from oncall.runtimes.runtime import Project, Runtime
from oncall.target.schema import Stack

Missing = CouldNotCheck | NotPart


@probe(deadline=4.0, optional=("runtime", "project"))
def log_files(service: str, stack: Stack, runtime: Runtime | Missing, project: Project | Missing) -> LogFiles:
    """Whether a part writes into a file that somebody has deleted, by what the kernel says that it has open."""
    part = part_of(stack, service)
    if made_of(part) == "container":
        raise Declared(f"says that {service} is a container, whose log the engine keeps")
    if isinstance(runtime, CouldNotCheck | NotPart):
        raise runtime
    if isinstance(project, CouldNotCheck | NotPart):
        raise project
    running = [one for one in project.of(part.found_by) if one.process]
    if not running:
        raise NotPart(f"{service} does not run: it has no file open")
    deleted = {path for one in running for path in runtime.deleted_logs(one)}
    return LogFiles(component=service, processes=len(running), deleted=tuple(sorted(deleted)))
