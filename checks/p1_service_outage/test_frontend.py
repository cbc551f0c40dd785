"""P1 Service outage: frontend down."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("frontend-down"), pytest.mark.component("frontend")]


@pytest.mark.judges("frontend_page")
def test_frontend_serves_its_page(frontend_page, limits, finding):
    """People see an error page, an empty one, or none at all."""
    assert not frontend_page.problem, finding(
        f"{finding.name('frontend')} {frontend_page.problem}",
        evidence=frontend_page.evidence,
        component="frontend",
        layer=frontend_page.layer,
        manner=frontend_page.manner,
        address=frontend_page.exchange.at,
        root="listening[frontend]",
        blames=frontend_page.exchange.blames,
    )
    assert frontend_page.exchange.seconds <= limits.page_seconds, finding(
        f"{finding.name('frontend')} takes {frontend_page.exchange.seconds:.1f} s to serve its page",
        evidence=frontend_page.evidence,
        component="frontend",
        layer="fast",
        manner="late",
        address=frontend_page.exchange.at,
    )
