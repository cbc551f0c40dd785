"""Logging in, twice at most in a run: once as the probe account, once as somebody who does not exist.

The token lives in memory only, inside AccessToken; facts tell how it was received, never what it is.
"""

import secrets as randomness
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from oncall.facts import Fact
from oncall.facts.auth import IssuedTokenUse, Login, RefusedLogin
from oncall.facts.backend import NO_ANSWER, HealthAnswer
from oncall.facts.http import NEVER_ARRIVED
from oncall.facts.token import IssuedToken
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.auth.login_request import led_back, log_in, shows_login_page
from oncall.probes.auth.login_time import PATIENCE, LoginWatch
from oncall.probes.auth.token_place import body_kind, names_seen, token_of
from oncall.probes.http.backend import GRACE, http_date
from oncall.probes.http.client import Answer, Http
from oncall.probing.register import client, probe
from oncall.target.schema import Auth, Limits, Stack
from oncall.target.secrets import Secrets

Health = HealthAnswer | CouldNotCheck | NotPart
PROTECTED_SECONDS = 2.5
SIGNATURE = 16  # characters: the shortest that could be one (HS256 has 43)


@dataclass(frozen=True)
class AccessToken:
    """The probe account's token, and how it is sent. `now` is the issuer's time when it came, by `clock`, `ours` the
    time of this machine at that moment."""

    value: str = field(repr=False)
    auth: Auth = field(repr=False)
    now: float
    clock: str
    ours: float

    def header(self) -> dict[str, str]:
        """The headers that carry the token."""
        return self.carry(self.value)

    def carry(self, token: str) -> dict[str, str]:
        """The headers that carry another token the same way."""
        return carried(self.auth, token)


@dataclass(frozen=True)
class Attempt:
    """One login: what can be told of it, and the token if there was one."""

    login: Login
    token: AccessToken | None = field(repr=False)


def carried(auth: Auth, token: str) -> dict[str, str]:
    """The headers that carry a token the way that the target file says."""
    prefix, name = auth.send_token_prefix, auth.send_token_name
    match auth.send_token_in:
        case "cookie":  # the prefix that is the default belongs to a header: a cookie holds no blanks
            return {"Cookie": f"{name}={prefix if prefix != 'Bearer ' else ''}{token}"}
        case _:
            return {name: prefix + token}


def declared(stack: Stack) -> None:
    """Raise NotPart when there is nothing to log in to."""
    for part, name in ((stack.auth, "login"), (stack.backend, "backend")):
        if part.absent:
            raise Declared(f"says that this stack has no {name}")


def same_story(answer: Answer, health: Health, what: str) -> None:
    """Raise CouldNotCheck when the backend's health check judges what happened here, or when nothing was judged."""
    if answer.status == 429:
        raise CouldNotCheck(f"{what} limits our rate (429): wait, or exempt the probe account")
    if not isinstance(health, HealthAnswer):
        return
    if not answer.answered and not health.exchange.answered:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    if answer.status in (502, 503, 504) and health.exchange.status == answer.status and not health.blames:
        raise CouldNotCheck(f"the backend answers {answer.status} to everything", root="backend_health")


def accused(answer: Answer, health: Health) -> str | None:
    """The component that the health body blames, when the answer is the kind of problem that it would cause."""
    sick = not answer.answered or answer.status >= 500
    return health.blames if sick and isinstance(health, HealthAnswer) else None


def _still_good(attempt: Attempt, facts: Mapping[str, Fact]) -> bool:
    """Whether a token came that nobody has refused since: a backend that starts with another secret does."""
    use = facts.get("issued_token_use")
    refused = isinstance(use, IssuedTokenUse) and use.exchange.status in use.refused
    return attempt.token is not None and not refused


def _login_seconds(limits: Limits) -> float:
    """The request for the CSRF token, and the login."""
    return 2 * (limits.login_seconds + GRACE) + GRACE


def _patient_seconds(limits: Limits) -> float:
    return _login_seconds(limits) + max(0.0, PATIENCE - limits.login_seconds)


def patience(limits: Limits, health: Health) -> float:
    """How long to wait for the login: where the backend is quick otherwise, as long as a person would."""
    usual = limits.login_seconds + GRACE
    told = health if isinstance(health, HealthAnswer) else None
    quick = told and not told.problem and told.exchange.seconds <= limits.health_seconds / 2
    return max(usual, PATIENCE) if quick else usual


