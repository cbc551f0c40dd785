"""P1 Service outage: a service of the project that the target file does not name."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("undeclared-service")]


@pytest.mark.each("undeclared_service")
@pytest.mark.judges("undeclared_service")
def test_undeclared_services_run(undeclared_service, limits, finding):
    """Work is not done any more (mails, reports, imports), and no page shows an error."""
    sick = undeclared_service.sick(limits.restarts)
    assert not sick, finding(
        undeclared_service.symptom(limits.restarts),
        evidence=undeclared_service.evidence(limits.restarts),
        component=undeclared_service.component,
        layer="runs",
        manner=undeclared_service.manner(limits.restarts),
        corroboration=undeclared_service.corroboration(limits.restarts),
        ambiguity=sick[0].ambiguity,
        root=undeclared_service.last_words.root,
        statement=undeclared_service.last_words.telling,
        speaker=undeclared_service.last_words.speaker,
    )


@pytest.mark.each("undeclared_service_health")
def test_undeclared_services_are_healthy(undeclared_service_health, finding):
    """A part that nobody watches runs, but does not do its work."""
    sick = undeclared_service_health.unhealthy
    assert not sick, finding(
        f"{undeclared_service_health.component} {sick[0].problem}",
        evidence=undeclared_service_health.evidence,
        component=undeclared_service_health.component,
        layer=sick[0].layer,
        manner=sick[0].manner,
        statement=undeclared_service_health.statement,
        speaker="sub-check",
    )


@pytest.mark.each("undeclared_service_stats")
def test_undeclared_services_are_under_their_limits(undeclared_service_stats, limits, finding):
    """A part that nobody watches gets slow, and then gets killed."""
    full = undeclared_service_stats.over_memory(limits.container_memory_percent)
    assert not full, finding(
        f"{undeclared_service_stats.component} uses {full[0].memory_percent:.0f} % of its memory limit",
        evidence={
            f"{one.name} {one.id}": f"{one.memory_mib:.0f} of {one.memory_limit_mib:.0f} MiB" for one in full[:5]
        },
        component=undeclared_service_stats.component,
        layer="fast",
    )
    many = undeclared_service_stats.over_processes(limits.container_pids_percent)
    assert not many, finding(
        f"{undeclared_service_stats.component} has {many[0].processes} of the {many[0].processes_limit} processes "
        "and threads that it may have",
        evidence={f"{one.name} {one.id}": f"{one.processes} of {one.processes_limit}" for one in many[:5]},
        component=undeclared_service_stats.component,
        layer="fast",
    )
    busy = undeclared_service_stats.over_cpu(limits.container_cpu_percent)
    assert not busy, finding(
        f"{undeclared_service_stats.component} uses {busy[0].cpu_percent:.0f} % of the CPU that it may use",
        evidence={f"{one.name} {one.id}": f"{one.cpus:g} CPUs, for {one.seconds:.1f} s" for one in busy[:5]},
        component=undeclared_service_stats.component,
        layer="fast",
    )


@pytest.mark.each("undeclared_service_log")
def test_logs_of_undeclared_services_show_no_fatal_error(undeclared_service_log, limits, finding):
    """A part that nobody watches fails at its work, and says so where nobody reads."""
    known = undeclared_service_log.log
    assert not known.signs, finding(
        known.symptom,
        evidence=known.evidence,
        component=undeclared_service_log.component,
        layer="log_evidence",
        manner=known.manner,
        blames=known.blames,
        root=known.root,
        statement=known.statement,
        speaker=known.speaker,
    )
    fatal = undeclared_service_log.fatal
    assert fatal.count < limits.log_burst, finding(
        f"log of {undeclared_service_log.component}: {fatal.count} {fatal.words}; last line: {fatal.line[:70]}",
        evidence={"last fatal line": fatal.line, "lines read": known.lines_read},
        component=undeclared_service_log.component,
        layer="log_evidence",
        manner="log evidence",
        statement=fatal.line,
        speaker="log line",
    )
