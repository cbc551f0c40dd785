"""Tokens that nobody issued, made from the genuine one, and how the protected route receives them.

A refusal proves something only where the genuine token is accepted, and an acceptance tells which door is open only
where a lesser forgery is refused: a route that takes no token at all says nothing about signatures.
"""

import base64
import json
import secrets as randomness
import string
from typing import Any

from oncall.facts.auth import ForgedTokenUse, IssuedTokenUse
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.auth.jwt_parts import SHARED, Parts, parts_of, signed_with
from oncall.probes.auth.jwt_secret import WrittenSecret
from oncall.probes.auth.login import AccessToken, ask_protected, declared, learn_token, let_in
from oncall.probes.auth.login_request import redirect_words, shows_login_page
from oncall.probes.http.client import Answer, Http
from oncall.probing.register import client, probe
from oncall.target.schema import Stack
from oncall.target.secrets import Secrets

WORDS = {
    "no-token": "a request without a token",
    "tampered": "a token with changed claims",
    "expired": "an expired token",
    "alg-none": "an unsigned token (algorithm none)",
    "empty-key": "a token signed with an empty key",
}
MADE_UP = "a made-up session value"
FORM = "issued_token"
OF_EVERY_TOKEN = ("no-token", "tampered")  # the others are made from a JWT's own parts
KINDS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
Missing = CouldNotCheck | NotPart


@client(of="auth")
def tokenless_answer(stack: Stack, http: Http) -> Answer:
    """The protected route's answer to a request without a token."""
    declared(stack)
    return ask_protected(stack, http, {})


@client(of="auth")
def tampered_answer(stack: Stack, http: Http, secrets: Secrets, access_token: AccessToken) -> Answer:
    """The protected route's answer to the genuine token with changed claims and the old signature; to a value that
    looks like the genuine one where tokens are opaque."""
    value = access_token.value
    forged = made_up(value) if stack.auth.scheme == "opaque" else tampered(value)
    return _sent(forged, stack, http, secrets, access_token)


@probe(
    of="auth", optional=("access_token", "issued_token_use", "tokenless_answer", "tampered_answer", "written_secret")
)
def forged_token_use(
    forgery: str,
    stack: Stack,
    http: Http,
    secrets: Secrets,
    jwt_library: Any,
    access_token: AccessToken | Missing,
    issued_token_use: IssuedTokenUse | Missing,
    tokenless_answer: Answer | Missing,
    tampered_answer: Answer | Missing,
    written_secret: WrittenSecret | Missing,
) -> ForgedTokenUse:
    """How the protected route receives one forgery."""
    declared(stack)
    if forgery not in WORDS:
        raise CouldNotCheck(f"there is no forgery named {forgery!r}; these are: {', '.join(WORDS)}")
    opaque = stack.auth.scheme == "opaque"
    if opaque and forgery not in OF_EVERY_TOKEN:
        raise Declared(f"says that tokens are opaque ({stack.key('auth.scheme')})")
    if forgery == "no-token":
        answer = _there(tokenless_answer)
    else:
        token = _there(access_token)
        _not_open_already(stack, tokenless_answer, "no-token")
        if forgery == "tampered":
            answer = _there(tampered_answer)
        else:
            _not_open_already(stack, tampered_answer, "tampered")
            forged = forge(forgery, token, jwt_library, written_secret)
            _genuine_accepted(issued_token_use)
            answer = _sent(forged, stack, http, secrets, token)
    return _judged(forgery, answer, stack, issued_token_use)


def _judged(forgery: str, answer: Answer, stack: Stack, genuine: IssuedTokenUse | Missing) -> ForgedTokenUse:
    made = forgery == "tampered" and stack.auth.scheme == "opaque"
    use = ForgedTokenUse(
        forgery=forgery,
        words=MADE_UP if made else WORDS[forgery],
        exchange=answer.exchange,
        accepted=stack.auth.protected_expected_status,
        refused=stack.auth.protected_refused_status,
        genuine_type="" if isinstance(genuine, Exception) else genuine.exchange.media_type,
        login_page=shows_login_page(answer),
        token_fault=_copied_fault(forgery, genuine),
    )
    if use.is_accepted:
        return use
    key = stack.key("auth.protected_refused_status")
    if use.is_page and not use.is_refused:
        raise CouldNotCheck(
            f"the protected route answers {answer.status} with {use.page_words} to {use.words}: if that refuses it, "
            f"add {answer.status} to {key}",
            setting=key,
        )
    _genuine_accepted(genuine)
    if not answer.answered:
        raise CouldNotCheck(f"the protected route {answer.problem}")
    if not use.is_refused and answer.status < 500:
        raise CouldNotCheck(
            f"the protected route answers {answer.status}{redirect_words(answer)} to {use.words}: if that refuses it, "
            f"add {answer.status} to {key}",
            setting=key,
        )
    return use


