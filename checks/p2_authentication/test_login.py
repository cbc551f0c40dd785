"""P2 Authentication failure: users cannot log in."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("login-fails"), pytest.mark.component("auth")]


@pytest.mark.judges("login")
def test_probe_account_logs_in(login, finding):
    """Users cannot log in."""
    assert login.problem is None, finding(
        f"login {login.problem}",
        evidence=login.evidence,
        component="auth",
        layer=login.layer,
        manner=login.manner,
        blames=login.blames,
        root=login.root,
        address=login.exchange.at,
    )


def test_unknown_account_is_refused(refused_login, finding):
    """A typing mistake in the password ends in an error page, or lets anybody in."""
    assert refused_login.problem is None, finding(
        f"login {refused_login.problem}",
        evidence={"account": refused_login.account, "status": refused_login.exchange.status or None},
        component="auth",
        layer=refused_login.exchange.layer,
        manner=refused_login.manner,
        blames=refused_login.blames,
        address=refused_login.exchange.at,
    )


def test_no_burst_of_authentication_errors(authentication_log, limits, finding):
    """Many users are thrown out or cannot log in, though a login by hand works."""
    assert authentication_log.most < limits.log_burst, finding(
        f"log of backend: {authentication_log.symptom}",
        evidence=authentication_log.evidence,
        component="auth",
        layer="log_evidence",
    )
