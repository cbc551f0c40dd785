"""P2 Authentication failure: the API is well, and its public address lets no user through."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("public-address"), pytest.mark.component("frontend")]


@pytest.mark.judges("public_token_use")
def test_token_is_accepted_through_the_public_address(public_token_use, finding):
    """Users log in, and the next page says 'Unauthorized'; straight to the backend all works."""
    assert not public_token_use.problem, finding(
        public_token_use.problem,
        evidence=public_token_use.evidence,
        component="frontend",
        layer=public_token_use.layer,
        manner=public_token_use.manner,
        address=public_token_use.public.at,
        outage=public_token_use.outage,
        root="jwt_secret_copies",
    )


def test_no_rate_limit_turns_visitors_away(public_limit, finding):
    """People who come with one request are told that there were too many."""
    assert not public_limit.problem, finding(
        f"{finding.name('frontend')} {public_limit.problem}",
        evidence=public_limit.evidence,
        component="frontend",
        manner="error answer",
        statement=public_limit.turned_away.line,
        speaker="log line",
        address=public_limit.exchange.at,
    )
