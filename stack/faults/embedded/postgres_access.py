"""Ways to lock people out of the database: passwords, privileges, names, connection slots."""

import re

from stack.faults import fault
from stack.faults.expected.database_failures import (
    ACCOUNTS,
    BACKEND_BLIND,
    BACKEND_FAILS,
    BLOCKED,
    LOGIN,
    NO_SESSION,
    PROBE_LOGIN,
    SESSIONS,
    SLOTS,
    SLOW,
    TABLES_FREE,
    USES_TABLES,
    without,
)
from stack.faults.expected.unknowns import ACCEPTED, ENDPOINTS, FORGED, PUBLIC_TOKEN
from stack.running import Running

NOT_LET_IN = without(NO_SESSION, LOGIN)


@fault("postgres-password-changed", component="postgres", cause_class="credentials", must_fail=[LOGIN],
       unknown=NOT_LET_IN)  # fmt: skip
def postgres_password_changed(stack: Running) -> None:
    """The probe role's password was rotated, and nobody told whoever diagnoses."""
    stack.sql("ALTER ROLE oncall PASSWORD 'rotated last night'")


@fault(
    "postgres-application-password-changed",
    component="postgres",
    indistinguishable_from="backend",  # two passwords that do not fit: nothing tells which of the two was changed
    cause_class="credentials",
    must_fail=BACKEND_FAILS,
    unknown=BACKEND_BLIND,
)
def postgres_application_password_changed(stack: Running) -> None:
    """The application's database password was rotated, and the backend has the old one."""
    stack.sql("ALTER ROLE motel PASSWORD 'rotated last night'")


@fault("postgres-probe-password-not-set", component="host", cause_class="credentials", unknown=NO_SESSION)
def postgres_probe_password_not_set(stack: Running) -> None:
    """Whoever diagnoses has no database password in the environment."""
    stack.edit_secrets(ONCALL_DB_PASSWORD=None)


@fault(
    "postgres-hba-rejects",
    component="postgres",
    cause_class="misconfiguration",
    must_fail=[LOGIN, *BACKEND_FAILS],
    unknown=[*NOT_LET_IN, *BACKEND_BLIND],
)
def postgres_hba_rejects(stack: Running) -> None:
    """A new pg_hba.conf has no line for the application's network."""
    access = stack.data / "pg_hba.conf"
    access.write_text(re.sub(r"(?m)^host.*\n", "", access.read_text()))
    stack.reload_postgres()


@fault("postgres-role-missing", component="postgres", cause_class="missing object", must_fail=[LOGIN],
       unknown=NOT_LET_IN)  # fmt: skip
def postgres_role_missing(stack: Running) -> None:
    """The probe role was dropped together with somebody's account."""
    stack.sql("DROP OWNED BY oncall; DROP ROLE oncall")


@fault("postgres-role-may-not-log-in", component="postgres", cause_class="missing privilege", must_fail=[LOGIN],
       unknown=NOT_LET_IN)  # fmt: skip
def postgres_role_may_not_log_in(stack: Running) -> None:
    """The probe role may not log in any more."""
    stack.sql("ALTER ROLE oncall NOLOGIN")


@fault("postgres-role-may-not-connect", component="postgres", cause_class="missing privilege", must_fail=[LOGIN],
       unknown=NOT_LET_IN)  # fmt: skip
def postgres_role_may_not_connect(stack: Running) -> None:
    """The probe role lost its CONNECT privilege on the database."""
    stack.sql("REVOKE CONNECT ON DATABASE motel FROM PUBLIC, oncall")


@fault(
    "postgres-database-renamed",
    component="postgres",
    cause_class="missing object",
    must_fail=[LOGIN, *BACKEND_FAILS],
    unknown=[*NOT_LET_IN, *BACKEND_BLIND],
)
def postgres_database_renamed(stack: Running) -> None:
    """Somebody moved the database aside to restore a backup, and stopped there."""
    end_sessions(stack)
    stack.sql("ALTER DATABASE motel RENAME TO motel_before_restore", dbname="postgres")


@fault(
    "postgres-database-closed",
    component="postgres",
    cause_class="misconfiguration",
    must_fail=[LOGIN, *BACKEND_FAILS],
    unknown=[*NOT_LET_IN, *BACKEND_BLIND],
)
def postgres_database_closed(stack: Running) -> None:
    """The database was closed to everybody for a maintenance and never opened again."""
    stack.sql("ALTER DATABASE motel ALLOW_CONNECTIONS false", dbname="postgres")


# ---- slots


@fault(
    "postgres-no-free-slot",
    component="postgres",
    cause_class="resource exhaustion",
    must_fail=[SLOTS, *BACKEND_FAILS],
    unknown=[*without(NO_SESSION, SLOTS), *BACKEND_BLIND],
)
def postgres_no_free_slot(stack: Running) -> None:
    """A leak in a connection pool took every connection slot."""
    stack.hold_session(count=100)


