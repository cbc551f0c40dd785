"""P1 Service outage: a service's containers do not run."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("service-down")]


@pytest.mark.judges("docker_engine")
@pytest.mark.component("docker")
def test_docker_engine_answers(docker_engine, finding):
    """No container can be looked at, started or stopped."""
    assert docker_engine.answers, finding(
        docker_engine.problem,
        evidence={
            "address": docker_engine.address,
            "named by": docker_engine.source,
            "outcome": docker_engine.outcome,
            "message": docker_engine.message,
            "seconds": round(docker_engine.seconds, 2),
        },
        component="docker",
        layer="answers" if docker_engine.outcome in ("hangs", "garbled") else "reachable",
        manner=docker_engine.manner,
    )


@pytest.mark.judges("service_containers.running")
def test_service_is_running(service, service_containers, limits, finding):
    """What this service does is gone."""
    assert service_containers.containers, finding(
        f"{service} has no {service_containers.kind}",
        evidence=service_containers.absence,
        component=service,
        layer="exists",
        manner="absent",
    )
    down = service_containers.not_running(limits.restarts)
    assert not down, finding(
        f"{service} {down[0].problem}{service_containers.last_words.ending}",
        evidence=service_containers.described(down) | service_containers.last_words.evidence,
        component=service,
        layer="runs",
        manner=down[0].manner,
        corroboration=service_containers.last_words.corroboration,
        ambiguity=down[0].ambiguity,
        root=service_containers.last_words.root,
        statement=service_containers.last_words.telling or down[0].engine_error,
        speaker=service_containers.last_words.speaker or "server",
    )


@pytest.mark.judges("service_containers.stays_up")
def test_service_stays_up(service, service_containers, limits, finding):
    """The service comes and goes: some requests work, others do not."""
    looping = service_containers.starting_again(limits.restarts)
    assert not looping, finding(
        f"{service} starts again and again ({looping[0].restarts} restarts){service_containers.last_words.ending}",
        evidence=service_containers.described(looping) | service_containers.last_words.evidence,
        component=service,
        layer="runs",
        manner="exits",
        corroboration=service_containers.last_words.corroboration,
        root=service_containers.last_words.root,
        statement=service_containers.last_words.telling,
        speaker=service_containers.last_words.speaker,
    )


@pytest.mark.judges("service_health")
def test_service_is_healthy(service, service_health, finding):
    """The service runs, but does not do its work."""
    sick = service_health.unhealthy
    assert not sick, finding(
        f"{service} {sick[0].problem}",
        evidence=service_health.evidence,
        component=service,
        layer=sick[0].layer,
        manner=sick[0].manner,
        blames=service_health.accused,
        root=service_health.asked_by,
        statement=service_health.statement,
        speaker="sub-check",
    )
