"""P4 Upkeep: a container's own health check cannot run."""

import pytest

pytestmark = [pytest.mark.p4, pytest.mark.playbook("health-check")]


@pytest.mark.unnoticed
@pytest.mark.judges("service_health.command")
def test_health_check_can_run(service, service_health, finding):
    """Nobody notices until a deployment waits for this service to be healthy."""
    stuck = service_health.unrunnable
    assert not stuck, finding(
        f"{service} {stuck[0].problem}",
        evidence=service_health.evidence,
        component=service,
        layer="config",
        manner="config",
        statement=stuck[0].output,
        speaker="server",
    )


@pytest.mark.unnoticed
@pytest.mark.judges("service_health.command")
@pytest.mark.each("undeclared_service_health")
def test_health_checks_of_undeclared_services_can_run(undeclared_service_health, finding):
    """Nobody notices until a deployment waits for that part to be healthy."""
    stuck = undeclared_service_health.unrunnable
    assert not stuck, finding(
        f"{undeclared_service_health.component} {stuck[0].problem}",
        evidence=undeclared_service_health.evidence,
        component=undeclared_service_health.component,
        layer="config",
        manner="config",
        statement=stuck[0].output,
        speaker="server",
    )
