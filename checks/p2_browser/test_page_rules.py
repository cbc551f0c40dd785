"""P2 Browser rules: the page comes whole, and browsers refuse a part of it."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("browser-rules"), pytest.mark.component("frontend")]


@pytest.mark.judges("page_rules.blocked")
def test_content_policy_allows_the_page(page_rules, finding):
    """The page stays white, or every action in it fails, in browsers alone."""
    assert not page_rules.blocked, finding(
        page_rules.blocked_symptom,
        evidence=page_rules.blocked_evidence,
        component="frontend",
        layer="config",
        manner="config",
        address=page_rules.at,
    )


@pytest.mark.judges("page_rules.insecure")
def test_secure_page_loads_nothing_without_tls(page_rules, finding):
    """Scripts, styles or pictures of a secure page are blocked."""
    assert not page_rules.insecure, finding(
        page_rules.insecure_symptom,
        evidence={"page": page_rules.page},
        component="frontend",
        layer="config",
        manner="config",
        address=page_rules.at,
    )


@pytest.mark.judges("page_rules.unreachable")
def test_page_calls_this_stack(page_rules, finding):
    """The page opens, and every action in it fails with "connection refused"."""
    assert not page_rules.unreachable, finding(
        page_rules.unreachable_symptom,
        evidence={"page": page_rules.page, "called": ", ".join(page_rules.unreachable[:5])},
        component="frontend",
        layer="config",
        manner="config",
        address=page_rules.at,
    )
