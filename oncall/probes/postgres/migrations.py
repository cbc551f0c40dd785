"""The accounts table and Prisma's migrations: what the database says, and what the migrations folder says."""

import hashlib
import logging
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from oncall.facts.migrations import (
    AccountsTable,
    Applied,
    FailedMigration,
    MigrationDrift,
    MigrationLock,
    Migrations,
    MigrationTimes,
)
from oncall.finding import CouldNotCheck, Declared
from oncall.gate.sql_text import error_text
from oncall.probes.postgres.session import FOREIGN, One, QueryFailed, Session, lacks, quoted
from oncall.probing.register import probe
from oncall.target.schema import Auth, Stack

log = logging.getLogger(__name__)

PRISMA_LOCK = 72707369  # the advisory lock that `prisma migrate` takes
IN_PROGRESS_SECONDS = 600
DAMAGED = ("XX001", "XX002", "58030", "58P01")  # corrupted data or index, a read error, a missing file
OUR_DATABASE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
HELD = f"""l.locktype = 'advisory' AND l.objsubid = 1 AND l.database = {OUR_DATABASE}
  AND ((l.classid::bigint << 32) | l.objid::bigint) = {PRISMA_LOCK}"""


TIMES = ("started_at", "finished_at", "rolled_back_at")
_EPOCHS = ", ".join(f"extract(epoch FROM {name})::float8 AS {name}" for name in TIMES)


class Found(Struct, frozen=True):
    """A row of the query for a table, as are the further records of this file of theirs."""

    found: bool
    row_security: bool
    elsewhere: str | None
    may_enter: bool


class Holder(Struct, frozen=True):
    pid: int
    who: str
    state: str


@probe(of="auth", deadline=4.5)
def accounts_table(stack: Stack, database_session: Session) -> AccountsTable:
    """Whether one row of the accounts table can be read."""
    table, session = stack.auth.accounts_table, database_session
    try:
        found = _find(session, table)
        if not found.found:
            if found.elsewhere and not found.may_enter:
                raise CouldNotCheck(lacks(session.user, f"USAGE ON SCHEMA {found.elsewhere}"))
            _unless_told(stack, table == Auth().accounts_table)
            return AccountsTable(table=table, outcome="missing", elsewhere=found.elsewhere or "")
        rows = session.ask(One, f"SELECT 1 AS one FROM {_sql_name(table)} LIMIT 1", vital=True).rows  # noqa: S608  quoted
    except QueryFailed as problem:
        if problem.sqlstate in DAMAGED:
            return AccountsTable(table=table, outcome="damaged", sqlstate=problem.sqlstate, message=problem.message)
        if problem.sqlstate == "42P01":  # dropped between two looks
            return AccountsTable(table=table, outcome="missing")
        if problem.sqlstate == "42501":
            what = "USAGE ON SCHEMA" if "schema" in problem.message else "SELECT (id) ON"
            name = table.partition(".")[0] if "schema" in problem.message else table
            raise CouldNotCheck(lacks(session.user, f"{what} {name}")) from None
        if problem.sqlstate == "55P03":
            raise CouldNotCheck(_locked(session, table), blames="postgres") from None
        raise problem.blindness from None
    if not rows and found.row_security:
        told = f"row security hides the rows of {table}: ALTER ROLE {session.user} BYPASSRLS"
        raise CouldNotCheck(told, root="application_roles.accounts")
    log.info("the accounts table %s was read: %d row", table, len(rows))
    return AccountsTable(table=table, outcome="read" if rows else "empty")


def _sql_name(table: str) -> str:
    return ".".join(quoted(part) for part in table.split(".", 1))


