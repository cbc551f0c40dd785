"""P1 Service outage: the frontend's build is broken."""

import pytest

pytestmark = [pytest.mark.p1, pytest.mark.playbook("frontend-build"), pytest.mark.component("frontend")]


@pytest.mark.judges("page_assets")
def test_scripts_and_styles_are_served(page_assets, finding):
    """The page opens, but stays white or loses its styling."""
    assert page_assets.complete, finding(
        page_assets.symptom,
        evidence=page_assets.evidence,
        component="frontend",
        manner=page_assets.manner,
        address=page_assets.asked,
    )
