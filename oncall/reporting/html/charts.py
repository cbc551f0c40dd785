"""What people would rather look at than read, as bars: positions in per cent, so the page may have any width. Pure.

The template draws them as inline SVG. A chart library would cost more than the whole page does (pygal: 0.07 to 0.17 s
to import) and its drawings shrink with the screen, their letters included; these keep their letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from oncall.facts import Fact
from oncall.facts.backend import ResponseTimes
from oncall.facts.container_stats import ContainerStats, ContainerUse
from oncall.facts.postgres import ConnectionSlots
from oncall.facts.queries import Statement, Statements
from oncall.reporting.plain import escape_control_chars
from oncall.target.schema import Limits

MOST = 8  # bars of one chart
LABEL, ROW = 34, 64  # characters of a name; of a statement together with its value
PHASES = {"dns": "name lookup", "connect": "connect", "tls": "TLS", "first_byte": "first byte", "transfer": "transfer"}
STATES = ("active", "idle in transaction", "idle in transaction (aborted)", "idle")


class Part(Struct, frozen=True, kw_only=True):
    """One piece of a bar. kind: how it is drawn; start, width: per cent of the chart's width."""

    kind: str
    words: str
    start: float
    width: float


class Bar(Struct, frozen=True, kw_only=True):
    """One line of a chart: what it is about, what was measured, its pieces. full: more of the name."""

    label: str
    value: str
    parts: tuple[Part, ...] = ()
    over: bool = False
    full: str = ""


class Chart(Struct, frozen=True, kw_only=True):
    """Bars with one scale. limit: where the limit's line stands, in per cent. legend: kind and name of each piece."""

    id: str
    title: str
    bars: tuple[Bar, ...]
    limit: float | None = None
    limit_words: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    more: int = 0

    @property
    def description(self) -> str:
        """The picture in words, for whoever cannot see it."""
        lines = [f"{bar.label}: {bar.value}{_pieces(bar)}{', over the limit' if bar.over else ''}" for bar in self.bars]
        return ". ".join([*filter(None, [self.limit_words]), *lines]) + "."


def charts(facts: Mapping[str, Fact], limits: Limits) -> tuple[Chart, ...]:
    """Every chart that the facts have something for, always in this order."""
    found = [facts[look] for look in sorted(facts)]
    drawn = (
        response_times([one for one in found if isinstance(one, ResponseTimes)], limits),
        connection_slots(next((one for one in found if isinstance(one, ConnectionSlots)), None), limits),
        container_memory([one for one in found if isinstance(one, ContainerStats)], limits),
        slow_queries(next((one for one in found if isinstance(one, Statements)), None), limits),
    )
    return tuple(chart for chart in drawn if chart is not None)


def response_times(found: Sequence[ResponseTimes], limits: Limits) -> Chart | None:
    """Where the seconds of each endpoint's slow request went (95th percentile), slowest first."""
    timed = [one for one in found if one.samples or one.failure]
    if not timed:
        return None
    ordered = sorted(timed, key=lambda one: (one.failure is None, -_seconds(one)))
    scale = max([limits.response_seconds, *map(_seconds, ordered)]) * 1.04
    bars = [_request(one, scale, limits.response_seconds) for one in ordered[:MOST]]
    used = {part.kind for bar in bars for part in bar.parts}
    names = PHASES | {"waited": "no answer"}
    return Chart(
        id="response-times",
        title="Response times by phase",
        bars=tuple(bars),
        limit=100 * limits.response_seconds / scale,
        limit_words=f"limit {limits.response_seconds:g} s",
        legend=tuple((kind, name) for kind, name in names.items() if kind in used),
        more=max(0, len(ordered) - MOST),
    )


def container_memory(found: Iterable[ContainerStats], limits: Limits) -> Chart | None:
    """How much of its memory limit each container uses, fullest first; those without a limit last."""
    containers = {one.id: one for stats in found for one in stats.containers}
    if not containers:
        return None
    ordered = sorted(containers.values(), key=lambda one: (-one.memory_percent, -one.memory_mib, one.name))
    return Chart(
        id="memory",
        title="Memory of each container",
        bars=tuple(_memory(one, limits.container_memory_percent) for one in ordered[:MOST]),
        limit=float(limits.container_memory_percent),
        limit_words=f"limit {limits.container_memory_percent:g} % of what it may use",
        more=max(0, len(ordered) - MOST),
    )