def _find(session: Session, table: str) -> Found:
    name = table.split(".", 1)[-1]
    rows = session.ask(
        Found,
        """SELECT to_regclass(%s) IS NOT NULL AS found, coalesce(row_security_active(to_regclass(%s)), false) AS
             row_security, o.schema AS elsewhere, coalesce(o.may_enter, false) AS may_enter
           FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT n.nspname::text AS schema,
             has_schema_privilege(n.oid, 'USAGE') AS may_enter FROM pg_class c JOIN pg_namespace n
             ON n.oid = c.relnamespace WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
             ORDER BY 1 LIMIT 1) o ON true""",
        (_sql_name(table), _sql_name(table), name),
        vital=True,
    ).rows
    if len(rows) != 1:
        raise QueryFailed(f"{FOREIGN}: {len(rows)} rows for one")
    return rows[0]


def _locked(session: Session, table: str) -> str:
    """The sentence for a table that could not be read because somebody holds it."""
    holder = ""
    try:
        rows = session.ask(
            Holder,
            """SELECT a.pid, coalesce(nullif(application_name, ''), usename::text, '') AS who,
                 coalesce(a.state, '') AS state
               FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
               WHERE l.relation = to_regclass(%s) AND l.granted AND l.mode = 'AccessExclusiveLock'""",
            (_sql_name(table),),
        ).rows
        if rows:
            words = ", ".join(word for word in (rows[0].who, rows[0].state) if word)
            holder = f" by pid {rows[0].pid}" + (f" ({words})" if words else "")
    except QueryFailed as problem:
        log.info("the holder of the lock is not known: %s", problem)
    return f"the accounts table {table} is locked{holder}: it could not be read within 200 ms"


class Migration(Struct, frozen=True):
    name: str
    checksum: str | None
    finished: bool
    rolled_back: bool
    steps: int | None
    logs: str | None
    age: float
    locked: bool
    started_at: datetime | None
    finished_at: datetime | None
    rolled_back_at: datetime | None


@probe(of="auth", deadline=4.5)
def migrations(stack: Stack, database_session: Session) -> Migrations:
    """What Prisma's own table says about its migrations."""
    table = _migrations_table(stack)
    session = database_session
    if not (found := _looked_up(session, table)).found:
        if found.elsewhere and not found.may_enter:
            raise CouldNotCheck(lacks(session.user, f"USAGE ON SCHEMA {found.elsewhere}"))
        _unless_told(stack, table == Auth().migrations_table)
        return Migrations(table=table, exists=False)
    rows = session.rows(
        Migration,
        f"""SELECT left(migration_name, 300) AS name, left(checksum, 64) AS checksum,
              finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS rolled_back,
              applied_steps_count AS steps, CASE WHEN finished_at IS NULL THEN left(logs, 2000) END AS logs,
              greatest(0, extract(epoch FROM clock_timestamp() - started_at))::float8 AS age,
              EXISTS (SELECT 1 FROM pg_locks l WHERE {HELD} AND l.granted) AS locked,
              {_EPOCHS}
            FROM {_sql_name(table)} ORDER BY started_at DESC LIMIT 5000""",  # noqa: S608  the name is quoted
        grant=f"SELECT ON {table}",
    )
    begun = [row for row in rows if not row.finished and not row.rolled_back]
    running = [row for row in begun if row.locked and row.age < IN_PROGRESS_SECONDS]
    failed = [row for row in begun if row not in running]
    log.info("%s has %d rows, %d of them failed", table, len(rows), len(failed))
    return Migrations(
        table=table,
        exists=True,
        rows=len(rows),
        failed=tuple(
            FailedMigration(
                name=row.name,
                age_seconds=round(row.age, 1),
                steps=row.steps or 0,
                reason=_reason(row.logs or ""),
            )
            for row in failed[:20]
        ),
        running=tuple(row.name for row in running),
        applied=tuple(
            Applied(name=row.name, checksum=row.checksum or "") for row in rows if row.finished and not row.rolled_back
        ),
        newest=tuple(
            MigrationTimes(
                name=row.name,
                started_at=row.started_at,
                finished_at=row.finished_at,
                rolled_back_at=row.rolled_back_at,
            )
            for row in rows[:20]
        ),
    )


