"""P4 Interface: images, fonts and icons are missing."""

import pytest

pytestmark = [pytest.mark.p4, pytest.mark.playbook("ui-glitches"), pytest.mark.component("frontend")]


def test_images_fonts_and_icons_are_served(page_decorations, finding):
    """Pictures are broken, icons are missing, or the text has the wrong font."""
    assert page_decorations.complete, finding(
        page_decorations.symptom,
        evidence=page_decorations.evidence,
        component="frontend",
        manner=page_decorations.manner,
        address=page_decorations.asked,
        root="page_assets",
    )
