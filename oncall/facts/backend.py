"""What the backend says of itself over HTTP: its health, its metrics, its response times."""

import math
from datetime import datetime

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.http import Exchange, Value, told
from oncall.finding import CouldNotCheck, Layer, Manner

# What makes a deeper look pointless, in the words of every check that needs an answer.
NO_ANSWER = "the backend gave no health answer"


class SubCheck(Struct, frozen=True, kw_only=True):
    """One named part of a health body. `blames` is the component that the target file ties to it, or empty."""

    name: str
    status: str
    healthy: bool
    detail: str = ""
    blames: str = ""


def told_by(failing: tuple[SubCheck, ...]) -> str:
    """The words of the first one that says more than a status."""
    return next((check.detail for check in failing if check.detail), "")


class HealthAnswer(Fact, frozen=True, kw_only=True):
    """What the health check answered.

    body_problem: why the body could not be understood, as words after "backend"; empty when it was.
    status: the body's own verdict in its own word; empty when it has none. `says_healthy` is what that word means.
    checks: the sub-checks that say how they are; `silent` names the ones that do not. None: the body has no such part.
    memory_used, memory_limit: in the body's own unit.
    date: the clock of whoever answered; `looked_at` is ours at that moment.
    """

    exchange: Exchange
    expected: tuple[int, ...]
    body_problem: str = ""
    status: str = ""
    says_healthy: bool = False
    checks: tuple[SubCheck, ...] | None = None
    silent: tuple[str, ...] = ()
    memory_used: float | None = None
    memory_limit: float | None = None
    date: datetime | None = None
    looked_at: datetime | None = None

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def failing(self) -> tuple[SubCheck, ...]:
        return tuple(check for check in self.checks or () if not check.healthy)

    @property
    def problem(self) -> str | None:
        """What is wrong with the answer itself, as words after "backend"; None: it is the expected one.

        A body that says "error" and names the sub-check that fails is that sub-check's story, not this one's.
        """
        if self.exchange.problem:
            return self.exchange.problem
        if self.exchange.status not in self.expected:
            return f"{self.exchange.answer}{_because(self.failing)}"
        if self.body_problem:
            return self.body_problem
        if self.status and not self.says_healthy and not self.failing:
            return f"says it is {self.status[:30]!r}"
        return None

    @property
    def layer(self) -> Layer:
        return self.exchange.layer

    @property
    def manner(self) -> Manner | None:
        """A body that says "error" is an answer that it cannot; any other that is not the expected one is wrong."""
        if self.exchange.manner or self.exchange.problem:
            return self.exchange.manner
        said_so = self.exchange.status in self.expected and not self.body_problem
        return "error answer" if said_so or self.failing else "wrong answer"

    @property
    def statement(self) -> str:
        """What the failing sub-check says of its problem, which is often the words of the part that it asked."""
        return told_by(self.failing)

    @property
    def blames(self) -> str | None:
        """The component that the first failing sub-check accuses."""
        return next((check.blames for check in self.failing if check.blames), None)

    @property
    def evidence(self) -> dict[str, Value]:
        failing = ", ".join(check.name for check in self.failing[:5])
        return self.exchange.evidence | told(its_own_word=self.status, failing=failing)


class HealthChecks(Fact, frozen=True, kw_only=True):
    """The sub-checks of the health body, at least one of which says how it is. at: the host:port that was asked."""

    address: str
    at: str = ""
    checks: tuple[SubCheck, ...]
    silent: tuple[str, ...] = ()

    def inconclusive_reason(self) -> str | None:
        return None if self.checks else "no sub-check of the health body says how it is"

    @property
    def failing(self) -> tuple[SubCheck, ...]:
        """The unhealthy ones, those that accuse another component first: they are the likelier cause."""
        sick = (check for check in self.checks if not check.healthy)
        return tuple(sorted(sick, key=lambda check: check.blames in ("", "backend")))

    @property
    def statement(self) -> str:
        """What the first failing one says of its problem: it is the one that the symptom names."""
        return self.failing[0].detail

    @property
    def symptom(self) -> str:
        """The failing sub-check that says most, and how many more there are."""
        first, more = self.failing[0], len(self.failing) - 1
        return f"says {first.name[:30]} is {first.status[:20]!r}" + (f", and {more} more" if more else "")

    @property
    def evidence(self) -> dict[str, str]:
        return {check.name: f"{check.status} {check.detail}".strip() for check in self.failing[:5]}


class HealthMemory(Fact, frozen=True, kw_only=True):
    """The backend's memory as its health body tells it; `used` and `limit` have the same, unknown unit.

    judged: the body has a sub-check of its own for it, and that one fails.
    """

    address: str
    used: float
    limit: float
    judged: bool = False

    def inconclusive_reason(self) -> str | None:
        return None if self.limit > 0 and self.used > 0 else "the health body tells no memory use"

    @property
    def percent(self) -> float:
        return 100 * self.used / self.limit


