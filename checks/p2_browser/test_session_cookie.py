"""P2 Browser rules: browsers do not keep the session."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("browser-rules"), pytest.mark.component("auth")]


def test_browsers_keep_the_session_cookie(session_cookie, finding):
    """The login works, and the next click asks for it again."""
    assert not session_cookie.problem, finding(
        f"session cookie {session_cookie.problem}",
        evidence=session_cookie.evidence,
        component="auth",
        layer="config",
        manner="config",
        address=session_cookie.at,
    )
