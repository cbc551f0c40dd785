"""The probe account's token, sent the way that users come: through the public address."""

from oncall.facts.auth import IssuedTokenUse
from oncall.facts.http import NEVER_ARRIVED
from oncall.facts.public_address import PublicTokenUse
from oncall.facts.public_api import PublicApi
from oncall.finding import CouldNotCheck
from oncall.probes.auth.login import PROTECTED_SECONDS, AccessToken
from oncall.probes.auth.login_request import shows_login_page
from oncall.probes.http.client import Http
from oncall.probing.register import probe
from oncall.target.schema import Stack


@probe(of="frontend", deadline=PROTECTED_SECONDS + 0.5)
def public_token_use(
    stack: Stack, http: Http, public_api: PublicApi, access_token: AccessToken, issued_token_use: IssuedTokenUse
) -> PublicTokenUse:
    """How the protected route receives the token just issued when it is asked through the public address."""
    auth = stack.auth
    if public_api.problem:
        raise CouldNotCheck("browsers do not get what the API answers", root="public_api")
    if not issued_token_use.is_accepted:
        raise CouldNotCheck("the token is not accepted straight either", root="issued_token_use")
    name = auth.send_token_name
    url = public_api.answers.base + auth.protected_path
    answer = http.ask("GET", url, headers=access_token.header(), seconds=PROTECTED_SECONDS, refusable="token")
    if answer.status == 429:
        raise CouldNotCheck(f"{auth.protected_path} limits our rate (429)")
    if answer.outcome in NEVER_ARRIVED:
        raise CouldNotCheck(f"the frontend {answer.problem}", root="frontend_page")
    return PublicTokenUse(
        path=auth.protected_path,
        carrier=f"cookie {name}" if auth.send_token_in == "cookie" else f"{name} header",  # noqa: S105  a place
        direct=issued_token_use.exchange,
        public=answer.exchange,
        accepted=auth.protected_expected_status,
        refused=auth.protected_refused_status,
        login_page=shows_login_page(answer) and not issued_token_use.login_page,
        shown_by=public_api.shown_by,
    )
