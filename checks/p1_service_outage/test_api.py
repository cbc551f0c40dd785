"""P1 Service outage: the API answers nothing."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("api-unreachable"), pytest.mark.component("backend")]


@pytest.mark.judges("api_answers")
def test_api_answers_requests(api_answers, finding):
    """The page opens, and every action in it fails."""
    assert api_answers.works, finding(
        api_answers.symptom,
        evidence=api_answers.evidence,
        component="backend",
        layer=api_answers.worst.exchange.layer,
        manner=api_answers.worst.manner,
        address=api_answers.worst.exchange.at,
        root="backend_health",
    )
