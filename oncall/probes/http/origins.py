"""Requests as a page sends them: with its Origin, and with the question that comes before those across origins."""

from oncall.facts.browser_rules import OriginUse, Preflight
from oncall.facts.frontend import Assets
from oncall.facts.public_api import ApiAnswers
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.http.backend import GRACE
from oncall.probes.http.client import Answer, Http
from oncall.probes.http.page_calls import origin
from oncall.probing.register import probe
from oncall.target.schema import Limits, Stack

FORBIDDEN = 403
Missing = CouldNotCheck | NotPart


def page_origin(stack: Stack) -> str:
    """The Origin that browsers send: what the target file says, else that of the page's address."""
    if stack.frontend.absent:
        raise Declared("says that this stack has no frontend")
    return stack.websocket.origin or origin(stack.frontend.url)


@probe(of="backend", deadline=lambda limits: 3 * (limits.response_seconds + 2 * GRACE))
def origin_use(stack: Stack, limits: Limits, http: Http, api_answers: ApiAnswers) -> OriginUse:
    """Whether the API and the login take requests that carry the page's Origin. Nobody is logged in for it."""
    sender = page_origin(stack)
    direct = next((one for one in api_answers.answers if not one.problem), None)
    if direct is None:
        raise CouldNotCheck("the API fails without an Origin as well", root="api_answers")
    seconds = limits.response_seconds + GRACE
    answer = http.ask("GET", direct.exchange.address, headers={"origin": sender}, seconds=seconds)
    if answer.status == FORBIDDEN and direct.exchange.status != FORBIDDEN:
        return OriginUse(origin=sender, exchange=answer.exchange, refused=f"{direct.name} answers 403 to it")
    if stack.auth.absent:
        return OriginUse(origin=sender, exchange=answer.exchange)

    def ask_login(headers: dict[str, str]) -> Answer:  # what a browser asks before it logs in across origins: no login
        path = stack.backend.url.rstrip("/") + stack.auth.login_path
        return http.ask("OPTIONS", path, headers=headers, seconds=seconds)

    asking = {
        "origin": sender,
        "access-control-request-method": stack.auth.login_method,
        "access-control-request-headers": "content-type",
    }
    answer = ask_login(asking)
    if answer.status == FORBIDDEN:
        without = ask_login({})
        if without.answered and without.status not in (FORBIDDEN, 429):
            return OriginUse(origin=sender, exchange=answer.exchange, refused="login answers 403 to it")
    return OriginUse(origin=sender, exchange=answer.exchange)


@probe(of="backend", optional=("page_assets", "api_answers"))
def preflight(
    stack: Stack, limits: Limits, http: Http, api_answers: ApiAnswers | Missing, page_assets: Assets | Missing
) -> Preflight:
    """Whether a page of another origin may send its token to the API."""
    sender = page_origin(stack)
    called = page_assets.origins if isinstance(page_assets, Assets) else ()
    straight = origin(stack.backend.url)
    base = stack.backend.public_url or (stack.backend.url if straight in map(origin, called) else "")
    if not base or origin(base) == sender:
        raise Declared(f"says that page and API have one origin ({stack.key('backend.public_url')})")
    if isinstance(api_answers, Exception):
        raise api_answers
    by_cookie = stack.auth.send_token_in != "header"  # noqa: S105  a place, no password
    name = "content-type" if by_cookie else stack.auth.send_token_name.lower()
    headers = {
        "origin": sender,
        "access-control-request-method": "GET",
        "access-control-request-headers": name,
    }
    answer = http.ask(
        "OPTIONS", base.rstrip("/") + api_answers.answers[0].path, headers=headers,
        seconds=limits.response_seconds + GRACE,
    )  # fmt: skip
    if not answer.answered:
        raise CouldNotCheck(f"the API {answer.problem}", root="api_answers")
    return Preflight(origin=sender, exchange=answer.exchange, problem=_problem(answer, sender, name))


def _problem(answer: Answer, sender: str, name: str) -> str:
    """CORS preflight of the Fetch standard: a success, this origin or any, and the token's header by name."""
    if not 200 <= answer.status < 300:
        return f"is answered {answer.status}"
    allowed = answer.headers.get("access-control-allow-origin", "").strip()
    if allowed not in (sender, "*"):
        return f"allows {allowed[:60] or 'no origin'} and not {sender}"
    names = [one.strip().lower() for one in answer.headers.get("access-control-allow-headers", "").split(",")]
    if name not in names and ("*" not in names or name == "authorization"):
        return f"does not allow the header {name[:40]}"
    return ""