@client(of="auth", deadline=_patient_seconds, optional=("backend_health",), keep=_still_good)
def probe_login(
    stack: Stack, limits: Limits, secrets: Secrets, http: Http, login_watch: LoginWatch, backend_health: Health
) -> Attempt:
    """The probe account's one login of this run."""
    declared(stack)
    auth = stack.auth
    account, password = secrets.plain(auth.account_variable), secrets[auth.password_variable]
    if isinstance(backend_health, HealthAnswer) and backend_health.exchange.outcome in NEVER_ARRIVED:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    with login_watch:
        reply = log_in(stack, limits, secrets, http, account, password, patience(limits, backend_health))
    answer, back = reply.answer, led_back(reply.answer, auth)
    welcome = answer.answered and answer.status in auth.login_expected_status and not (back or reply.of_csrf)
    again = not reply.of_csrf and shows_login_page(answer)
    token = token_of(answer, auth) if welcome and not again else ""
    learn_token(secrets, token)
    same_story(answer, backend_health, "login")
    date = None if "age" in answer.headers else http_date(answer)  # a cache's Date is the time of another answer
    login = Login(
        exchange=answer.exchange,
        expected=auth.login_expected_status,
        method=auth.login_method,
        body=body_kind(answer),
        token_place={
            "body": f"the body at {auth.token_key!r}",
            "header": f"the header {auth.token_key!r}",
            "cookie": f"the cookie {auth.token_key!r}",
        }[auth.token_in],
        token_found=bool(token),
        seen=() if token or not answer.status else names_seen(answer, auth),
        form=auth.login_body == "form",
        csrf_place=auth.csrf_from if reply.of_csrf else "",
        back=back,
        login_page=again,
        blames=accused(answer, backend_health),
        set_cookies=answer.cookies_without_values,
    )
    if not token:
        return Attempt(login, None)
    ours = time.time()
    now, clock = (issuers_now(date.timestamp() + 0.5, ours, answer.seconds), "backend") if date else (ours, "ours")
    return Attempt(login, AccessToken(token, auth, now, clock, ours))


def issuers_now(date: float, ours: float, took: float) -> float:
    """The issuer's time when its answer came: a server that computes writes a Date as old as the request, at most.

    Within that, the time of this machine is the best guess. All in seconds since 1970; took: of the whole answer.
    """
    return min(max(date, ours), date + took)


@client(of="auth")
def access_token(probe_login: Attempt) -> AccessToken:
    """The token that the probe account was given."""
    if probe_login.token is None:
        raise CouldNotCheck("the probe account did not log in", root="login")
    return probe_login.token


@probe(of="auth")
def login(probe_login: Attempt) -> Login:
    """How the probe account's login was answered."""
    return probe_login.login