def _copied_fault(forgery: str, genuine: IssuedTokenUse | Missing) -> str:
    """A changed copy that is let in where the genuine token has the wrong form, too: that form is the matter."""
    if forgery != "tampered" or isinstance(genuine, Exception):
        return ""
    return genuine.token_fault if genuine.token_fault == FORM else ""


def _there(need: Any) -> Any:
    if isinstance(need, Exception):
        raise need
    return need


def _genuine_accepted(genuine: IssuedTokenUse | Missing) -> None:
    if not _there(genuine).is_accepted:
        raise CouldNotCheck("a refusal proves nothing while the genuine token is refused", root="issued_token_use")


def _not_open_already(stack: Stack, answer: Answer | Missing, lesser: str) -> None:
    """Raise CouldNotCheck when a lesser forgery is let in already: this one would be too, for the same reason."""
    if isinstance(answer, Answer) and let_in(answer, stack.auth):
        words = f"answers {answer.status} to {WORDS[lesser]}"
        raise CouldNotCheck(f"the protected route {words} already", root=f"forged_token_use[{lesser}]")


def _sent(token: str, stack: Stack, http: Http, secrets: Secrets, genuine: AccessToken) -> Answer:
    learn_token(secrets, token)
    return ask_protected(stack, http, genuine.carry(token))


def forge(forgery: str, genuine: AccessToken, jwt: Any, secret: WrittenSecret | Missing) -> str:
    """A forged token; raises CouldNotCheck when it cannot be made."""
    parts = parts_of(genuine.value)
    if parts is None:
        raise CouldNotCheck("the issued token is not a JWT", root="issued_token")
    if forgery == "alg-none":
        return f"{piece({**parts.header, 'alg': 'none'})}.{piece(parts.claims)}."
    shared = parts.algorithm in SHARED
    if forgery == "empty-key":
        header = parts.header if shared else {**parts.header, "alg": "HS256"}
        return signed(jwt, header, parts.claims, "")
    return _expired(parts, genuine.now, jwt, secret, shared)


def _expired(parts: Parts, now: float, jwt: Any, secret: WrittenSecret | Missing, shared: bool) -> str:
    if not shared:
        raise CouldNotCheck(f"an expired token cannot be signed with {parts.algorithm[:20]!r}: its key is private")
    keys = [key for key in _there(secret).readings if signed_with(jwt, parts, key)]
    if not keys:
        raise CouldNotCheck(
            f"the secret in {_there(secret).source} did not sign the genuine token", root="token_signature"
        )
    past = int(now) - 3600
    claims = {name: value for name, value in parts.claims.items() if name != "nbf"}
    return signed(jwt, parts.header, {**claims, "iat": past - 3600, "exp": past}, keys[0])


def signed(jwt: Any, header: dict[str, Any], claims: dict[str, Any], key: str) -> str:
    """A token with this HMAC; PyJWT's own encoding refuses the keys that a forger would use."""
    text = f"{piece(header)}.{piece(claims)}"
    algorithm = jwt.get_algorithm_by_name(header["alg"])
    return f"{text}.{_encoded(algorithm.sign(text.encode(), key.encode('utf-8', 'surrogateescape')))}"


def tampered(token: str) -> str:
    """The token with a claim added and its old signature; an opaque one with a few other signs in its middle."""
    parts = parts_of(token)
    if parts is None:
        middle = len(token) // 2
        others = ("B" if sign == "A" else "A" for sign in token[middle : middle + 6])
        return token[:middle] + "".join(others) + token[middle + 6 :]
    head = token.partition(".")[0]
    return f"{head}.{piece({**parts.claims, 'oncall': 'forged'})}.{parts.signature}"


def made_up(value: str) -> str:
    """A value of the same shape as a session's: each letter and digit another one by chance."""
    return "".join(
        next((randomness.choice(kind.replace(sign, "")) for kind in KINDS if sign in kind), sign) for sign in value
    )


def piece(value: dict[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