@fault("postgres-few-slots", component="postgres", cause_class="resource exhaustion", must_fail=[SLOTS])
def postgres_few_slots(stack: Running) -> None:
    """A leak in a connection pool has taken nearly all connection slots."""
    stack.restart("backend", DATABASE_CONNECTIONS="1")  # what is left has to last for the diagnosis
    stack.hold_session(count=33)  # of 40, 3 of which are the superuser's


@fault(
    "postgres-role-limit-reached",
    component="postgres",
    cause_class="resource exhaustion",
    must_fail=[SLOTS, *BACKEND_FAILS],
    unknown=BACKEND_BLIND,
)
def postgres_role_limit_reached(stack: Running) -> None:
    """The application's role has a connection limit, and a leak has reached it."""
    stack.sql("ALTER ROLE motel CONNECTION LIMIT 6")
    stack.hold_session(count=6)


@fault(
    "postgres-database-limit-reached",
    component="postgres",
    cause_class="resource exhaustion",
    must_fail=[SLOTS, *BACKEND_FAILS],
    unknown=[*without(NO_SESSION, SLOTS), *BACKEND_BLIND],
)
def postgres_database_limit_reached(stack: Running) -> None:
    """The database has a connection limit, and a leak has reached it."""
    stack.sql("ALTER DATABASE motel CONNECTION LIMIT 6", dbname="postgres")
    stack.hold_session(count=6)


@fault(
    "postgres-probe-role-limit-reached",
    component="postgres",
    cause_class="resource exhaustion",
    must_fail=[SLOTS],
    unknown=without(NO_SESSION, SLOTS),
)
def postgres_probe_role_limit_reached(stack: Running) -> None:
    """A diagnosis that hangs since last night holds the probe role's only connection."""
    stack.sql("ALTER ROLE oncall CONNECTION LIMIT 1")
    stack.hold_session(role="oncall")


# ---- privileges


@fault("postgres-probe-without-pg-monitor", component="postgres", cause_class="missing privilege",
       unknown=[SLOTS, SLOW, TABLES_FREE, *SESSIONS])  # fmt: skip
def postgres_probe_without_pg_monitor(stack: Running) -> None:
    """The probe role was made without pg_monitor: it sees no session but its own."""
    stack.sql("REVOKE pg_monitor FROM oncall")


@fault("postgres-probe-may-not-read-accounts", component="postgres", cause_class="missing privilege",
       unknown=[ACCOUNTS])  # fmt: skip
def postgres_probe_may_not_read_accounts(stack: Running) -> None:
    """The accounts table was made anew, and the probe role's privilege on it is gone."""
    stack.sql("REVOKE SELECT ON users FROM oncall")


@fault(
    "postgres-application-may-not-read-accounts",
    component="postgres",
    cause_class="missing privilege",
    must_fail=[USES_TABLES, PROBE_LOGIN],
    unknown=BACKEND_BLIND,
)
def postgres_application_may_not_read_accounts(stack: Running) -> None:
    """A restore made the accounts table somebody else's, and the application may not read it."""
    stack.sql("ALTER TABLE users OWNER TO postgres; GRANT SELECT ON users TO oncall")


@fault(
    "postgres-accounts-locked",
    component="postgres",
    cause_class="lock",
    kind="limit-moved",
    must_fail=[TABLES_FREE, PROBE_LOGIN],
    may_fail=[BLOCKED],
    unknown=[ACCOUNTS, *BACKEND_BLIND],
)
def postgres_accounts_locked(stack: Running) -> None:
    """Somebody's open transaction holds the accounts table: nobody can log in."""
    stack.hold_session("BEGIN", "LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    stack.edit_target("limits.query_blocked_seconds", 0.1)
    held_for(stack, 0.1)


@fault(
    "postgres-table-locked-without-traffic",
    component="postgres",
    cause_class="lock",
    kind="limit-moved",
    must_fail=[TABLES_FREE, *ENDPOINTS],
    may_fail=[BLOCKED],
    unknown=[ACCEPTED, *FORGED, PUBLIC_TOKEN],
)
def postgres_table_locked(stack: Running) -> None:
    """A migration that nobody finished holds one table, and nobody has asked for it yet."""
    stack.hold_session("BEGIN", "LOCK TABLE tasks", name="nightly-report")
    stack.edit_target("limits.query_blocked_seconds", 0.1)
    held_for(stack, 0.1)


def held_for(stack: Running, seconds: float) -> None:
    """Wait until the transaction that holds a lock has been idle for longer."""
    idle = f"SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in%' AND now() - state_change > '{seconds} s'"
    stack.wait(lambda: stack.sql(idle), "the lock to be held for long enough")


def end_sessions(stack: Running) -> None:
    stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'motel'", dbname="postgres")
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'motel'"
    stack.wait(lambda: stack.sql(others, dbname="postgres") == [(0,)], "nobody uses the database")
