"""P3 Page: what only a browser sees go wrong (`--active browser`)."""

import pytest

pytestmark = [
    pytest.mark.p3,
    pytest.mark.playbook("page-errors"),
    pytest.mark.component("frontend"),
    pytest.mark.active("browser"),
]


def test_page_logs_no_errors(browser_page, finding):
    """Parts of the page do not react, or stay empty."""
    assert not browser_page.errors, finding(
        f"the page logs an error: {browser_page.first_error[:160]}",
        evidence={"address": browser_page.address, "errors": len(browser_page.errors),
                  "source": browser_page.errors[0].source},
        component="frontend",
        manner="wrong answer",
        statement=browser_page.first_error,
        speaker="log line",
    )  # fmt: skip


@pytest.mark.judges("browser_page")
def test_page_has_no_failed_requests(browser_page, finding):
    """Parts of the page stay empty, though each address answers when it is asked by hand."""
    assert not browser_page.failed, finding(
        f"a request of the page fails: {browser_page.failed[0].words}",
        evidence=browser_page.evidence,
        component="frontend",
        manner="wrong answer",
    )
