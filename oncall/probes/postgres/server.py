"""The database server: one attempt to connect, and what it and a few vital queries say.

database_attempt holds the connection or the failure; the failure is a fact of its own, and what needs a session is
unknown then and points at the check that judges it.
"""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from oncall.facts.postgres import (
    DatabaseAnswer,
    DatabaseClock,
    DatabaseConnection,
    DatabaseLogin,
    DatabaseRole,
    DatabaseWrites,
    RoleState,
)
from oncall.finding import CouldNotCheck, Declared
from oncall.gate.patterns import Pattern
from oncall.probes.containers.data_origin import data_origin
from oncall.probes.containers.own_address import not_asked
from oncall.probes.containers.password import ContainerPassword
from oncall.probes.postgres import wire
from oncall.probes.postgres.attempt import ATTEMPT_SECONDS, CONNECT_SECONDS, Failure, failure, telling
from oncall.probes.postgres.place import Place, place
from oncall.probes.postgres.session import FOREIGN, One, QueryFailed, Session
from oncall.probes.postgres.wire import MOST_BYTES_BEFORE, Flood, Late, Patience, Unconnected
from oncall.probing.register import client, probe
from oncall.target.schema import Stack
from oncall.target.secrets import Secrets

log = logging.getLogger(__name__)

ELSEWHERE = ("unresolved", "unreachable", "refused", "timeout", "closed", "garbled")  # nothing of ours has answered
UNKNOWN_TO_IT = ("28P01", "28000", "3D000")  # a wrong password, a role or a database that is not there
STATES: tuple[tuple[RoleState, Pattern[str]], ...] = (
    ("starting up", Pattern("starting up")),
    ("shutting down", Pattern("shutting down")),
    ("recovering", Pattern("recovery mode|not yet accepting connections|[Hh]ot standby mode is disabled")),
)


class Attempt(Struct, frozen=True):
    """What came of connecting: a session, or a failure; and how long it took."""

    place: Place
    seconds: float
    session: Session | None = None
    failure: Failure | None = None
    at: datetime | None = None


@client(of="postgres", deadline=ATTEMPT_SECONDS + 0.5)
def database_attempt(
    stack: Stack, secrets: Secrets, container_password: ContainerPassword, container_address: str
) -> Iterator[Attempt]:
    """The one connection to the database, or why there is none."""
    if stack.postgres.absent:
        raise Declared("says that there is no database")
    where = place(stack, secrets, container_password, container_address)
    attempt = _connect(where)
    log.info("connecting to %s: %s in %.3f s", where.address, _told(attempt), attempt.seconds)
    yield attempt
    if attempt.session:
        attempt.session.close()


def _told(attempt: Attempt) -> str:
    return "accepted" if attempt.failure is None else f"{attempt.failure.outcome} {attempt.failure.sqlstate}".strip()


class _Trial:
    """One attempt in a thread of its own, because a name that does not resolve knows no timeout."""

    def __init__(self, where: Place) -> None:
        self.where, self.began = where, time.monotonic()
        self.resolved = self.abandoned = False
        self.result: Session | Failure | None = None

    def run(self) -> None:
        try:
            self.result = self._result()
        finally:
            if self.abandoned and isinstance(self.result, Session):
                self.result.close()

    def _result(self) -> Session | Failure:
        failures: list[Failure] = []
        left = ATTEMPT_SECONDS
        for parameters in self.where.attempts():
            self.resolved = True
            if isinstance(parameters, OSError):
                failures.append(Failure("unresolved", message=parameters.strerror or str(parameters)))
                continue
            patience = Patience(min(left, CONNECT_SECONDS))
            given = patience.left
            try:
                connected = wire.connect(parameters, patience)
            except Unconnected as error:
                failures.append(failure(error))
            except Late as error:
                failures.append(Failure("timeout", message=str(error)))
            except Flood:
                words = f"it sent more than {MOST_BYTES_BEFORE >> 10} KiB before it was ready for a query"
                failures.append(Failure("garbled", message=words))
            else:
                return Session(connected, self.began, self.where.schema)
            left -= given - patience.left
            if left <= 0:
                break
        return telling(failures)


