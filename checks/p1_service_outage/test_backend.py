"""P1 Service outage: backend down."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("backend-down"), pytest.mark.component("backend")]


@pytest.mark.judges("backend_health")
def test_backend_answers_its_health_check(backend_health, limits, finding):
    """Nothing in the application works, or all of it is slow."""
    assert not backend_health.problem, finding(
        f"{finding.name('backend')} {backend_health.problem}",
        evidence=backend_health.evidence,
        component="backend",
        layer=backend_health.layer,
        manner=backend_health.manner,
        statement=backend_health.statement,
        speaker="sub-check",
        address=backend_health.exchange.at,
        root="listening[backend]",
        blames=backend_health.exchange.blames or backend_health.blames,
    )
    assert backend_health.exchange.seconds <= limits.health_seconds, finding(
        f"{finding.name('backend')} takes {backend_health.exchange.seconds:.1f} s to answer its health check",
        evidence=backend_health.evidence,
        component="backend",
        layer="fast",
        manner="late",
        address=backend_health.exchange.at,
    )


@pytest.mark.judges("health_checks")
def test_every_health_sub_check_is_ok(health_checks, finding):
    """The application is up, but a part that it needs is not."""
    assert not health_checks.failing, finding(
        f"{finding.name('backend')} {health_checks.symptom}",
        evidence=health_checks.evidence,
        component="backend",
        manner="error answer",
        statement=health_checks.statement,
        speaker="sub-check",
        address=health_checks.at,
        blames=health_checks.failing[0].blames or None,
    )
