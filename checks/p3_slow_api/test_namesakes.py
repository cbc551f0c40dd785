"""P3 Slow API responses: some requests fail at random, because somebody else answers them."""

import pytest

pytestmark = [pytest.mark.p3, pytest.mark.playbook("shared-name")]


@pytest.mark.judges("namesakes")
def test_service_name_is_its_own(namesakes, service, finding):
    """Every other request fails, or shows the data of another environment."""
    assert not namesakes.found, finding(
        f"the name {namesakes.found[0].name} resolves to {service} and to {namesakes.found[0].container}, another "
        "project's container on the same network",
        evidence=namesakes.evidence,
        component=service,
        manner="wrong answer",
        blames="network",
        corroboration="the engine's own record of its networks",
    )
