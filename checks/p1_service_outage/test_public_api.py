"""P1 Service outage: browsers do not get what the API answers."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("api-unreachable"), pytest.mark.component("frontend")]


@pytest.mark.judges("public_api")
def test_browsers_get_what_the_api_answers(public_api, finding):
    """The page opens, and every action in it fails, while the API itself is well."""
    assert not public_api.problem, finding(
        public_api.problem,
        evidence=public_api.evidence,
        component="frontend",
        layer=public_api.layer,
        manner=public_api.manner,
        address=public_api.at,
        root="frontend_page",
    )