def _connect(where: Place) -> Attempt:
    wire.library()  # before the clock starts: how long an import takes says nothing about the server
    at, trial = datetime.now(UTC), _Trial(where)
    thread = threading.Thread(target=trial.run, name="database connect", daemon=True)
    try:
        thread.start()
        thread.join(ATTEMPT_SECONDS + 0.3)  # the trial ends itself before that, unless a name server is silent
    except RuntimeError:  # this machine starts no further thread
        trial.run()
    seconds, result = time.monotonic() - trial.began, trial.result
    if isinstance(result, Session):
        return Attempt(where, seconds, session=result, at=at)
    if result is None:
        trial.abandoned = True
        result = Failure("timeout") if trial.resolved else Failure("unresolved", message="no answer about the name")
    return Attempt(where, seconds, failure=result, at=at)


@client(of="postgres")
def database_session(database_attempt: Attempt) -> Session:
    """The open session, for probes that need one."""
    if database_attempt.session:
        return database_attempt.session
    raise why_not(database_attempt)


def why_not(attempt: Attempt) -> CouldNotCheck:
    """Why there is no session: the fact that tells it, or what to set."""
    failed = attempt.failure
    if failed is None or failed.outcome != "rejected":
        return CouldNotCheck("the database was not reached", root="database_connection")
    if failed.unsafe:
        return CouldNotCheck(failed.unsafe)
    if failed.password_missing and attempt.place.missing:
        return attempt.place.missing
    if failed.sqlstate == "57P03":
        return CouldNotCheck("the database is not up yet", root="database_role")
    if failed.sqlstate == "53300":
        return CouldNotCheck("the database has no free connection slot", root="connection_slots")
    if failed.sqlstate:
        return CouldNotCheck("the database refused the login", root="database_login")
    return CouldNotCheck(f"the database refused the session in words that are not understood: {failed.message}")


@probe(of="postgres", deadline=8.0)
def database_connection(stack: Stack, database_attempt: Attempt) -> DatabaseConnection:
    """Whether anything that speaks PostgreSQL answers at the address."""
    failed = database_attempt.failure or Failure("accepted")
    asked, unresolved = stack.postgres, failed.outcome == "unresolved"
    if failed.outcome in ELSEWHERE and (other := not_asked(stack, asked.host, asked.port, unresolved=unresolved)):
        raise other
    return DatabaseConnection(
        address=database_attempt.place.address,
        outcome=failed.outcome,
        sqlstate=failed.sqlstate,
        message=failed.message,
        seconds=database_attempt.seconds,
        looked_at=database_attempt.at,
    )


@probe(of="postgres", deadline=8.0)
def database_login(stack: Stack, database_attempt: Attempt) -> DatabaseLogin:
    """Whether our account may log in to this database."""
    user = database_attempt.place.parameters.get("user", "")
    failed = database_attempt.failure
    if failed is None:
        return DatabaseLogin(user=user or "oncall", outcome="accepted")
    if failed.outcome == "rejected" and failed.sqlstate and failed.sqlstate not in ("57P03", "53300"):
        if other := not_asked(stack, stack.postgres.host, stack.postgres.port):
            raise other
        return DatabaseLogin(
            user=user,
            outcome="refused",
            sqlstate=failed.sqlstate,
            message=failed.message,
            origin=data_origin(stack, user) if failed.sqlstate in UNKNOWN_TO_IT else None,
        )
    raise why_not(database_attempt)


class Role(Struct, frozen=True):
    """A row of the query below, as are the further records of this file."""

    standby: bool
    version: str
    started: datetime
    up: float