def _looked_up(session: Session, table: str) -> Found:
    try:
        return _find(session, table)
    except QueryFailed as problem:
        if problem.sqlstate == "42501":
            raise CouldNotCheck(lacks(session.user, f"USAGE ON SCHEMA {table.partition('.')[0]}")) from None
        raise problem.blindness from None


def _unless_told(stack: Stack, default: bool) -> None:
    """Raise NotPart where a table is not there that nobody has named: a stack without a login need not have it."""
    if stack.auth.absent and default:
        raise Declared("says that there is no authentication, and names no table of it")


def _migrations_table(stack: Stack) -> str:
    if not stack.auth.migrations_table:
        raise Declared("says that this stack has no Prisma migrations")
    return stack.auth.migrations_table


def _reason(logs: str) -> str:
    """The line of Prisma's log that says why."""
    lines = [line.strip() for line in logs.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("ERROR:") or "error" in line.lower()]
    return error_text((telling or lines or [""])[0], 200)


class Lock(Struct, frozen=True):
    locks_seen: int
    waiting: int
    pid: int | None
    who: str | None
    state: str | None
    seconds: float | None


@probe(of="auth", deadline=4.5)
def migration_lock(stack: Stack, database_session: Session) -> MigrationLock:
    """Who holds the lock that keeps two migrations apart."""
    _migrations_table(stack)
    row = database_session.row(
        Lock,
        f"""SELECT (SELECT count(*)::int FROM pg_locks) AS locks_seen,
              (SELECT count(*)::int FROM pg_locks l WHERE {HELD} AND NOT l.granted) AS waiting, h.*
            FROM (SELECT 1) one LEFT JOIN LATERAL (
              SELECT l.pid, coalesce(nullif(a.application_name, ''), a.usename::text, '') AS who,
                coalesce(a.state, '') AS state,
                extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS seconds
              FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
              WHERE {HELD} AND l.granted AND l.pid <> pg_backend_pid() LIMIT 1) h ON true""",  # noqa: S608  constants
    )
    if row.pid is not None and row.seconds is None:
        raise CouldNotCheck(lacks(database_session.user, "pg_monitor"))
    return MigrationLock(
        locks_seen=row.locks_seen,
        holder_pid=row.pid,
        holder=row.who or "",
        state=row.state or "",
        seconds=round(max(0.0, row.seconds or 0.0), 1),
        waiting=row.waiting,
    )


@probe(of="auth")
def migration_drift(stack: Stack, migrations: Migrations) -> MigrationDrift:
    """The migrations folder against what is applied."""
    folder = stack.auth.migrations_folder
    if not folder:
        raise Declared(f"names no migrations folder ({stack.key('auth.migrations_folder')})")
    if not migrations.exists or migrations.failed:
        raise CouldNotCheck("the migrations did not go through", root="migrations")
    try:
        scripts = {path.parent.name: path.read_bytes() for path in sorted(Path(folder).glob("*/migration.sql"))[:5000]}
        if not Path(folder).is_dir():
            raise CouldNotCheck(
                f"the migrations folder {folder} is not there: set {stack.key('auth.migrations_folder')}"
            )
    except OSError as error:
        raise CouldNotCheck(f"the migrations folder {folder} cannot be read: {error.strerror}") from None
    applied = {one.name: one.checksum for one in reversed(migrations.applied)}
    return MigrationDrift(
        folder=folder,
        in_folder=len(scripts),
        applied=len(applied),
        pending=tuple(name for name in scripts if name not in applied and name not in migrations.running),
        foreign=tuple(sorted(name for name in applied if name not in scripts)),
        edited=tuple(name for name, script in scripts.items() if applied.get(name, "") not in ("", *checksums(script))),
    )


def checksums(script: bytes) -> tuple[str, ...]:
    """What Prisma takes for the same script: as it is, and with the other system's line ends."""
    unix = script.replace(b"\r\n", b"\n")
    return tuple(hashlib.sha256(text).hexdigest() for text in (script, unix, unix.replace(b"\n", b"\r\n")))
