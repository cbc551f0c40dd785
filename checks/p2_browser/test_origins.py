"""P2 Browser rules: the API refuses what comes from the page's own origin."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("browser-rules"), pytest.mark.component("backend")]


def test_requests_of_the_page_are_accepted(origin_use, finding):
    """The login fails in every browser, and works with curl."""
    assert not origin_use.refused, finding(
        f"{finding.name('backend')} refuses the page's origin {origin_use.origin}: {origin_use.refused}",
        evidence=origin_use.evidence,
        component="backend",
        layer="config",
        manner="config",
        address=origin_use.exchange.at,
    )


def test_preflight_lets_the_page_in(preflight, finding):
    """Every action of the page fails with a CORS error in the console."""
    assert not preflight.problem, finding(
        f"preflight {preflight.problem}",
        evidence=preflight.evidence,
        component="backend",
        layer="config",
        manner="config",
        address=preflight.exchange.at,
    )
