"""P1 Service outage: fatal lines in the containers' logs."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("fatal-log")]


def test_log_shows_no_fatal_error(container_log, service, finding):
    """Some requests fail, and the reason stands in a log that nobody reads."""
    assert not container_log.signs, finding(
        container_log.symptom,
        evidence=container_log.evidence,
        component=service,
        layer="log_evidence",
        manner=container_log.manner,
        blames=container_log.blames,
        root=container_log.root,
        statement=container_log.statement,
        speaker=container_log.speaker,
    )
