"""P3 Slow API responses: the login is slow."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("slow-login"), pytest.mark.component("auth")]


@pytest.mark.judges("login_time")
def test_login_answers_in_time(login_time, limits, finding):
    """Users wait long until they are in."""
    assert login_time.exchange.seconds <= limits.login_seconds, finding(
        login_time.symptom,
        evidence=login_time.evidence | {"limit": limits.login_seconds},
        component="auth",
        layer="fast",
        manner="late",
        address=login_time.exchange.at,
    )
