"""JSON Web Tokens, signed with a shared secret (RFC 7519, HS256 and its longer sisters)."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from stack.backend.settings import Settings

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class Refused(Exception):
    """The token is not good; the message says why."""


def issue(settings: Settings, subject: str) -> str:
    now = int(time.time())
    claims = {
        "sub": subject,
        "iat": now,
        "nbf": now + int(settings.token_not_before),
        "exp": now + int(settings.token_hours * 3600),
    }
    head = _pack({"alg": settings.jwt_algorithm, "typ": "JWT"})
    signed = f"{head}.{_pack(claims)}"
    return f"{signed}.{_signature(settings.jwt_algorithm, settings.jwt_secret, signed)}"


def verify(settings: Settings, token: str) -> dict[str, Any]:
    """The claims of a good token."""
    try:
        head, body, signature = token.split(".")
        algorithm = _unpack(head)["alg"]
        claims = _unpack(body)
        expires, not_before = int(claims["exp"]), int(claims.get("nbf", 0))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("jwt malformed") from error
    if settings.jwt_verify_signature == "off":
        return claims
    if algorithm not in settings.jwt_algorithms or algorithm not in (*HASHES, "none"):
        raise Refused("invalid algorithm")
    secrets = (settings.jwt_secret, *(settings.jwt_previous_secrets or ()))
    if algorithm == "none":
        good = signature == ""
    else:
        good = any(
            hmac.compare_digest(_signature(algorithm, secret, f"{head}.{body}"), signature) for secret in secrets
        )
    if not good:
        raise Refused("invalid signature")
    now = time.time()
    if now > expires + settings.jwt_leeway:
        raise Refused("jwt expired")
    if now < not_before - settings.jwt_leeway:
        raise Refused("jwt not active")
    return claims


def _signature(algorithm: str, secret: str, signed: str) -> str:
    if algorithm == "none":
        return ""
    return _encode(hmac.new(secret.encode(), signed.encode(), HASHES[algorithm]).digest())


def _pack(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _unpack(text: str) -> dict[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