class Metric(Struct, frozen=True, kw_only=True):
    """One metric over all its labels. `total` is None when it is missing or when its value is no number."""

    name: str
    samples: int
    total: float | None = None


class MetricsPage(Fact, frozen=True, kw_only=True):
    """The backend's metrics page. `body_problem` says why it cannot be read, as words after "metrics page"."""

    exchange: Exchange
    body_problem: str = ""
    samples: int = 0
    websocket_connections: Metric
    open_fds: Metric
    max_fds: Metric

    def inconclusive_reason(self) -> str | None:
        return self.exchange.inconclusive_reason()

    @property
    def problem(self) -> str | None:
        """Why the count of connections cannot be had from this page, as words after "metrics page"."""
        if self.exchange.problem:
            return self.exchange.problem
        if not 200 <= self.exchange.status < 300:
            return f"answers {self.exchange.status}"
        if self.body_problem:
            return self.body_problem
        if not self.websocket_connections.samples:
            return f"does not export {self.websocket_connections.name}"
        return None

    @property
    def evidence(self) -> dict[str, Value]:
        return self.exchange.evidence | told(metrics=self.samples)


class WebSocketConnections(Fact, frozen=True, kw_only=True):
    """How many sockets the backend says it holds, summed over the metric's labels."""

    metric: str
    samples: int
    count: float

    def inconclusive_reason(self) -> str | None:
        return None if self.samples else "the metrics page told no number of connections"


class OpenFiles(Fact, frozen=True, kw_only=True):
    """The backend process's file descriptors."""

    open: float
    limit: float

    def inconclusive_reason(self) -> str | None:
        return None if self.limit > 0 and self.open > 0 else "the metrics page told no file descriptors"

    @property
    def percent(self) -> float:
        return 100 * self.open / self.limit


class ResponseTimes(Fact, frozen=True, kw_only=True):
    """Requests to one endpoint, sent one after another, each on a connection of its own.

    samples: in the order they were sent; one that was cut off counts with the seconds that it was waited for.
    failure: the answer that ended the sampling because it was not a success; None: all were.
    body_problem: what is wrong with what that answer says, as words after the path; empty: its status is what is wrong.
    """

    endpoint: str
    path: str
    samples: tuple[Exchange, ...]
    failure: Exchange | None = None
    body_problem: str = ""

    def inconclusive_reason(self) -> str | None:
        if self.failure is not None:
            return self.failure.inconclusive_reason()
        return None if any(sample.seconds > 0 for sample in self.samples) else "no request was timed"

    @property
    def slow(self) -> Exchange:
        """The sample at the 95th percentile (nearest rank)."""
        if not self.samples:
            raise CouldNotCheck("no request was timed")
        ordered = sorted(self.samples, key=lambda sample: sample.seconds)
        return ordered[math.ceil(0.95 * len(ordered)) - 1]

    @property
    def p95(self) -> float:
        return self.slow.seconds

    @property
    def name(self) -> str:
        """The path, short enough for a symptom."""
        return self.path if len(self.path) <= 30 else f"...{self.path[-27:]}"

    @property
    def layer(self) -> Layer:
        return self.failure.layer if self.failure else "fast"

    @property
    def manner(self) -> Manner | None:
        """Slow where nothing else is wrong."""
        if self.failure is None:
            return "late"
        return self.failure.manner or (None if self.failure.problem else "wrong answer")

    @property
    def at(self) -> str:
        """The host:port that was asked."""
        return self.failure.at if self.failure else self.samples[0].at if self.samples else ""

    @property
    def mostly(self) -> str:
        """Where the time of the slow sample went."""
        if self.slow.outcome == "timeout" and self.slow.waiting_for == "first byte":
            return "without an answer"
        return f"mostly {self.slow.phases.slowest}"

    @property
    def problem(self) -> str | None:
        """What was answered instead of success, as words after the path."""
        if self.failure is None:
            return None
        return self.failure.problem or self.body_problem or self.failure.answer

    @property
    def evidence(self) -> dict[str, Value]:
        if self.failure is not None:
            return self.failure.evidence | told(answered_before=len(self.samples))
        phases = self.slow.phases
        seconds = sorted(sample.seconds for sample in self.samples)
        return {
            "samples": len(seconds),
            "median seconds": round(seconds[len(seconds) // 2], 3),
            "dns": round(phases.dns, 3),
            "connect": round(phases.connect, 3),
            "tls": round(phases.tls, 3),
            "first byte": round(phases.first_byte, 3),
            "transfer": round(phases.transfer, 3),
        }


def _because(failing: tuple[SubCheck, ...]) -> str:
    return f": {failing[0].name[:30]} is {failing[0].status[:20]!r}" if failing else ""
