"""P4 Interface: a certificate is near its end."""

import pytest

pytestmark = [pytest.mark.p4, pytest.mark.playbook("certificates"), pytest.mark.component("frontend")]


def test_certificates_are_not_near_their_end(certificates, limits, finding):
    """Browsers warn of the site, or soon will."""
    failing = certificates.failing(limits.certificate_days)
    assert not failing, finding(
        failing[0].symptom,
        evidence={"address": failing[0].address}
        | {certificate.address: certificate.state for certificate in failing[:5]},
        component=failing[0].component,
        layer="config",
    )
