"""P4 Interface: browsers keep an old page, or take a page for a script."""

import pytest

pytestmark = [pytest.mark.p4, pytest.mark.playbook("stale-pages"), pytest.mark.component("frontend")]


def test_page_is_not_kept_past_a_deployment(page_keeping, finding):
    """After a deployment some people have the old page, whose files are gone."""
    assert not page_keeping.kept_too_long, finding(
        f"browsers keep the page for {page_keeping.max_age} s, and the files that it names change their names",
        evidence={"page": page_keeping.page, "cache control": page_keeping.cache_control},
        component="frontend",
        layer="config",
        manner="config",
        address=page_keeping.at,
    )


def test_missing_script_is_not_answered_with_a_page(missing_script, finding):
    """An old page fails with "Unexpected token '<'" in place of loading anew."""
    assert not missing_script.as_page, finding(
        f"a script that is not there is answered {missing_script.exchange.status} with an HTML page",
        evidence=missing_script.exchange.evidence,
        component="frontend",
        layer="config",
        manner="config",
        address=missing_script.exchange.at,
    )
