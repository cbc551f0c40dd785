"""The API asked without a token: straight, and through the address that browsers use.

A refusal is an answer: 401 says that the API works. So neither look needs a login, and the first path that works is
enough for both.
"""

from oncall.facts.backend import NO_ANSWER, HealthAnswer
from oncall.facts.frontend import Assets, Page
from oncall.facts.http import NEVER_ARRIVED
from oncall.facts.public_api import GATEWAY, ApiAnswers, PathAnswer, PublicAnswers, PublicApi
from oncall.finding import CouldNotCheck, Declared, NotPart
from oncall.probes.http.answer_body import is_page, wrong_body
from oncall.probes.http.backend import GRACE, expanded
from oncall.probes.http.client import Answer, Http
from oncall.probes.http.page_calls import origin, root
from oncall.probing.lag import stack_time
from oncall.probing.register import probe
from oncall.target.schema import Endpoint, Limits, Stack
from oncall.target.secrets import Secrets

AGAIN = 2  # further requests for the first path: a proxy that fails for most lets one through by chance
MORE = 3.0  # seconds for further paths, when the first one is silent
BESIDE_SILENCE = 1.0  # seconds for a path beside a health check that hangs: most likely it hangs as well
BRISK = 0.3  # seconds: who takes longer is asked once
LEAST = 0.3  # seconds: less than this is no time to ask in
NOT_THERE = (404, 405, 410)
Missing = CouldNotCheck | NotPart


def asked_paths(stack: Stack) -> list[Endpoint]:
    """What to ask, each path once: the protected one first, since the login's checks rely on it."""
    first = [] if stack.auth.absent else [Endpoint(name="protected", path=stack.auth.protected_path)]
    found = {one.path: one for one in (*first, *stack.backend.endpoints) if one.method == "GET"}
    configured = {one.path: one for one in stack.backend.endpoints}
    return [configured.get(path, one) for path, one in found.items()]


@probe(of="backend", deadline=lambda limits: limits.response_seconds + 2 * GRACE + MORE)
def api_answers(
    stack: Stack, limits: Limits, secrets: Secrets, http: Http, backend_health: HealthAnswer
) -> ApiAnswers:  # fmt: skip
    """Whether any configured path is answered to a request without a token."""
    paths = asked_paths(stack)
    if not paths:
        raise Declared(f"names no path of the API to ask ({stack.key('backend.endpoints')})")
    if backend_health.exchange.outcome in NEVER_ARRIVED:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    given = limits.response_seconds + GRACE if backend_health.exchange.answered else BESIDE_SILENCE
    ends = stack_time() + limits.response_seconds + GRACE + MORE
    answers: list[PathAnswer] = []
    for one in paths:
        left = ends - stack_time()
        if left < LEAST:
            break
        answer = http.ask(
            "GET",
            stack.backend.url.rstrip("/") + one.path,
            headers={} if one.authorized else expanded(one.headers, secrets),
            seconds=min(left, given),
        )
        if answer.status == 429:
            raise CouldNotCheck(f"{one.path} limits our rate (429)")
        if not answer.answered and not backend_health.exchange.answered:
            raise CouldNotCheck(NO_ANSWER, root="backend_health")
        answers.append(told(one, answer, stack.auth.protected_refused_status))
        if not answers[-1].problem:
            break
    worst = answers[0].exchange if answers else None
    if worst and answers[-1].problem and worst.status >= 500 and backend_health.exchange.status == worst.status:
        raise CouldNotCheck(f"the backend answers {worst.status} to everything", root="backend_health")
    return ApiAnswers(answers=tuple(answers), unasked=len(paths) - len(answers) if answers[-1].problem else 0)


def told(asked: Endpoint, answer: Answer, refused: tuple[int, ...]) -> PathAnswer:
    """The answer as a record, with what is wrong with it."""
    return PathAnswer(
        path=asked.path, exchange=answer.exchange, problem=_problem(asked, answer, refused), is_page=is_page(answer)
    )


def _problem(asked: Endpoint, answer: Answer, refused: tuple[int, ...]) -> str:
    if not answer.answered:
        return answer.problem or ""
    if answer.status in refused:
        return ""
    if answer.status >= 500 or answer.status in NOT_THERE:
        return answer.answer
    if not 200 <= answer.status < 300:
        return ""
    if asked.authorized:  # without a token it says less than it should: only whose answer it is can be judged
        page = is_page(answer) and asked.body == "json"
        return f"answers {answer.status} with an HTML page instead of JSON" if page else ""
    return wrong_body(answer, asked)