@probe(
    of="auth",
    deadline=lambda limits: _login_seconds(limits) + 2 * PROTECTED_SECONDS,
    optional=("probe_login", "backend_health"),
    keep=lambda refused, facts: refused.problem is None,
)
def refused_login(
    stack: Stack,
    limits: Limits,
    secrets: Secrets,
    http: Http,
    backend_health: Health,
    probe_login: Attempt | CouldNotCheck | NotPart,
) -> RefusedLogin:
    """How an account that nobody has, with a random password, is answered."""
    declared(stack)
    auth = stack.auth
    known = probe_login.login if isinstance(probe_login, Attempt) else None
    if isinstance(probe_login, Exception) and auth.account_variable in secrets and auth.password_variable in secrets:
        raise probe_login  # it was tried, and was not answered or limited: a second try adds nothing
    if known and (not known.exchange.answered or known.exchange.status >= 500):
        raise CouldNotCheck("login fails for the probe account too", root="login")
    account, password = f"oncall-{randomness.token_hex(6)}", randomness.token_urlsafe(18)
    secrets.learn(password)
    reply = log_in(stack, limits, secrets, http, account, password, limits.login_seconds + GRACE)
    answer, back = reply.answer, led_back(reply.answer, auth)
    if not answer.answered and known and known.exchange.seconds > limits.login_seconds:
        raise CouldNotCheck("the login is too slow to be asked twice", root="login_time", manner="late")
    if reply.of_csrf:
        raise CouldNotCheck(
            "no CSRF token came, so no login was tried", root="login", setting=stack.key("auth.csrf_from")
        )
    token = token_of(answer, auth) if answer.answered else ""
    learn_token(secrets, token)
    same_story(answer, backend_health, "login")
    if not token and answer.status in auth.refused_status and answer.status != 401:
        if known and known.problem and known.exchange.status == answer.status:
            raise CouldNotCheck(f"login answers {answer.status} to everybody, so it proves no refusal", root="login")
        if known is None and answer.status == 404 and body_kind(answer) != "json":
            raise CouldNotCheck(f"login answers 404 without saying why: set {auth.account_variable} to know its route")
    opens = _opens_anything(stack, http, token) if token else False
    if opens is None and answer.status in auth.login_expected_status and not back:
        raise CouldNotCheck(
            f"login answers {answer.status} with a token to a nonexistent account, and the protected route does not "
            "tell whether it opens anything",
            root="forged_token_use[no-token]",
        )
    return RefusedLogin(
        account=account,
        exchange=answer.exchange,
        refused=auth.refused_status,
        welcome=auth.login_expected_status,
        token_found=bool(token),
        token_accepted=bool(opens),
        back=back,
        login_page=shows_login_page(answer),
        blames=accused(answer, backend_health),
    )


def _opens_anything(stack: Stack, http: Http, token: str) -> bool | None:
    """Whether a token opens what is shut without one: an anonymous session's cookie does not. None: not known."""
    answer = ask_protected(stack, http, carried(stack.auth, token))
    if not answer.answered:
        return None
    if not let_in(answer, stack.auth):
        return False
    bare = ask_protected(stack, http, {})
    return True if bare.answered and not let_in(bare, stack.auth) else None


def let_in(answer: Answer, auth: Auth) -> bool:
    """Whether the protected route answers as it does to users."""
    return answer.answered and answer.status in auth.protected_expected_status and not shows_login_page(answer)


@probe(of="auth", optional=("backend_health", "issued_token"))
def issued_token_use(
    stack: Stack,
    limits: Limits,
    http: Http,
    access_token: AccessToken,
    backend_health: Health,
    issued_token: IssuedToken | CouldNotCheck | NotPart,
) -> IssuedTokenUse:
    """How the protected route receives the token just issued."""
    auth = stack.auth
    answer = ask_protected(stack, http, access_token.header())
    same_story(answer, backend_health, "the protected route")
    again = shows_login_page(answer) and shows_login_page(ask_protected(stack, http, {}))
    use = IssuedTokenUse(
        exchange=answer.exchange,
        token_fault=issued_token.fault(limits.token_lifetime_hours, limits.clock_skew_seconds)
        if isinstance(issued_token, IssuedToken)
        else "",
        login_page=again,
        accepted=auth.protected_expected_status,
        refused=auth.protected_refused_status,
        blames=accused(answer, backend_health),
    )
    sick = not answer.answered or (
        answer.status >= 300 and answer.status not in (401, 403, *auth.protected_refused_status)
    )
    if sick and not use.is_accepted:
        for endpoint in stack.backend.endpoints:
            if (endpoint.path, endpoint.method, endpoint.authorized) == (auth.protected_path, "GET", True):
                what = answer.exchange.problem or f"answers {answer.status}"
                raise CouldNotCheck(f"{endpoint.path} {what}", root=f"response_times[{endpoint.name}]")
    return use


def ask_protected(stack: Stack, http: Http, headers: Mapping[str, str]) -> Answer:
    """Ask the protected route once."""
    url = stack.backend.url.rstrip("/") + stack.auth.protected_path
    return http.ask("GET", url, headers=headers, seconds=PROTECTED_SECONDS, refusable="token")


def learn_token(secrets: Secrets, token: str) -> None:
    """The token as a whole, and a JWT's signature: its other two pieces are words that anybody may say."""
    secrets.learn(token)
    pieces = token.split(".")
    if len(pieces) == 3 and len(pieces[2]) >= SIGNATURE:
        secrets.learn(pieces[2])
