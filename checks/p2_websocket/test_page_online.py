"""P2 WebSocket disconnections: the page itself, in a browser (`--active browser`)."""

import pytest

pytestmark = [
    pytest.mark.p2,
    pytest.mark.playbook("page-offline"),
    pytest.mark.component("frontend"),
    pytest.mark.active("browser"),
]


@pytest.mark.judges("page_entered")
def test_login_through_the_page_works(page_entered, finding):
    """Users fill in the form, and nothing happens, although the API would let them in."""
    assert page_entered.login_problem is None, finding(
        f"login through the page {page_entered.login_problem}",
        evidence=page_entered.evidence,
        component="frontend",
        manner="wrong answer",
        root=page_entered.login_root,
        statement=page_entered.first_error,
        speaker="log line",
    )


@pytest.mark.judges("page_online")
def test_page_shows_no_offline_indicator(page_online, finding):
    """The page shows 'Offline', and nothing updates by itself."""
    assert not page_online.offline, finding(
        "the page shows its offline indicator",
        evidence=page_online.evidence,
        component="websocket",
        manner="wrong answer",
        root="public_handshake",
        statement=page_online.first_error,
        speaker="peer",
    )
