"""Which tables are locked against others at this moment: one look that needs nobody who waits for them."""

import logging

from msgspec import Struct

from oncall.facts.locks import TableLock, TableLocks
from oncall.finding import CouldNotCheck
from oncall.gate.sql_text import masked
from oncall.probes.postgres.activity import SEES_ALL
from oncall.probes.postgres.session import Session, lacks
from oncall.probing.register import probe

log = logging.getLogger(__name__)


class Seen(Struct, frozen=True):
    """A row of the query below: one lock; the first row has no table, and tells how many locks there are."""

    name: str
    mode: str
    pid: int
    application: str
    user: str
    client: str
    state: str
    query: str
    seconds: float
    waiting: int
    locks: int
    sees_all: bool


# VACUUM at the end of a table and a refreshed view take such locks as well, and give way or are meant.
QUERY = f"""
    SELECT coalesce(n.nspname || '.' || c.relname, '') AS name, coalesce(l.mode, '') AS mode,
      coalesce(l.pid, 0) AS pid, coalesce(a.application_name, '') AS application,
      coalesce(a.usename, '')::text AS "user", coalesce(host(a.client_addr), '') AS client,
      coalesce(a.state, '') AS state, left(coalesce(a.query, ''), 1000) AS query,
      greatest(0, extract(epoch FROM clock_timestamp() -
        CASE WHEN l.pid IS NULL THEN
               (SELECT min(p.prepared) FROM pg_prepared_xacts p WHERE p.database = current_database())
             WHEN a.state LIKE 'idle%%' THEN a.state_change ELSE a.query_start END), w.seconds)::float8 AS seconds,
      coalesce(w.waiting, 0) AS waiting, one.locks, {SEES_ALL} AS sees_all
    FROM (SELECT count(*)::int AS locks FROM pg_locks) one
    LEFT JOIN pg_locks l ON l.locktype = 'relation' AND l.granted AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock')
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation IN (SELECT t.oid FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace
        WHERE t.relkind IN ('r', 'p') AND t.relpersistence <> 't' AND s.nspname !~ '^pg_|^information_schema$')
    LEFT JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN LATERAL (SELECT count(*)::int AS waiting, %s AS seconds FROM pg_locks q
      WHERE q.relation = l.relation AND q.database = l.database AND NOT q.granted) w ON true
    WHERE a.backend_type IS NULL OR a.backend_type = 'client backend'
    ORDER BY waiting DESC, seconds DESC LIMIT 20
"""  # noqa: S608  constants
SINCE = "max(extract(epoch FROM clock_timestamp() - q.waitstart))"


@probe(of="postgres", deadline=4.5)
def table_locks(database_session: Session) -> TableLocks:
    """The locks on tables that keep out everybody else, or everybody who writes, and who holds them."""
    since = SINCE if database_session.version >= 140000 else "NULL::float8"
    rows = database_session.rows(Seen, QUERY.replace("%s", since).replace("%%", "%"), vital=True)
    if rows and not rows[0].sees_all:
        raise CouldNotCheck(lacks(database_session.user, "pg_monitor"))
    held = [row for row in rows if row.name]
    log.info("%d tables are locked", len(held))
    return TableLocks(
        seen=rows[0].locks if rows else 0,
        locks=tuple(
            TableLock(
                table=row.name.removeprefix("public."),
                mode=row.mode,
                pid=row.pid,
                application=row.application,
                user=row.user,
                client=row.client,
                state=row.state,
                query=masked(row.query, 120),
                seconds=round(row.seconds, 3),
                waiting=row.waiting,
            )
            for row in held
        ),
    )
