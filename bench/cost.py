"""What one run costs the stack, counted before its ports, in PostgreSQL's own counters, in the access log."""

import json
import re
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from bench import patients, table
from bench.counting_proxy import CountingProxy, proxies
from bench.measure import ROOT, NotMeasured, pytest

COUNTERS = """
SELECT r.rolname, s.queryid, left(s.query, 2000), s.calls::int, s.total_exec_time + s.total_plan_time
  FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
"""
SESSIONS = "SELECT sessions::int FROM pg_stat_database WHERE datname = current_database()"
FRAME = re.compile(r"\s*(begin|commit|set|rollback|discard)\b", re.IGNORECASE)  # around a query, no query itself
ENGINE = "/var/run/docker.sock"
PROBE, BACKEND = "oncall", "motel"
LOGIN = "POST /api/auth/login"
MOST_ASSETS = 50
SELECTIONS = {"-m p1": ("-m", "p1"), "all checks": ()}


@dataclass(frozen=True)
class Bound:
    """At most so much of each; the requests are those beside the page's assets, of which each may be asked for once."""

    connections: int
    queries: int
    database_ms: float
    logins: int
    handshakes: int
    requests: int


BOUNDS = {
    "-m p1": Bound(connections=1, queries=40, database_ms=100.0, logins=0, handshakes=0, requests=10),
    "all checks": Bound(connections=1, queries=60, database_ms=300.0, logins=2, handshakes=4, requests=60),
}


@dataclass(frozen=True)
class Statement:
    """One query as PostgreSQL counts it. ms: planning and execution."""

    role: str
    text: str
    calls: int
    ms: float

    @property
    def is_query(self):
        return not FRAME.match(self.text)


@dataclass(frozen=True)
class Cost:
    """One run. proxies: by name; statements, sessions: of all roles; log: the lines of the backend's access log."""

    proxies: dict[str, CountingProxy]
    statements: tuple[Statement, ...]
    sessions: int
    log: tuple[dict, ...]
    seconds: float
    said: str = field(repr=False)

    @property
    def connections(self):
        return self.proxies["postgres"].connections

    @property
    def queries(self):
        return sum(each.calls for each in self.of(PROBE) if each.is_query)

    @property
    def database_ms(self):
        return sum(each.ms for each in self.of(PROBE))

    @property
    def asked(self):
        """All requests to the backend and the frontend, handshakes and logins included."""
        return [*self.proxies["backend"].requests, *self.proxies["frontend"].requests]

    @property
    def assets(self):
        """How often each file of the page was asked for."""
        return Counter(each for each in self.proxies["frontend"].requests if PurePosixPath(each).suffix)

    @property
    def requests(self):
        """Those that are for no file of the page."""
        return len(self.asked) - self.assets.total()

    @property
    def logins(self):
        return self.asked.count(LOGIN)

    @property
    def handshakes(self):
        return sum(each.startswith("UPGRADE ") for each in self.asked)

    @property
    def bytes(self):
        return sum(proxy.asked + proxy.answered for proxy in self.proxies.values())

    def of(self, role):
        return [each for each in self.statements if each.role == role]


def measure(docker=False, result=str(ROOT / "reports" / "bench-cost.json")):
    """0 when both selections keep their bounds."""
    kept, told = [], {}
    with patients.healthy(docker) as stack:
        for name, options in SELECTIONS.items():
            cost = counted(stack, *options)
            for line in rows(name, cost):
                print(line)
            for what, value, limit in over(cost, BOUNDS[name]):
                print(table.count(what, value, limit))
                kept.append(value <= limit)
            print(flush=True)
            told[name] = as_json(cost)
    Path(result).write_text(json.dumps(told, indent=1) + "\n")
    return 0 if all(kept) else 1


def counted(stack, *options):
    """One run through counting proxies; raises NotMeasured when it does not end green: a sick run has another price."""
    with _sharp_counters(stack), stack.session() as watcher, _doors(stack) as (target, opened):
        began = datetime.now(UTC)
        before, sessions = _statements(watcher), _sessions(watcher)
        done = pytest((f"--target={target}", f"--html={stack.home.path / 'cost.html'}", *options))
        time.sleep(0.5)  # sessions count when they have ended
        after, ended = _statements(watcher), _sessions(watcher)
        log = _access_log(stack, began)
    if done.code:
        raise NotMeasured(f"exit {done.code} instead of 0\n{done.said}")
    return Cost(opened, _between(before, after), ended - sessions, tuple(log), done.seconds, done.said)


def over(cost, bound):
    """(what, how much, at most) of each bound."""
    yield "database connections", cost.connections, bound.connections
    yield "queries", cost.queries, bound.queries
    yield "database time in ms", cost.database_ms, bound.database_ms
    yield "logins", cost.logins, bound.logins
    yield "handshakes", cost.handshakes, bound.handshakes
    yield "requests beside those for the page's assets", cost.requests, bound.requests
    yield "requests for the same asset", max(cost.assets.values(), default=0), 1
    yield "requests for assets", cost.assets.total(), MOST_ASSETS


