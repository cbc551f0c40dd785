"""P3 Page: what only a browser sees go wrong (`--active browser`)."""

import pytest

pytestmark = [
    pytest.mark.p3,
    pytest.mark.playbook("page-errors"),
    pytest.mark.component("frontend"),
    pytest.mark.active("browser"),
]


@pytest.mark.judges("page_console")
def test_page_logs_no_errors(page_console, finding):
    """Parts of the page do not react, or stay empty."""
    errors = page_console.own_errors
    assert not errors, finding(
        f"the page logs an error: {errors[0].text[:160]}",
        evidence={"address": page_console.address, "errors": len(errors), "source": errors[0].source},
        component="frontend",
        manner="wrong answer",
        root=page_console.console_root,
        statement=errors[0].text,
        speaker="log line",
    )


@pytest.mark.judges("browser_page")
def test_page_has_no_failed_requests(browser_page, finding):
    """Parts of the page stay empty, though each address answers when it is asked by hand."""
    assert not browser_page.failed, finding(
        f"a request of the page fails: {browser_page.failed[0].words}",
        evidence=browser_page.evidence,
        component="frontend",
        manner="wrong answer",
        root=browser_page.requests_root,
        statement=browser_page.said_of_requests,
        speaker="log line",
    )
