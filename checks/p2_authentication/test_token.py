"""P2 Authentication failure: 'Unauthorized' errors, JWT validation failures."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("token-refused"), pytest.mark.component("auth")]


@pytest.mark.judges("issued_token_use")
def test_issued_token_is_accepted(issued_token_use, finding):
    """Users log in, and the next page says 'Unauthorized'."""
    assert issued_token_use.is_accepted, finding(
        f"protected route {issued_token_use.problem}",
        evidence={
            "address": issued_token_use.exchange.address,
            "status": issued_token_use.exchange.status or None,
            "seconds": round(issued_token_use.exchange.seconds, 3),
        },
        component="auth",
        layer=issued_token_use.exchange.layer,
        manner=issued_token_use.manner,
        blames=issued_token_use.blames,
        root=issued_token_use.token_fault,
        address=issued_token_use.exchange.at,
    )


@pytest.mark.judges("token_subject")
def test_token_belongs_to_the_account_that_logged_in(token_subject, finding):
    """People see the data of somebody else."""
    assert token_subject.agrees, finding(
        f"login gives a token of another account ({token_subject.source})",
        evidence={"read in": token_subject.source},
        component="auth",
        manner="wrong answer",
    )


@pytest.mark.judges("forged_token_use")
@pytest.mark.unnoticed
@pytest.mark.parametrize("forgery", ["no-token", "tampered", "expired", "alg-none", "empty-key"])
def test_forged_tokens_are_refused(forgery, forged_token_use, finding):
    """Nobody notices: strangers can read what only users may."""
    assert forged_token_use.problem is None, finding(
        forged_token_use.problem,
        evidence={
            "forgery": forgery,
            "address": forged_token_use.exchange.address,
            "status": forged_token_use.exchange.status,
        },
        component="auth",
        manner=forged_token_use.manner,
        root=forged_token_use.token_fault,
        address=forged_token_use.exchange.at,
    )


@pytest.mark.judges("issued_token")
def test_token_is_well_formed(issued_token, finding):
    """Users log in, and whatever reads their token fails on it."""
    assert issued_token.malformed is None, finding(
        f"issued token {issued_token.malformed}",
        evidence={
            "parts": issued_token.parts,
            "algorithm": issued_token.algorithm or None,
            "type": issued_token.type or None,
        },
        component="auth",
        manner="wrong answer",
    )


@pytest.mark.judges("issued_token.times")
def test_token_times_are_sane(issued_token, limits, finding):
    """Users are logged out at once, or never."""
    problems = issued_token.time_problems(limits.token_lifetime_hours, limits.clock_skew_seconds)

    assert not problems, finding(
        f"issued token {problems[0]}", evidence=issued_token.evidence, component="auth", manner="wrong answer"
    )


@pytest.mark.judges("token_signature")
def test_token_is_signed_with_the_current_secret(token_signature, finding):
    """'Invalid signature' for some or all users after the secret was changed."""
    assert token_signature.verified, finding(
        f"issued token is not signed with the {token_signature.source}",
        evidence={"algorithm": token_signature.algorithm, "looked in": token_signature.source},
        component="auth",
        manner="wrong answer",
    )


def test_clocks_agree(clocks, limits, finding):
    """Tokens count as expired, or as not yet valid, although they are fresh."""
    disagreement = clocks.disagreement(limits.clock_skew_seconds)
    component, words = disagreement or ("", "")

    assert disagreement is None, finding(words, evidence=clocks.evidence, component=component)