def rows(name, cost):
    """The run's account for the eye."""
    yield f"{name}: {cost.seconds:.2f} s, {cost.bytes / 1000:.0f} kB in all"
    for proxy, count in cost.proxies.items():
        asked = f"{len(count.requests):3} requests" if count.speaks_http else " " * 12
        amount = f"{count.asked / 1000:7.1f} kB asked {count.answered / 1000:8.1f} kB answered"
        yield f"  {proxy:9} {count.connections:3} connections {asked} {amount}"
    for role, whose in ((PROBE, "ours"), (BACKEND, "the backend's own")):
        own = cost.of(role)
        queries, frames = (sum(each.calls for each in own if each.is_query is kind) for kind in (True, False))
        ms = sum(each.ms for each in own)
        yield f"  database, {whose}: {queries} queries ({frames} BEGIN, SET, COMMIT around them), {ms:.1f} ms"
    yield f"  database, sessions: {cost.sessions}, ours {cost.connections}"
    slow = sorted(cost.of(PROBE), key=lambda each: -each.ms)[:3]
    for each in slow:
        yield f"    {each.ms:6.1f} ms in {each.calls} calls: {' '.join(each.text.split())[:90]}"
    busy, ours = sum(line["ms"] for line in cost.log), len(cost.proxies["backend"].requests)
    yield f"  backend's access log: {len(cost.log)} answers in {busy:.0f} ms; {ours} were asked at its own door"


def as_json(cost):
    """The account for a machine."""
    told = {name: getattr(cost, name) for name in ("connections", "queries", "database_ms", "logins", "handshakes")}
    told |= {"requests": cost.requests, "assets": cost.assets.total(), "bytes": cost.bytes, "seconds": cost.seconds}
    counts = ("connections", "asked", "answered", "requests")
    told["doors"] = {name: {key: getattr(proxy, key) for key in counts} for name, proxy in cost.proxies.items()}
    told["backend"] = {
        "sessions": cost.sessions - cost.connections,
        "queries": sum(each.calls for each in cost.of(BACKEND) if each.is_query),
        "database_ms": sum(each.ms for each in cost.of(BACKEND)),
        "answers": len(cost.log),
    }
    return told


@contextmanager
def _doors(stack):
    """A target file whose every address is a counting proxy, and the proxies by name."""
    ports = {name: port for name, port in stack.ports.items() if name in ("backend", "frontend", "postgres", "tls")}
    opened = {name: CountingProxy(port, 0, name in ("backend", "frontend")) for name, port in ports.items()}
    told = stack.target
    if not told["docker"].get("absent"):
        address = urlsplit(told["docker"]["host"] or f"unix://{ENGINE}")
        if address.scheme != "unix":
            raise NotMeasured("only an engine behind a local socket can be counted")
        opened["engine"] = CountingProxy(address.path, str(stack.home.path / "counted.sock"))
        told["docker"]["host"] = f"unix://{opened['engine'].address}"
    with proxies(*opened.values()):
        moved = {ports[name]: opened[name].address for name in ports}
        told["postgres"]["port"] = moved[ports["postgres"]]
        try:
            yield patients.target(stack, "counted", _through(told, moved)), opened
        finally:
            (stack.home.path / "counted.sock").unlink(missing_ok=True)


def _through(value, moved):
    """The same tables with other ports in their addresses."""
    if isinstance(value, dict):
        return {key: _through(each, moved) for key, each in value.items()}
    if isinstance(value, list):
        return [_through(each, moved) for each in value]
    if isinstance(value, str):
        return re.sub(r"\b(127\.0\.0\.1|localhost):(\d+)", lambda at: f"{at[1]}:{moved.get(int(at[2]), at[2])}", value)
    return value


@contextmanager
def _sharp_counters(stack):
    """Planning counts as well, in sessions that begin from now on."""
    for role in (PROBE, BACKEND):
        stack.sql(f"ALTER ROLE {role} SET pg_stat_statements.track_planning = on")
    try:
        yield
    finally:
        for role in (PROBE, BACKEND):
            stack.sql(f"ALTER ROLE {role} RESET pg_stat_statements.track_planning")


def _statements(watcher):
    found = watcher.execute(COUNTERS).fetchall()
    return {(role, key): (text, calls, ms) for role, key, text, calls, ms in found}


def _between(before, after):
    """What was added to the counters."""
    added = []
    for (role, key), (text, calls, ms) in after.items():
        _, old_calls, old_ms = before.get((role, key), ("", 0, 0.0))
        if calls > old_calls:
            added.append(Statement(role, text, calls - old_calls, ms - old_ms))
    return tuple(added)


def _sessions(watcher):
    return watcher.execute(SESSIONS).fetchone()[0]


def _access_log(stack, since):
    """The backend's own account of what it has answered since then, oldest first."""
    in_container = hasattr(stack, "docker")
    text = stack.logs("backend", 5000) if in_container else stack.log("backend").read_text(errors="replace")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    answers = [line for line in lines if line["message"] == "request"]
    return [line for line in answers if datetime.fromisoformat(line["time"]) >= since]