@probe(of="frontend", deadline=lambda limits: 2 * (limits.response_seconds + 2 * GRACE))
def public_answers(
    stack: Stack, limits: Limits, http: Http, api_answers: ApiAnswers, backend_health: HealthAnswer
) -> PublicAnswers:
    """What browsers get for a path of the API that works when it is asked straight."""
    base = public_base(stack)
    working = [one for one in api_answers.answers if not one.problem]
    working += _health_among(working, stack, backend_health)
    if not working:
        raise CouldNotCheck("the API fails when it is asked straight", root="api_answers")
    pairs = []
    for number, direct in enumerate(working):
        answer = _worst(http, base + direct.path, limits.response_seconds + GRACE, again=0 if number else AGAIN)
        if answer.status == 429:
            raise CouldNotCheck(f"{direct.path} limits our rate (429)")
        if answer.outcome in NEVER_ARRIVED and not stack.backend.public_url:
            raise CouldNotCheck(f"the frontend {answer.problem}", root="frontend_page")
        pairs.append((direct, told(Endpoint(name="public", path=direct.path), answer, ())))
    return PublicAnswers(base=base, pairs=tuple(pairs))


def _worst(http: Http, url: str, seconds: float, *, again: int) -> Answer:
    """What came of a request and, where it was brisk, of as many more: a proxy's error before what broke off."""
    answers = [http.ask("GET", url, seconds=seconds)]
    while len(answers) <= again and answers[-1].seconds < BRISK and answers[-1].status not in (429, *GATEWAY):
        answers.append(http.ask("GET", url, seconds=seconds))
    return min(answers, key=lambda one: (one.status not in (429, *GATEWAY), one.answered))


def _health_among(working: list[PathAnswer], stack: Stack, answer: HealthAnswer) -> list[PathAnswer]:
    """The health check, where it is well and among the API's paths: elsewhere proxies do not pass it on."""
    health = stack.backend.health
    there = health.path not in {one.path for one in working} and root(health.path) in {
        root(one.path) for one in working
    }
    if not there or answer.problem or health.method != "GET" or health.headers:
        return []
    return [PathAnswer(path=health.path, exchange=answer.exchange)]


def public_base(stack: Stack) -> str:
    """Where browsers ask the API: what the target file says, else the page's own origin.

    Raises Declared where that is where the backend is asked anyway, or where there is no page.
    """
    if stack.frontend.absent and not stack.backend.public_url:
        raise Declared("says that this stack has no frontend")
    base = stack.backend.public_url or origin(stack.frontend.url)
    if origin(base) == origin(stack.backend.url):
        raise Declared(f"says that {stack.key('backend.url')} is the public address itself")
    return base.rstrip("/")


@probe(of="frontend", optional=("frontend_page", "page_assets"))
def public_api(
    stack: Stack, public_answers: PublicAnswers, frontend_page: Page | Missing, page_assets: Assets | Missing
) -> PublicApi:
    """Whether browsers get what the API answers, where it is known that they ask there.

    A frontend that answers its page or 404 to every path either lost its way to the API or never had one: what the
    page itself calls tells which.
    """
    if not public_answers.different:
        return PublicApi(answers=public_answers)
    key = stack.key("backend.public_url")
    _told_by_the_page(public_answers, frontend_page)
    if stack.backend.public_url:
        return PublicApi(answers=public_answers, shown_by=key)
    if public_answers.forwards:
        return PublicApi(answers=public_answers, shown_by="what it answers")
    roots = {root(direct.path) for direct, _ in public_answers.different}
    called = {one for fact in (frontend_page, page_assets) if isinstance(fact, Page | Assets) for one in fact.roots}
    if roots & called:
        return PublicApi(answers=public_answers, shown_by=f"the page calls {sorted(roots & called)[0]} on its own site")
    raise CouldNotCheck(
        f"{public_answers.base} answers no path of the API, and nothing shows that the page asks there: set {key}",
        setting=key,
    )


def _told_by_the_page(answers: PublicAnswers, page: Page | Missing) -> None:
    """Raise CouldNotCheck when the frontend fails in the same way for its page, or another site answers there."""
    path = answers.different[0][1]
    public = path.exchange
    if not isinstance(page, Page) or page.exchange.at != public.at:
        return
    if not page.exchange.answered and not public.answered:
        raise CouldNotCheck(f"the frontend {page.exchange.problem}", root="frontend_page")
    if public.status >= 400 and page.exchange.status == public.status:
        raise CouldNotCheck(f"the frontend answers {public.status} to everything", root="frontend_page")
    if page.looks_like and (path.is_page or public.status in NOT_THERE):
        raise CouldNotCheck(f"the frontend serves {page.looks_like}", root="frontend_page")
