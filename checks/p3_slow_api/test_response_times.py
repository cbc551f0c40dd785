"""P3 Slow API responses: an endpoint answers slowly."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("slow-endpoint"), pytest.mark.component("backend")]


@pytest.mark.judges("response_times")
def test_endpoint_answers_in_time(endpoint, response_times, limits, finding):
    """Pages that need this endpoint load slowly or show an error."""
    assert not response_times.problem, finding(
        f"{response_times.name} {response_times.problem}",
        evidence=response_times.evidence,
        component="backend",
        layer=response_times.layer,
        manner=response_times.manner,
        address=response_times.at,
        root="api_answers",
    )
    assert response_times.p95 <= limits.response_seconds, finding(
        f"{response_times.name} takes {response_times.p95:.1f} s at the 95th percentile, {response_times.mostly}",
        evidence=response_times.evidence,
        component="backend",
        layer="fast",
        manner="late",
        address=response_times.at,
        root="backend_health",
    )
