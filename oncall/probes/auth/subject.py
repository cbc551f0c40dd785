"""Whose token it is: the account that its claims, or a "who am I" answer, name, compared with the one that logged in.

Neither name leaves this place: the fact says where it was read and whether the two agree. Names that cannot be compared
(a number against a word, an address against a nickname) prove nothing.
"""

from typing import Any

from oncall.facts.auth import TokenSubject
from oncall.finding import CouldNotCheck, Declared
from oncall.probes.auth.jwt_parts import parts_of
from oncall.probes.auth.login import PROTECTED_SECONDS, AccessToken
from oncall.probes.auth.token_place import body_value
from oncall.probes.http.client import Http
from oncall.probing.register import probe
from oncall.target.schema import Stack
from oncall.target.secrets import Secrets

EMAIL_CLAIMS = (
    "email",
    "preferred_username",
    "username",
    "upn",
    "sub",
)  # OpenID Connect's, and those of common servers
NAME_CLAIMS = ("preferred_username", "username", "user_name", "login")
OTHER_CLAIMS = ("email", "sub", "name", "upn")  # equal proves; unequal may be a number or an address: proves nothing


@probe(of="auth", deadline=4.0)
def token_subject(stack: Stack, secrets: Secrets, http: Http, access_token: AccessToken) -> TokenSubject:
    """Whether the token just issued belongs to the account that logged in."""
    auth = stack.auth
    account = secrets.plain(auth.account_variable)
    if auth.whoami_path:
        return _asked(stack, http, access_token, account)
    parts = parts_of(access_token.value)
    if parts is None and auth.account_claim and auth.scheme == "jwt":
        raise CouldNotCheck("the issued token is not a JWT", root="issued_token")
    claims = parts.claims if parts else {}
    key = stack.key("auth.account_claim")
    if auth.account_claim:
        named = claims.get(auth.account_claim)
        if not isinstance(named, str | int) or isinstance(named, bool):
            raise CouldNotCheck(f"the token has no claim {auth.account_claim!r}: see {key}", setting=key)
        return TokenSubject(source=f"claim {auth.account_claim}", agrees=same_account(str(named), account))
    if (found := compared(claims, account)) is None:
        raise Declared(f"names nothing that tells whose a token is ({key}, {stack.key('auth.whoami_path')})")
    return found


def _asked(stack: Stack, http: Http, token: AccessToken, account: str) -> TokenSubject:
    auth, key = stack.auth, stack.key("auth.whoami_key")
    url = stack.backend.url.rstrip("/") + auth.whoami_path
    answer = http.ask("GET", url, headers=token.header(), seconds=PROTECTED_SECONDS, refusable="token")
    if not answer.answered:
        raise CouldNotCheck(f"{auth.whoami_path} {answer.problem}", root="issued_token_use")
    if answer.status != 200:
        raise CouldNotCheck(
            f"{auth.whoami_path} answers {answer.status} to the token just issued",
            root="issued_token_use",
            setting=stack.key("auth.whoami_path"),
        )
    named = body_value(answer, auth.whoami_key)
    if not isinstance(named, str | int) or isinstance(named, bool):
        raise CouldNotCheck(
            f"the answer of {auth.whoami_path} has no name at {auth.whoami_key!r}: see {key}", setting=key
        )
    return TokenSubject(source=f"answer of {auth.whoami_path}", agrees=same_account(str(named), account))


def compared(claims: dict[str, Any], account: str) -> TokenSubject | None:
    """What the usual claims say of an account; None: none of them can be compared with it."""
    texts = {name: value for name, value in claims.items() if isinstance(value, str) and value.strip()}
    alike = EMAIL_CLAIMS if "@" in account else NAME_CLAIMS
    comparable = [name for name in alike if name in texts and shape(texts[name]) == shape(account)]
    for name in (*comparable, *(name for name in OTHER_CLAIMS if name in texts)):
        if same_account(texts[name], account):
            return TokenSubject(source=f"claim {name}", agrees=True)
    return TokenSubject(source=f"claim {comparable[0]}", agrees=False) if comparable else None


def shape(name: str) -> tuple[bool, bool, bool]:
    """What kind of a name it is: an address, several words, a number."""
    return "@" in name, " " in name.strip(), name.strip().isdecimal()


def same_account(named: str, account: str) -> bool:
    """Names of accounts are compared without case, as logins do."""
    return named.strip().casefold() == account.strip().casefold()
