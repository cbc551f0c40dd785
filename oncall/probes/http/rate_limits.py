"""A rate limit at the public address: whom its log says that it turns away, and whether it turns us away as well.

A limit that holds one caller back does its work, so others' lines alone prove nothing. One that also refuses us, who
come with one request, counts all visitors together. Nothing is asked while the log tells of no login and no path of the
API; what is asked then is a GET of a path that the target file names, and nobody is logged in by it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from oncall.facts.logs import Lines
from oncall.facts.public_address import TURNED_AWAY, PublicLimit
from oncall.finding import Declared
from oncall.gate.patterns import Pattern
from oncall.probes.http.backend import GRACE
from oncall.probes.http.client import Http
from oncall.probes.http.client import place as placed
from oncall.probes.http.public_api import asked_paths, public_base
from oncall.probes.logs.containers import OPEN_BEFORE, LogReader, lately
from oncall.probes.logs.lines import Line
from oncall.probing.ledger import Ledger
from oncall.probing.register import probe
from oncall.target.schema import Limits, Stack

TOO_MANY, UNAVAILABLE = 429, 503
LIMITED = Pattern(
    r"limiting (?:requests|connections)[, ]"  # nginx: limit_req, limit_conn
    r"|(?i:rate.?limit(?:ed)? (?:was )?(?:exceeded|reached))"  # Caddy's rate_limit, Envoy, Kong
    r"|\b429 \d+ (?:\S+ ){2}PR--"  # HAProxy: http-request deny deny_status 429
)  # access logs say it by the status that they were answered with
NAMES_A_REQUEST = Pattern(r"\"[A-Z]{3,7} \S+ HTTP/")


@probe(of="frontend", deadline=lambda limits: 2 * (limits.response_seconds + 2 * GRACE))
def public_limit(stack: Stack, limits: Limits, http: Http, log_reader: LogReader, ledger: Ledger) -> PublicLimit:
    """Whether a rate limit of who answers at the public address refuses whoever comes."""
    base, component = public_base(stack), stack.named("frontend")
    if component not in log_reader.parts:
        raise Declared(f"says that {component} has no log of ours to read")
    written = log_reader.of(component)
    recent = datetime.now(UTC) - timedelta(minutes=limits.recent_minutes)
    ours = [one for one in ledger.since(recent - OPEN_BEFORE, [placed(base)[1]]) if one.status in TURNED_AWAY]
    lines = turned_away([line for log in written for line in lately(log, recent).lines])
    read = sum(len(one.lines) for one in written)
    fact = PublicLimit(component=component, containers=len(written), minutes=limits.recent_minutes, lines_read=read)
    path = _path(lines, stack)
    if not path or len(lines) <= len(ours):
        return fact
    seconds = limits.response_seconds + GRACE
    answer = http.ask("GET", base + path, seconds=seconds)
    if answer.status == UNAVAILABLE:  # nginx says so for a limit, and any server for much else
        straight = http.ask("GET", stack.backend.url.rstrip("/") + path, seconds=seconds)
        if straight.status == UNAVAILABLE:
            return fact
    times = [line.at for line in lines if line.at]
    others = Lines(
        count=len(lines) - len(ours),
        own=len(ours),
        first=min(times, default=None),
        last=max(times, default=None),
        line=lines[-1].shown,
    )
    return replace(fact, turned_away=others, path=path, exchange=answer.exchange)


def turned_away(lines: Sequence[Line]) -> list[Line]:
    """Those that tell of requests that a rate limit has refused, one a request: of its error log or its access log."""
    said = [line for line in lines if LIMITED.search(line.words)]
    answered = [line for line in lines if line.status == TOO_MANY]
    return max(said, answered, key=len)


def _path(lines: list[Line], stack: Stack) -> str:
    """The first path of the target's that these lines name, the login's before the API's; empty: none of them."""
    login = [] if stack.auth.absent else [stack.auth.login_path]
    for path in (*login, *(one.path for one in asked_paths(stack))):
        if any(path in line.words or path == line.path for line in lines):
            return path
    unnamed = any(not line.path and not NAMES_A_REQUEST.search(line.words) for line in lines)
    return login[0] if login and unnamed else ""
