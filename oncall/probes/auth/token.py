"""The issued token: its form, its times, and whether the backend's secret signed it."""

import math
from datetime import UTC, datetime
from typing import Any

from oncall.facts.backend import HealthAnswer
from oncall.facts.token import IssuedToken, TokenSignature
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.auth.jwt_parts import SHARED, parts_of, signed_with
from oncall.probes.auth.jwt_secret import WrittenSecret
from oncall.probes.auth.login import AccessToken, declared
from oncall.probes.host.clocks import backend_clock
from oncall.probing.register import client, probe
from oncall.target.schema import Stack

TIMES = ("iat", "nbf", "exp")
MILLISECONDS = 1e11  # as seconds this is the year 5138, as milliseconds 1973


@client(of="auth")
def jwt_scheme(stack: Stack) -> str:
    """The scheme of tokens; asked first, since what is not part of the stack must not count as unknown."""
    declared(stack)
    if stack.auth.scheme == "opaque":
        raise Declared(f"says that tokens are opaque ({stack.key('auth.scheme')})")
    return stack.auth.scheme


@probe(of="auth", optional=("backend_health",))
def issued_token(
    jwt_scheme: str, stack: Stack, access_token: AccessToken, backend_health: HealthAnswer | CouldNotCheck | NotPart
) -> IssuedToken:
    """The form and the times of the token just issued."""
    pieces = access_token.value.count(".") + 1
    parts = parts_of(access_token.value)
    if parts is None:
        return IssuedToken(parts=pieces, allowed=stack.auth.algorithms)
    times = {name: parts.claims[name] for name in TIMES if parts.claims.get(name) is not None}
    read = {name: _seconds(value) for name, value in times.items()}
    iat, nbf, exp = (read[name][0] if name in read else None for name in TIMES)
    now = access_token.now
    start = iat if iat is not None else now
    return IssuedToken(
        parts=pieces,
        readable=True,
        algorithm=parts.algorithm[:40],
        type=str(parts.header.get("typ", ""))[:40],
        allowed=stack.auth.algorithms,
        odd_times=tuple(name for name in times if read[name][0] is None),
        millisecond_times=tuple(name for name in times if read[name][1]),
        clock=access_token.clock,
        issued_at=_moment(iat),
        not_before=_moment(nbf),
        expires_at=_moment(exp),
        age_seconds=None if iat is None else round(now - iat, 1),
        starts_in_seconds=None if nbf is None else round(nbf - now, 1),
        expires_in_seconds=None if exp is None else round(exp - now, 1),
        lifetime_seconds=None if exp is None else round(exp - start, 1),
        issuer_behind_seconds=_behind(access_token, backend_health),
    )


def _behind(token: AccessToken, health: HealthAnswer | CouldNotCheck | NotPart) -> float | None:
    """How far the clock of the instance that issued the token is behind that of the one that answers otherwise."""
    other = backend_clock(health) if isinstance(health, HealthAnswer) else None
    return (
        None if other is None or token.clock != "backend" else round(other.ahead_seconds - (token.now - token.ours), 1)
    )


@probe(of="auth")
def token_signature(
    jwt_scheme: str, stack: Stack, access_token: AccessToken, written_secret: WrittenSecret, jwt_library: Any
) -> TokenSignature:
    """Whether the secret that the backend has now signed the token just issued."""
    parts = parts_of(access_token.value)
    if parts is None:
        raise CouldNotCheck("the issued token is not a JWT", root="issued_token")
    if parts.algorithm not in SHARED:
        foreign = "" if parts.algorithm in stack.auth.algorithms else "issued_token"
        raise CouldNotCheck(
            f"only signatures with a shared secret can be verified, not {parts.algorithm[:20]!r}", root=foreign
        )
    if not written_secret.usable:
        raise CouldNotCheck(f"{stack.auth.secret_variable} is not set", root="jwt_secret")
    return TokenSignature(
        verified=any(signed_with(jwt_library, parts, key) for key in written_secret.readings),
        algorithm=parts.algorithm,
        source=f"{stack.auth.secret_variable} in {written_secret.source}",
    )


def _seconds(value: Any) -> tuple[float | None, bool]:
    """A time claim in seconds, and whether it was written in milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, False
    try:
        number = float(value)
    except OverflowError:
        return None, False
    if not math.isfinite(number):
        return None, False
    return (number / 1000, True) if abs(number) >= MILLISECONDS else (number, False)


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
