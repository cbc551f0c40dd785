"""The reason of a failed request of ours: what stands in the log of whoever was asked, at that very moment.

Read after the requests, and only when one failed. It is no check: a line alone is no fault, it tells why another check
fails.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from oncall.facts.quotes import FailedRequestLogs, Quote
from oncall.gate.sql_text import error_text
from oncall.probes.containers.parts import of_each
from oncall.probes.http import client as http
from oncall.probes.logs.containers import SECONDS, LogReader, addresses
from oncall.probes.logs.error_templates import COUNTED, TRACEBACK
from oncall.probes.logs.judging import Written, recognised, signs
from oncall.probes.logs.lines import Line
from oncall.probes.logs.own_lines import Clock
from oncall.probes.logs.signatures import PG
from oncall.probing.ledger import Ledger, Request
from oncall.probing.register import probe
from oncall.target.schema import Backend, Frontend, Part, Stack
from oncall.target.views import Views, parts, services

SLACK = 1.0  # seconds on either side: programs often write whole seconds, and a little after the answer


class Moment(NamedTuple):
    """When a failed request was under way, by the log's clock: seconds since 1970."""

    first: float
    last: float

    def away(self, at: datetime) -> float:
        """How far a line is from it; 0: it was written meanwhile."""
        return max(self.first - at.timestamp(), at.timestamp() - self.last, 0.0)


@probe()
def failed_request_logs(stack: Stack, ledger: Ledger, log_reader: LogReader, log_clock: Clock) -> FailedRequestLogs:
    """What everybody wrote who was asked while a request of this run failed."""
    views, here = Views(stack), services(stack)
    asked = {
        name: failed
        for name, part in parts(stack).items()
        if name in here and (failed := ledger.failed(_addresses(part, views.about(name))))
    }

    def quote(component: str) -> Quote | None:
        moments = [moment(one, log_clock) for one in asked[component]]
        since = datetime.fromtimestamp(min(one.first for one in moments) - SLACK - log_clock.uncertain, UTC)
        return quoted(component, log_reader.anew(component, since), moments, log_reader, log_clock)

    found, unseen = of_each({name: log_reader.parts[name] for name in asked}, quote, SECONDS + 0.4)
    return FailedRequestLogs(
        failed=len({one.id for failed in asked.values() for one in failed}),
        quotes=tuple(one for one in found.values() if one),
        unseen=unseen,
    )


def _addresses(part: Part, view: Stack) -> list[str]:
    """Where this part is asked: what serves an API through the proxies before it, too."""
    if isinstance(part, Backend):
        return addresses(view)
    urls = (part.url, view.websocket.public_url) if isinstance(part, Frontend) else ()
    return [http.place(url)[1] for url in urls if url]


def moment(request: Request, clock: Clock) -> Moment:
    """When it was under way, by the log's clock."""
    ended = request.began if request.ended is None else request.ended
    return Moment(request.began + clock.ahead, ended + clock.ahead)


def quoted(
    component: str, logs: Iterable[Written], moments: Sequence[Moment], reader: LogReader, clock: Clock
) -> Quote | None:
    """The line that tells most of what was written meanwhile: one that a signature knows, else the error nearest to a
    request, of these the last."""
    role = reader.role(component)
    near: list[tuple[float, Line]] = []
    for log in logs:
        for line in errors(log.lines, role):
            away = min((one.away(line.at) for one in moments), default=SLACK) if line.at else None
            if away is not None and away <= SLACK + clock.uncertain:
                near.append((away, line))
    if not near:
        return None
    lines = [line for _, line in near]
    # As if it were in a crash loop: there one line counts, whenever it was written.
    counting, past = signs(
        component,
        [Written(lines=lines, looping=True)],
        now=datetime.now(UTC),
        recent=timedelta(minutes=reader.limits.recent_minutes),
        up_since=reader.up_since(),
        blame=reader.places.blame,
        unnamed=reader.places.unnamed,
        role=role,
    )
    if known := [*counting, *past]:
        return Quote(component=component, line=known[0].line, meaning=known[0].meaning)
    nearest = min(away for away, _ in near)
    shown = next(line.shown for away, line in reversed(near) if away == nearest).strip()
    return Quote(component=component, line=error_text(shown) if role in PG else shown)


def errors(lines: Iterable[Line], role: str) -> list[Line]:
    """The lines of level error or worse, and those that a signature knows; of a stack trace its exception.

    Left out is what refused logins and tokens leave, which we ask for on purpose.
    """
    found: list[Line] = []
    in_traceback = in_error = False
    for line in lines:
        if line.continues:
            in_traceback = in_traceback or line.words.startswith(TRACEBACK)
            continue
        ends_traceback, in_traceback = in_traceback, False
        if ends_traceback and in_error and found:
            found.pop()  # the line before the trace, of which this is the exception
        known = recognised(line, role) if line.level != "quiet" else None
        in_error = line.error or ends_traceback or bool(known and known[0].kind != "evidence")
        refused = not known and COUNTED.which(line.words)
        if not in_error or line.by_us or line.ours or refused:
            in_error = False
            continue
        found.append(line)
    return found
