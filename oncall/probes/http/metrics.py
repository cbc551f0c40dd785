"""The backend's metrics page: read once, judged once, and asked for its numbers by two deeper looks."""

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from oncall.facts.backend import (
    NO_ANSWER,
    HealthAnswer,
    Metric,
    MetricsPage,
    OpenFiles,
    WebSocketConnections,
)
from oncall.facts.http import NEVER_ARRIVED
from oncall.finding import CouldNotCheck, Declared
from oncall.probes.http.backend import expanded
from oncall.probes.http.client import Answer, Http
from oncall.probing.register import probe
from oncall.target.schema import Metrics, Stack
from oncall.target.secrets import Secrets

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

LONGEST_PAGE = 4 << 20  # bytes; a busy backend's page has 200 KiB in 2,000 lines
MOST_LINES = 50_000
LONGEST_LINE = 16 << 10


@probe(of="backend", deadline=3.0)
def metrics_page(stack: Stack, secrets: Secrets, http: Http, backend_health: HealthAnswer) -> MetricsPage:
    """The metrics that the backend exports."""
    metrics = stack.backend.metrics
    if metrics.absent:
        raise Declared("says that the backend exports no metrics")
    if backend_health.exchange.outcome in NEVER_ARRIVED:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    answer = http.ask(
        "GET",
        stack.backend.url.rstrip("/") + metrics.path,
        headers={"accept": "text/plain", **expanded(metrics.headers, secrets)},
        seconds=2.5,
        body_limit=LONGEST_PAGE,
    )
    if not answer.answered and not backend_health.exchange.answered:
        raise CouldNotCheck(NO_ANSWER, root="backend_health")
    same = answer.status in (502, 503, 504) and backend_health.exchange.status == answer.status
    if same and not backend_health.blames:
        raise CouldNotCheck(f"the backend answers {answer.status} to everything", root="backend_health")
    if answer.status in (401, 403):
        key = stack.key("backend.metrics.headers")
        refused = f"the value that we send as {', '.join(metrics.headers)}" if metrics.headers else "us"
        raise CouldNotCheck(f"the metrics page refuses {refused} ({answer.status}): set {key}", setting=key)
    return read_metrics(answer, metrics)


def parser() -> Callable[[str], Iterable[Any]]:
    """The Prometheus parser, heavy and wanted here only.

    Its package copies the environment when it is imported, and pytest changes that meanwhile, from its own thread.
    """
    for _ in range(20):
        with suppress(KeyError, RuntimeError):
            from prometheus_client.parser import text_string_to_metric_families

            return text_string_to_metric_families
    raise CouldNotCheck("the environment of this process changes faster than the Prometheus parser can be imported")


def read_metrics(answer: Answer, metrics: Metrics) -> MetricsPage:
    """Count the metrics that the target file names; a page that is none says so in its `body_problem`."""
    text_string_to_metric_families = parser()
    names = (metrics.websocket_connections, metrics.open_fds, metrics.max_fds)
    wanted: dict[str, list[float]] = {name: [] for name in names if name}
    samples = 0
    problem = ""
    if answer.media_type == "text/html":
        problem = "is an HTML page, not metrics"
    elif too_much := _too_much(answer):
        problem = too_much
    elif answer.answered and 200 <= answer.status < 300:
        try:
            for family in text_string_to_metric_families(answer.text):
                for sample in family.samples:
                    samples += 1
                    _count(sample, wanted)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # the parser's answers to no metrics
            problem = "is not in the Prometheus format"
        if not problem and not samples:
            problem = "holds no metric"
    connections, open_fds, max_fds = (
        Metric(name=name, samples=len(wanted.get(name, ())), total=_total(wanted.get(name, []))) for name in names
    )
    return MetricsPage(
        exchange=answer.exchange,
        body_problem=problem,
        samples=samples,
        websocket_connections=connections,
        open_fds=open_fds,
        max_fds=max_fds,
    )


def _too_much(answer: Answer) -> str:
    """Why the page is not read: the parser makes 400 bytes of each line, and copies a long one again and again."""
    if answer.truncated:
        return f"is longer than {LONGEST_PAGE >> 20} MiB"
    if answer.body.count(b"\n") > MOST_LINES:
        return f"has more than {MOST_LINES} lines"
    if any(len(line) > LONGEST_LINE for line in answer.body.splitlines()):
        return f"has a line of more than {LONGEST_LINE >> 10} KiB"
    return ""


def _count(sample: "Sample", wanted: dict[str, list[float]]) -> None:
    name = sample.name if sample.name in wanted else sample.name.removesuffix("_total")
    if name in wanted:
        wanted[name].append(sample.value)


def _total(values: list[float]) -> float | None:
    """The sum; None when one of them is no count (NaN, infinite, negative) or when there are none."""
    return sum(values) if values and all(math.isfinite(value) and value >= 0 for value in values) else None


@probe(of="backend")
def connection_metric(stack: Stack, metrics_page: MetricsPage) -> MetricsPage:
    """The metrics page, of a stack that tells how many sockets it holds."""
    if not stack.backend.metrics.websocket_connections:
        raise Declared(f"says that no metric tells how many sockets are open ({stack.key('backend.metrics')})")
    return metrics_page


@probe(of="backend")
def websocket_connections(connection_metric: MetricsPage) -> WebSocketConnections:
    """The number of sockets that the backend holds."""
    metrics_page, metric = connection_metric, connection_metric.websocket_connections
    if metrics_page.problem:
        raise CouldNotCheck(f"the metrics page {metrics_page.problem}", root="connection_metric")
    if metric.total is None:
        raise CouldNotCheck(f"{metric.name} has a value that is no count (NaN or negative)")
    return WebSocketConnections(metric=metric.name, samples=metric.samples, count=metric.total)


@probe(of="backend")
def open_files(stack: Stack, metrics_page: MetricsPage) -> OpenFiles:
    """The backend process's file descriptors, and how many it may have."""
    if not (stack.backend.metrics.open_fds and stack.backend.metrics.max_fds):
        raise Declared(f"says that no metric tells how many files are open ({stack.key('backend.metrics')})")
    page = metrics_page
    exchange = page.exchange
    if exchange.problem or page.body_problem or not 200 <= exchange.status < 300:
        raise CouldNotCheck(f"the metrics page {page.problem}", root="connection_metric")
    if not page.open_fds.total:
        raise CouldNotCheck(
            f"the metrics page tells no number at {page.open_fds.name}: set {stack.key('backend.metrics.open_fds')}"
        )
    if not page.max_fds.total:
        raise CouldNotCheck(
            f"the metrics page tells no limit at {page.max_fds.name}: set {stack.key('backend.metrics.max_fds')}"
        )
    return OpenFiles(open=page.open_fds.total, limit=page.max_fds.total)