def connection_slots(slots: ConnectionSlots | None, limits: Limits) -> Chart | None:
    """Who holds the database's connections."""
    if slots is None or (not slots.limit and not slots.refused):
        return None
    over = slots.refused or bool(slots.full) or slots.free < limits.free_connection_slots
    if not slots.limit:
        bar = Bar(label="connections", value=slots.symptom, parts=_laid([("full", "all taken", 1.0)], 1.0), over=True)
        return Chart(id="slots", title="Connection slots", bars=(bar,))
    known = {state: slots.by_state[state] for state in STATES if slots.by_state.get(state)}
    rest = max(0, slots.used - sum(known.values()))
    held = [(f"state-{STATES.index(state)}", state, float(number)) for state, number in known.items()]
    held += [("state-other", "other", float(rest))] if rest else []
    return Chart(
        id="slots",
        title="Connection slots",
        bars=(
            Bar(
                label="connections",
                value=f"{slots.used} of {slots.limit} used, {slots.free} free",
                parts=_laid(held, float(slots.limit), "{:.0f}"),
                over=over,
            ),
        ),
        limit=100 * max(0.0, slots.limit - limits.free_connection_slots) / slots.limit,
        limit_words=f"limit: {limits.free_connection_slots:g} free",
        legend=tuple((kind, name) for kind, name, _ in held),
    )


def slow_queries(statements: Statements | None, limits: Limits) -> Chart | None:
    """The statements with the slowest average, slowest first; those that were called often enough are taken first."""
    counted = [one for one in statements.slowest if one.mean_seconds >= 0.001] if statements else []
    if not counted:
        return None
    often = sorted(counted, key=lambda one: (one.calls < limits.query_calls, -one.mean_seconds))[:5]
    often.sort(key=lambda one: -one.mean_seconds)
    scale = max([limits.query_mean_seconds, *(one.mean_seconds for one in often)]) * 1.04
    return Chart(
        id="queries",
        title="Slowest queries, on average",
        bars=tuple(_query(one, scale, limits) for one in often),
        limit=100 * limits.query_mean_seconds / scale,
        limit_words=f"limit {limits.query_mean_seconds:g} s",
        more=max(0, len(counted) - 5),
    )


def seconds(number: float) -> str:
    """ "12 ms", "3.20 s": as many digits as somebody compares."""
    return f"{number * 1000:.0f} ms" if number < 0.9995 else f"{number:.2f} s"


def _seconds(times: ResponseTimes) -> float:
    return times.p95 if times.samples else 0.0


def _request(times: ResponseTimes, scale: float, limit: float) -> Bar:
    label, full = _short(times.path, LABEL), escape_control_chars(times.path, 200)
    if times.failure is not None:
        return Bar(label=label, full=full, value=escape_control_chars(times.problem or "", LABEL * 2), over=True)
    slow = times.slow
    spent = {kind: float(getattr(slow.phases, kind)) for kind in PHASES}
    pieces = [(kind, PHASES[kind], value) for kind, value in spent.items() if value > 0]
    waited = slow.seconds - sum(spent.values())
    if waited > slow.seconds / 100:
        pieces.append(("waited", "no answer", waited))
    over = slow.seconds > limit
    value = seconds(slow.seconds) + ("" if slow.answered else ", then cut off")
    return Bar(label=label, full=full, value=value, parts=_laid(pieces, scale), over=over)


def _memory(use: ContainerUse, limit: float) -> Bar:
    label, full = _short(use.name, LABEL), escape_control_chars(use.name, 200)
    if not use.memory_limit_mib:
        return Bar(label=label, full=full, value=f"{use.memory_mib:,.0f} MiB, no limit")
    percent = use.memory_percent
    part = Part(kind="used", words=f"{percent:.0f} %", start=0.0, width=min(100.0, percent))
    value = f"{use.memory_mib:,.0f} of {use.memory_limit_mib:,.0f} MiB"
    return Bar(label=label, full=full, value=value, parts=(part,), over=percent >= limit)


def _query(statement: Statement, scale: float, limits: Limits) -> Bar:
    query = " ".join(statement.query.split())
    value = f"{seconds(statement.mean_seconds)}, {statement.calls:,} calls"
    return Bar(
        label=_short(query, ROW - len(value)),
        full=escape_control_chars(query, 400),
        value=value,
        parts=_laid([("query", "average", statement.mean_seconds)], scale),
        over=statement.calls >= limits.query_calls and statement.mean_seconds > limits.query_mean_seconds,
    )


def _laid(pieces: Iterable[tuple[str, str, float]], scale: float, form: str = "") -> tuple[Part, ...]:
    """The pieces, one behind the other."""
    laid, start = [], 0.0
    for kind, name, amount in pieces:
        width = min(100.0 - start, 100 * amount / scale) if scale else 0.0
        words = form.format(amount) if form else seconds(amount)
        laid.append(Part(kind=kind, words=f"{name} {words}", start=start, width=max(0.0, width)))
        start += max(0.0, width)
    return tuple(laid)


def _pieces(bar: Bar) -> str:
    return f" ({', '.join(part.words for part in bar.parts)})" if len(bar.parts) > 1 else ""


def _short(text: str, room: int) -> str:
    """The beginning of a name from outside; what was cut is told elsewhere."""
    shown = escape_control_chars(text[: room + 1], room + 1)
    return shown if len(shown) <= room else shown[: room - 1] + "…"
