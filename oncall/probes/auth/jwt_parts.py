"""A JWT taken apart, and the HMAC under it.

PyJWT is used for its signatures only, through one client: its own decoding refuses the weak keys and the broken tokens
that are to be recognised here.
"""

import base64
import binascii
from typing import Any

from msgspec import Struct

from oncall.gate.shallow_json import shallow_json
from oncall.probing.libraries import IMPORTING
from oncall.probing.register import client

SHARED = ("HS256", "HS384", "HS512")  # signed and verified with one shared secret


class Parts(Struct, frozen=True):
    """A JWT taken apart. signed: the text under the signature."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: str
    signature: str

    @property
    def algorithm(self) -> str:
        return str(self.header.get("alg", ""))


@client(deadline=5.0)
def jwt_library() -> Any:
    """PyJWT; the only place that imports it."""
    with IMPORTING:
        import jwt

    return jwt


def parts_of(token: str) -> Parts | None:
    """The token's parts; None when it is no JWT with three of them and two JSON objects."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    try:
        header, claims = (shallow_json(decoded(piece)) for piece in pieces[:2])
    except ValueError:
        return None
    if not (isinstance(header, dict) and isinstance(claims, dict)):
        return None
    return Parts(header, claims, f"{pieces[0]}.{pieces[1]}", pieces[2])


def decoded(piece: str) -> bytes:
    """The bytes of base64url without padding; raises ValueError."""
    try:
        return base64.b64decode(piece + "=" * (-len(piece) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def signed_with(jwt: Any, parts: Parts, key: str) -> bool:
    """Whether the HMAC under the token comes from this key, however short it is."""
    algorithm = jwt.get_algorithm_by_name(parts.algorithm)
    try:
        signature = decoded(parts.signature)
    except ValueError:
        return False
    return bool(algorithm.verify(parts.signed.encode(), key.encode("utf-8", "surrogateescape"), signature))
