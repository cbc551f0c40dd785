"""What containers use, from quick samples of the engine's counters.

The engine's own CPU figure costs two seconds. Two samples of the counters cost little more than the pause between them
(through Docker 20.10 a second or two, because it gives one a second). Only who looks busy then is watched for longer,
because a burst is no problem.
"""

import logging
import time

from msgspec.structs import replace

from oncall.facts.container_stats import ContainerStats, ContainerUse
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.services import compose_service, steady
from oncall.probing.register import probe
from oncall.runtimes.runtime import Container, Project, Runtime, Sample, at_once
from oncall.target.schema import Limits, Stack

log = logging.getLogger(__name__)

PAUSE = 0.4
PATIENCE = 1.6  # after so long, no further sample is begun
SECONDS = 2.8
MIB = 2**20


@probe(deadline=3.0)
def container_stats(service: str, stack: Stack, limits: Limits, runtime: Runtime, project: Project) -> ContainerStats:
    """Memory, CPU and processes of each container of one service."""
    name = compose_service(stack, service)
    return stats_of(service, name, steady(service, project.of(name), limits), runtime, limits)


def stats_of(
    component: str, service: str, found: tuple[Container, ...], runtime: Runtime, limits: Limits
) -> ContainerStats:
    """What running containers use, as a fact; raises CouldNotCheck when one cannot be sampled."""
    used: list[ContainerUse] = []
    for one in at_once(lambda one: _watch(one, runtime, limits), found, SECONDS):
        if isinstance(one, CouldNotCheck):
            raise one
        used.append(one)
    log.info("%s: %s", component, ", ".join(f"{one.memory_mib:.0f} MiB, CPU {one.cpu_percent:.0f} %" for one in used))
    return ContainerStats(component=component, service=service, containers=tuple(used))


def _watch(container: Container, runtime: Runtime, limits: Limits) -> ContainerUse:
    began, samples = time.monotonic(), [runtime.sample(container)]
    use: ContainerUse | None = None
    while use is None or (_busy(use, limits) and time.monotonic() - began < PATIENCE):
        time.sleep(PAUSE)
        try:
            samples.append(runtime.sample(container))
        except CouldNotCheck:
            if use is None:
                raise
            break  # what has been seen is enough
        use = _use(container, samples)
    return use


def _busy(use: ContainerUse, limits: Limits) -> bool:
    return (
        use.cpu_percent >= limits.container_cpu_percent or use.throttled_percent >= limits.container_throttled_percent
    )


def _use(container: Container, samples: list[Sample]) -> ContainerUse:
    last = samples[-1]
    cpus = min(container.cpus or last.cpus, last.cpus)
    pairs = [(before, after) for before, after in zip(samples, samples[1:], strict=False) if after.at > before.at]
    if not pairs:
        raise CouldNotCheck(f"the counters of {container.name} did not advance")
    percents = [
        100.0 * max(0.0, after.cpu_seconds - before.cpu_seconds) / (after.at - before.at) / cpus
        for before, after in pairs
    ]
    held_back = [
        100.0 * (after.throttled - before.throttled) / (after.periods - before.periods)
        if after.periods > before.periods
        else 0.0
        for before, after in pairs
    ]
    return ContainerUse(
        id=container.short,
        name=container.name,
        seconds=round(last.at - samples[0].at, 3),
        memory_mib=round(last.memory / MIB, 1),
        memory_limit_mib=round(container.memory_limit / MIB, 1),
        cpu_percent=round(min(percents), 1),
        cpu_most_percent=round(max(percents), 1),
        cpus=cpus,
        throttled_percent=round(max(0.0, min(held_back)), 1),
        processes=last.pids,
        processes_limit=container.pids_limit or last.pids_limit,
    )


@probe()
def container_memory(service: str, stack: Stack, container_stats: ContainerStats) -> ContainerStats:
    """The containers of one service that have a memory limit."""
    limited = tuple(one for one in container_stats.containers if one.memory_limit_mib)
    if not limited and service == stack.named("backend"):
        raise CouldNotCheck(f"{service} has no memory limit", root="backend_service")
    if not limited:
        raise NotPart(f"{service} has no memory limit")
    return replace(container_stats, containers=limited)


@probe()
def container_processes(service: str, container_stats: ContainerStats) -> ContainerStats:
    """The containers of one service that have a limit of processes."""
    limited = tuple(one for one in container_stats.containers if one.processes_limit)
    if not limited:
        raise NotPart(f"{service} has no limit of processes")
    return replace(container_stats, containers=limited)
