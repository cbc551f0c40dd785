"""pg_stat_statements: which statements are slow on average, and the plan of the slowest where it can be had safely."""

import logging

from msgspec import Struct
from msgspec.structs import replace

from oncall.facts.queries import Statement, Statements
from oncall.finding import CouldNotCheck
from oncall.gate.patterns import Pattern
from oncall.gate.sql_text import masked
from oncall.probes.postgres.activity import SEES_ALL
from oncall.probes.postgres.session import FOREIGN, OURS, QueryFailed, Session, lacks, quoted
from oncall.probing.register import probe
from oncall.target.schema import Limits

log = logging.getLogger(__name__)


class Extension(Struct, frozen=True):
    """A row of the query below, as are the further records of this file."""

    sees_all: bool
    version: str | None
    schema: str | None


class Counted(Struct, frozen=True):
    calls: int
    mean_seconds: float
    max_seconds: float
    query: str
    tracked: int


class PlanLine(Struct, frozen=True, rename={"line": "QUERY PLAN"}):
    line: str


VERSION = Pattern(r"(\d{1,4})\.(\d{1,4})(?:\..*)?")
EXTENSION = f"""SELECT {SEES_ALL} AS sees_all,
      (SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_statements') AS version,
      (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
       WHERE extname = 'pg_stat_statements') AS schema"""  # noqa: S608  constants
# What a night's backup and a deployment do is slow by nature, and none of it is waited for by a page.
MAINTENANCE = (
    r"^\s*(copy|vacuum|analyze|create|alter|drop|reindex|cluster|refresh|explain|grant|revoke|begin|start|commit|"
    r"rollback|end|set|show|reset|discard|deallocate|savepoint|release|lock|listen|notify|checkpoint)\M"
)
TEXT = 4000  # a longer statement has no plan shown


@probe(of="postgres", deadline=4.5)
def statements(database_session: Session, limits: Limits) -> Statements:
    """This database's statements by average time, and the plan of the slowest ones."""
    extension = database_session.row(Extension, EXTENSION)
    if extension.version is None or extension.schema is None:
        raise CouldNotCheck("pg_stat_statements is not created in this database: CREATE EXTENSION pg_stat_statements")
    if not extension.sees_all:
        raise CouldNotCheck(lacks(database_session.user, "pg_monitor"))
    # The extension's version decides on the names: it is often older than the server.
    if not (version := VERSION.fullmatch(extension.version)):
        raise CouldNotCheck(f"{FOREIGN}: version is none of an extension")
    infix = "exec_" if (int(version[1]), int(version[2])) >= (1, 8) else ""
    view = f"{quoted(extension.schema)}.pg_stat_statements"
    try:
        rows = database_session.ask(
            Counted,
            f"""SELECT calls, mean_{infix}time / 1000.0 AS mean_seconds, max_{infix}time / 1000.0 AS max_seconds,
                  left(query, {TEXT}) AS query, count(*) OVER ()::int AS tracked
                FROM {view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND query NOT LIKE '%%{OURS}%%' AND query NOT LIKE '%%pg_stat_statements%%'
                  AND query !~* '{MAINTENANCE}'
                ORDER BY (calls >= %s) DESC, 2 DESC LIMIT 20""",  # noqa: S608  names from the catalogue, quoted
            (limits.query_calls,),
        ).rows
    except QueryFailed as problem:
        if problem.sqlstate == "55000":
            raise CouldNotCheck(
                "pg_stat_statements is created but not loaded: add it to shared_preload_libraries and restart"
            ) from None
        if problem.sqlstate == "42501":
            raise CouldNotCheck(lacks(database_session.user, "pg_monitor")) from None
        raise problem.blindness from None
    tracked = rows[0].tracked if rows else 0
    log.info("pg_stat_statements %s tracks %d statements", version[0], tracked)
    slowest = [
        Statement(
            calls=row.calls,
            mean_seconds=round(row.mean_seconds, 4),
            max_seconds=round(row.max_seconds, 4),
            query=masked(row.query),
        )
        for row in rows[:20]
    ]
    for place, row in enumerate(rows[:3]):
        if slowest[place].mean_seconds > limits.query_mean_seconds and row.calls >= limits.query_calls:
            slowest[place] = replace(slowest[place], plan=_plan(database_session, row.query))
    slowest.sort(key=lambda one: -one.mean_seconds)
    return Statements(version=version[0], tracked=tracked, slowest=tuple(slowest))


def _plan(session: Session, query: str) -> str:
    """The generic plan, not run; empty where the server is older than 16, the text is cut, or a privilege is missing.

    A plan is only made for one plain SELECT: planning takes no lock beyond the one that reading takes.
    """
    text = query.strip().rstrip(";")
    if session.version < 160000 or len(query) >= TEXT or ";" in text or text[:6].lower() != "select":
        return ""
    try:
        rows = session.ask(PlanLine, f"EXPLAIN (GENERIC_PLAN) {text}").rows
    except QueryFailed as problem:
        log.info("no plan: %s", problem)
        return ""
    lines = (masked(row.line, 120) for row in rows[:6])
    return " / ".join(line for line in lines if line)
