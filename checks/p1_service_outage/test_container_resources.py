"""P1 Service outage: a container is at its limits."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("container-resources")]


def test_container_memory_is_under_its_limit(service, container_memory, limits, finding):
    """The service slows down, and then gets killed."""
    full = container_memory.over_memory(limits.container_memory_percent)
    assert not full, finding(
        f"{service} uses {full[0].memory_percent:.0f} % of its memory limit",
        evidence={
            f"{one.name} {one.id}": f"{one.memory_mib:.0f} of {one.memory_limit_mib:.0f} MiB, cache not counted"
            for one in full[:5]
        },
        component=service,
        layer="fast",
    )


def test_container_cpu_is_not_pegged(service, container_stats, limits, finding):
    """Everything that this service does takes long."""
    busy = container_stats.over_cpu(limits.container_cpu_percent)
    assert not busy, finding(
        f"{service} uses {busy[0].cpu_percent:.0f} % of the CPU that it may use",
        evidence={
            f"{one.name} {one.id}": f"{one.cpu_percent:.0f} % of {one.cpus:g} CPUs for {one.seconds:.1f} s"
            for one in busy[:5]
        },
        component=service,
        layer="fast",
    )
    held = container_stats.throttled(limits.container_throttled_percent)
    assert not held, finding(
        f"{service} is held back by its CPU limit in {held[0].throttled_percent:.0f} % of the periods",
        evidence={
            f"{one.name} {one.id}": f"{one.cpu_percent:.0f} % of {one.cpus:g} CPUs, throttled in "
            f"{one.throttled_percent:.0f} % of the periods for {one.seconds:.1f} s"
            for one in held[:5]
        },
        component=service,
        layer="fast",
    )


def test_container_processes_are_under_their_limit(service, container_processes, limits, finding):
    """New requests, workers and health checks fail with 'Resource temporarily unavailable'."""
    full = container_processes.over_processes(limits.container_pids_percent)
    assert not full, finding(
        f"{service} has {full[0].processes} of the {full[0].processes_limit} processes and threads that it may have",
        evidence={f"{one.name} {one.id}": f"{one.processes} of {one.processes_limit}" for one in full[:5]},
        component=service,
        layer="fast",
    )


def test_open_files_are_under_their_limit(service, service_open_files, limits, finding):
    """New connections hang or fail with 'Too many open files'."""
    full = service_open_files.full(limits.open_fds_percent)
    assert not full, finding(
        f"{service} has {full[0].count} of the {full[0].limit} files open that its process may have open",
        evidence={f"process {one.process}": f"{one.count} of {one.limit} file descriptors" for one in full[:5]},
        component=service,
        layer="fast",
    )


@pytest.mark.judges("backend_service")
@pytest.mark.unnoticed
@pytest.mark.component("backend")
def test_backend_has_a_memory_limit(backend_service, finding):
    """One leak in the backend takes the whole host down."""
    unlimited = backend_service.without_memory_limit
    assert not unlimited, finding(
        f"{finding.name('backend')} has no memory limit",
        evidence=backend_service.described(unlimited),
        component="backend",
        layer="config",
    )