@probe(of="postgres", deadline=4.5)
def database_role(database_attempt: Attempt) -> DatabaseRole:
    """Whether the server is up, and the primary."""
    failed = database_attempt.failure
    if failed and failed.sqlstate == "57P03":
        found = (state for state, pattern in STATES if pattern.search(failed.message))
        return DatabaseRole(state=next(found, "not accepting connections"), message=failed.message)
    row = _session(database_attempt).row(
        Role,
        """SELECT pg_is_in_recovery() AS standby, current_setting('server_version') AS version,
           extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
           extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS up""",
        vital=True,
    )
    return DatabaseRole(
        state="standby" if row.standby else "primary",
        version=row.version,
        started_at=row.started,
        up_seconds=row.up,
    )


def _session(attempt: Attempt) -> Session:
    if attempt.session is None:
        raise why_not(attempt)
    return attempt.session


@probe(of="postgres", deadline=4.5)
def database_answer(database_session: Session) -> DatabaseAnswer:
    """How long one SELECT 1 takes."""
    began = time.perf_counter()
    try:
        seconds = database_session.ask(One, "SELECT 1 AS one", vital=True).seconds
    except QueryFailed as problem:
        if problem.sqlstate == "57014" or problem.silent:
            return DatabaseAnswer(seconds=time.perf_counter() - began, timed_out=True)
        raise problem.blindness from None
    log.info("SELECT 1 took %.4f s", seconds)
    return DatabaseAnswer(seconds=seconds)


class Writes(Struct, frozen=True):
    read_only: bool
    set_by: str
    by_database: str | None
    writers: tuple[str, ...]


@probe(of="postgres", deadline=4.5)
def database_writes(database_session: Session, database_role: DatabaseRole) -> DatabaseWrites:
    """Whether sessions of this database begin read-only."""
    if database_role.state != "primary":
        raise CouldNotCheck("the database is not the primary", root="database_role")
    # A setting of our own account's says nothing about the application's, and hides the server's.
    row = database_session.row(
        Writes,
        """SELECT s.reset_val = 'on' AS read_only, s.source AS set_by,
             (SELECT max(split_part(c, '=', 2)) FROM pg_db_role_setting r, unnest(r.setconfig) c
              WHERE r.setrole = 0 AND r.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND c LIKE 'default_transaction_read_only=%') AS by_database,
             (SELECT to_json(coalesce(array_agg(DISTINCT o.rolname::text), '{}'))::text FROM pg_db_role_setting r
              JOIN pg_roles o ON o.oid = r.setrole, unnest(r.setconfig) c
              WHERE c ~* '^default_transaction_read_only=(on|true|yes|1)$'
              AND r.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
              AND o.rolname <> current_user AND o.rolcanlogin AND NOT o.rolsuper
              AND EXISTS (SELECT FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
                WHERE t.relkind IN ('r', 'p') AND n.nspname !~ '^pg_|^information_schema$'
                AND has_table_privilege(o.oid, t.oid, 'INSERT'))) AS writers
           FROM pg_settings s WHERE s.name = 'default_transaction_read_only'""",
        vital=True,
    )
    read_only, set_by = row.read_only, row.set_by
    if set_by in ("user", "database user", "client", "session"):
        if row.by_database is None and read_only:
            raise CouldNotCheck(
                f"the role {database_session.user} has a default_transaction_read_only of its own, which hides the "
                f"server's: ALTER ROLE {database_session.user} RESET default_transaction_read_only"
            )
        if row.by_database is not None:
            read_only, set_by = row.by_database in ("on", "true", "yes", "1"), "database"
    return DatabaseWrites(default_read_only=read_only, set_by=set_by, read_only_writers=row.writers)


class Now(Struct, frozen=True):
    now: float


@probe(of="postgres", deadline=4.5)
def database_clock(database_session: Session) -> DatabaseClock:
    """The database's clock against ours."""
    try:
        answer = database_session.ask(Now, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
    except QueryFailed as problem:
        raise problem.blindness from None
    if len(answer.rows) != 1:
        raise CouldNotCheck(f"{FOREIGN}: {len(answer.rows)} rows for one")
    return DatabaseClock(
        offset_seconds=answer.rows[0].now - (answer.asked_at + answer.seconds / 2),
        round_trip_seconds=answer.seconds,
    )
