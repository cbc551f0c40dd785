"""How fast an endpoint answers: a few requests one after another, no more than the verdict needs."""

from collections.abc import Callable
from typing import Protocol

from oncall.facts.backend import NO_ANSWER, HealthAnswer, ResponseTimes
from oncall.facts.http import NEVER_ARRIVED, Exchange
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.http.answer_body import LONGEST_BODY, wrong_body
from oncall.probes.http.backend import GRACE, expanded
from oncall.probes.http.client import Answer, Http
from oncall.probing.lag import stack_time
from oncall.probing.register import probe
from oncall.target.schema import Endpoint, Limits, Stack
from oncall.target.secrets import Secrets

FEW, MANY = 5, 20
READ_EACH = 64 << 10  # bytes: of longer answers the first one is read, the others are timed alone
SECONDS = 4.0


class Token(Protocol):
    """What the login brings, as far as it matters here."""

    def header(self) -> dict[str, str]:
        """The headers that carry the token."""


def _sampling_seconds(limits: Limits) -> float:
    """At least one request may go past its limit, whatever the limit is."""
    return max(SECONDS, limits.response_seconds + GRACE)


@probe(of="backend", deadline=lambda limits: _sampling_seconds(limits) + 1.0, optional=("access_token",))
def response_times(
    endpoint: str,
    stack: Stack,
    limits: Limits,
    secrets: Secrets,
    http: Http,
    backend_health: HealthAnswer,
    access_token: Token | CouldNotCheck | NotPart,
) -> ResponseTimes:
    """The response times of one configured endpoint."""
    asked = next((one for one in stack.backend.endpoints if one.name == endpoint), None)
    if asked is None:
        raise CouldNotCheck(f"the target file has no backend.endpoints named {endpoint!r}")
    if backend_health.exchange.outcome in NEVER_ARRIVED:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    headers = expanded(asked.headers, secrets)
    if asked.authorized:
        if isinstance(access_token, Exception):
            raise access_token
        headers |= access_token.header()

    def ask(seconds: float) -> Answer:
        return http.ask(
            asked.method,
            stack.backend.url.rstrip("/") + asked.path,
            headers=headers,
            seconds=seconds,
            body_limit=LONGEST_BODY,
        )

    def wrong(answer: Answer) -> str:
        return wrong_body(answer, asked)

    samples, failure, body_problem = sampled(ask, limits.response_seconds, wrong)
    if failure is not None:
        _refusal_is_unknown(failure, asked)
    ended = failure or samples[-1]
    if not ended.answered and not backend_health.exchange.answered:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    if failure is not None and failure.outcome in NEVER_ARRIVED:
        raise CouldNotCheck(f"the backend no longer answers: it {failure.problem}")
    return ResponseTimes(
        endpoint=endpoint, path=asked.path, samples=samples, failure=failure, body_problem=body_problem
    )


def sampled(
    ask: Callable[[float], Answer], limit: float, wrong: Callable[[Answer], str]
) -> tuple[tuple[Exchange, ...], Exchange | None, str]:
    """Ask until the verdict is settled: all well under the limit, two over it, something else than success, no time.

    wrong: what is wrong with what a success says, in words; empty: nothing.

    A request that is cut off has lasted longer than the limit, so it is a sample like the others.
    """
    ends = stack_time() + max(SECONDS, limit + GRACE)
    samples: list[Exchange] = []
    while len(samples) < MANY:
        left = ends - stack_time()
        if left < 0.05:
            break
        given = min(left, limit + GRACE)
        answer = ask(given)
        exchange = answer.exchange
        if exchange.outcome == "timeout" and given < limit:
            break  # our time was up, not the endpoint's: this one proves nothing
        if exchange.outcome != "timeout" and not (exchange.answered and 200 <= exchange.status < 300):
            return tuple(samples), exchange, ""
        judged = not samples or exchange.length <= READ_EACH
        if exchange.answered and judged and (problem := wrong(answer)):
            return tuple(samples), exchange, problem
        samples.append(exchange)
        slow = sum(sample.seconds > limit for sample in samples)
        if slow > MANY - 0.95 * MANY or (len(samples) >= FEW and max(s.seconds for s in samples) < limit / 2):
            break
    return tuple(samples), None, ""


def _refusal_is_unknown(failure: Exchange, endpoint: Endpoint) -> None:
    """An endpoint that will not serve us says nothing about its speed."""
    if failure.status in (401, 403):
        what = "our token" if endpoint.authorized else "a request without token: set authorized = true"
        if endpoint.headers and not endpoint.authorized:
            what = f"the value that we send as {', '.join(endpoint.headers)}"
        root = "issued_token_use" if endpoint.authorized else ""
        raise CouldNotCheck(f"{endpoint.path} refuses {what} ({failure.status})", root=root)
    if failure.status == 429:
        raise CouldNotCheck(f"{endpoint.path} limits our rate (429)")
