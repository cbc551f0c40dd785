"""The backend, asked over HTTP: its health and its metrics; response times have a file of their own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

from oncall.facts.backend import NO_ANSWER, HealthAnswer, HealthChecks, HealthMemory
from oncall.finding import CouldNotCheck, Declared
from oncall.probes.http.client import Answer, Http
from oncall.probes.http.health_body import read_body
from oncall.probes.http.redirects import traced
from oncall.probes.http.sub_check_names import Blaming
from oncall.probing.ledger import Ledger, ledger_in, state_folder
from oncall.probing.register import client, probe
from oncall.target.schema import Backend, Frontend, Limits, Stack
from oncall.target.secrets import Secrets
from oncall.target.views import parts

# A limit that is passed must still be a fact, so each request may take a little longer than its limit.
GRACE = 0.5


@client()
def ledger() -> Ledger:
    """Where our own requests are noted, so that no line that they leave in a log counts against the stack."""
    kept = ledger_in(state_folder())
    kept.new_round()
    return kept


@client()
def http(stack: Stack, secrets: Secrets, ledger: Ledger) -> Http:
    """The HTTP client that every look shares."""
    published = [part for part in parts(stack).values() if isinstance(part, Backend | Frontend)]
    for part in published:
        if password := urlsplit(part.url).password:
            secrets.learn(password)
            secrets.learn(unquote(password))
    authorities = (part.ca_file for part in published if isinstance(part, Frontend) and part.ca_file)
    return Http(next(authorities, ""), ledger)


def expanded(headers: Mapping[str, str], secrets: Secrets) -> dict[str, str]:
    """Configured headers with their ${NAME}s filled in; raises CouldNotCheck for a NAME that is not set."""
    return {name: secrets.expand(value) for name, value in headers.items()}


@probe(of="backend", deadline=lambda limits: limits.health_seconds + 2 * GRACE)
def backend_health(stack: Stack, limits: Limits, secrets: Secrets, http: Http) -> HealthAnswer:
    """What the health check answers, and what its body says."""
    if stack.backend.absent:
        raise Declared("says that this stack has no backend")
    health = stack.backend.health
    answer = http.ask(
        health.method,
        stack.backend.url.rstrip("/") + health.path,
        headers=expanded(health.headers, secrets),
        seconds=limits.health_seconds + GRACE,
    )
    body = read_body(answer, health, Blaming(health, stack))
    return HealthAnswer(
        exchange=traced(http, answer, limits.health_seconds + GRACE - answer.seconds),
        expected=health.expected_status,
        body_problem=body.problem,
        status=body.status,
        says_healthy=body.says_healthy,
        checks=body.checks,
        silent=body.silent,
        memory_used=body.memory_used,
        memory_limit=body.memory_limit,
        date=http_date(answer),
        looked_at=datetime.now(UTC),
    )


def http_date(answer: Answer) -> datetime | None:
    """The answering clock, from the Date header."""
    try:
        date = parsedate_to_datetime(answer.headers["date"])
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (KeyError, ValueError, OverflowError):
        return None


@probe(of="backend")
def health_checks(stack: Stack, backend_health: HealthAnswer) -> HealthChecks:
    """The sub-checks that the health body names."""
    health = stack.backend.health
    if health.body != "json" or not health.checks_key:
        raise Declared(f"says that the health body has no sub-checks ({stack.key('backend.health.checks_key')})")
    if backend_health.checks is None:
        _readable(backend_health)
        raise CouldNotCheck(
            f"the health body has no sub-checks at {health.checks_key!r}: "
            f"set {stack.key('backend.health.checks_key')} (empty: none)",
            setting=stack.key("backend.health.checks_key"),
        )
    if not backend_health.checks:
        raise CouldNotCheck(
            f"no sub-check says how it is at {health.check_status_key!r}: "
            f"set {stack.key('backend.health.check_status_key')}",
            setting=stack.key("backend.health.check_status_key"),
        )
    return HealthChecks(
        address=backend_health.exchange.address,
        at=backend_health.exchange.at,
        checks=backend_health.checks,
        silent=backend_health.silent,
    )


@probe(of="backend")
def health_memory(stack: Stack, backend_health: HealthAnswer) -> HealthMemory:
    """The memory use that the health body tells."""
    health = stack.backend.health
    if health.body != "json" or not (health.memory_used_key and health.memory_limit_key):
        raise Declared(f"says that the health body tells no memory use ({stack.key('backend.health.memory_used_key')})")
    for key, name in (("memory_used", health.memory_used_key), ("memory_limit", health.memory_limit_key)):
        if getattr(backend_health, key) is None:
            _readable(backend_health)
            raise CouldNotCheck(
                f"the health body has no number above 0 at {name!r}: "
                f"set {stack.key('backend.health')}.{key}_key (empty: none)",
                setting=f"{stack.key('backend.health')}.{key}_key",
            )
    return HealthMemory(
        address=backend_health.exchange.address,
        used=backend_health.memory_used or 0.0,
        limit=backend_health.memory_limit or 0.0,
        judged=any(check.name in health.memory_used_key.split(".") for check in backend_health.failing),
    )


def _readable(health: HealthAnswer) -> None:
    """Raise CouldNotCheck when the body is missing because there was none that could be read."""
    if not health.exchange.answered:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    if health.body_problem:
        raise CouldNotCheck(f"the backend {health.body_problem}", root="backend_health")
