"""P2 Authentication failure: JWT_SECRET is missing or weak."""

import pytest

pytestmark = [pytest.mark.p2, pytest.mark.playbook("jwt-secret"), pytest.mark.component("auth")]


@pytest.mark.judges("jwt_secret")
def test_jwt_secret_is_set(jwt_secret, finding):
    """Nobody can log in, or the backend does not start."""
    assert jwt_secret.unset is None, finding(
        f"{jwt_secret.variable} {jwt_secret.unset}",
        evidence=jwt_secret.evidence,
        component="auth",
        layer="exists",
    )


@pytest.mark.unnoticed
def test_jwt_secret_is_not_a_default(jwt_secret, finding):
    """Nobody notices: anybody can make tokens that the backend accepts."""
    assert jwt_secret.guessable is None, finding(
        f"{jwt_secret.variable} {jwt_secret.guessable}",
        evidence=jwt_secret.evidence,
        component="auth",
        layer="config",
    )


@pytest.mark.unnoticed
def test_jwt_secret_is_long_enough(jwt_secret, finding):
    """Nobody notices: a short secret can be found by trying."""
    assert not jwt_secret.missing_bytes, finding(
        f"{jwt_secret.variable} has {jwt_secret.bytes} bytes; {jwt_secret.algorithm} needs {jwt_secret.needed_bytes}",
        evidence=jwt_secret.evidence,
        component="auth",
        root="issued_token",
        layer="config",
    )


@pytest.mark.judges("jwt_secret_copies")
def test_jwt_secret_is_the_same_everywhere(jwt_secret_copies, finding):
    """Users are logged out at random, or all of them at the next deployment."""
    assert jwt_secret_copies.difference is None, finding(
        f"{jwt_secret_copies.variable} {jwt_secret_copies.difference}",
        evidence=jwt_secret_copies.evidence,
        component="auth",
        layer="config",
    )
