"""Ways to spoil tables and indexes."""

from contextlib import suppress

import psycopg

from stack.faults import fault
from stack.faults.expected.database_failures import ACCOUNTS, BACKEND_BLIND, INVALID, KEYS, PROBE_LOGIN, READS
from stack.faults.expected.unknowns import NO_TOKEN
from stack.running import Running

# ---- indexes


@fault("postgres-index-invalid", component="postgres", cause_class="missing index", must_fail=[INVALID])
def postgres_index_invalid(stack: Running) -> None:
    """CREATE UNIQUE INDEX CONCURRENTLY failed on two equal rows and left an index that nobody may use."""
    with suppress(psycopg.errors.UniqueViolation):
        stack.sql("CREATE UNIQUE INDEX CONCURRENTLY suites_floor_key ON suites (floor)", owner=True)


@fault("postgres-index-dropped", component="postgres", cause_class="missing index", must_fail=[READS, KEYS])
def postgres_index_dropped(stack: Running) -> None:
    """A migration dropped the index that every page needs; it was a foreign key's too."""
    stack.sql("DROP INDEX tasks_suite_id_status_idx", owner=True)
    read_all(stack, "SELECT count(*) FROM tasks WHERE suite_id = {}", 60)


@fault("postgres-search-without-index", component="postgres", cause_class="missing index", must_fail=[READS])
def postgres_search_without_index(stack: Running) -> None:
    """The new release looks for tasks by their title, and no index knows titles."""
    read_all(stack, "SELECT id FROM tasks WHERE title = 'Fix the lamp #{}'", 60)


@fault("postgres-foreign-key-without-index", component="postgres", cause_class="missing index", must_fail=[KEYS])
def postgres_foreign_key_without_index(stack: Running) -> None:
    """An index that no page seemed to need was dropped: it was the one behind a foreign key."""
    stack.sql("DROP INDEX tasks_assignee_id_idx", owner=True)


def read_all(stack: Running, statement: str, times: int) -> None:
    """Ask often enough to make a habit of it."""
    with stack.session(owner=True) as session:
        for number in range(times):
            session.execute(statement.format(1 + number).encode())
    # Statistics come with the end of the session; wait until they are to be seen.
    scans = "SELECT seq_scan >= %s FROM pg_stat_user_tables WHERE relname = 'tasks'"
    stack.wait(lambda: stack.sql(scans, (times,)) == [(True,)], "the statistics tell of it")


# ---- the accounts table


@fault(
    "postgres-accounts-missing",
    component="auth",
    cause_class="missing object",
    must_fail=[ACCOUNTS, PROBE_LOGIN],
    unknown=BACKEND_BLIND,
)
def postgres_accounts_missing(stack: Running) -> None:
    """Somebody renamed the accounts table to rebuild it, and stopped there."""
    stack.sql("ALTER TABLE users RENAME TO users_old", owner=True)


@fault(
    "postgres-accounts-in-another-schema",
    component="auth",
    cause_class="misconfiguration",
    must_fail=[ACCOUNTS, PROBE_LOGIN],
    unknown=BACKEND_BLIND,
)
def postgres_accounts_elsewhere(stack: Running) -> None:
    """The accounts table was moved to a schema that the application does not search."""
    stack.sql("CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO oncall, motel; ALTER TABLE users SET SCHEMA auth")


@fault(
    "postgres-accounts-empty",
    component="auth",
    cause_class="data loss",
    must_fail=[ACCOUNTS, PROBE_LOGIN],
    unknown=NO_TOKEN,
)
def postgres_accounts_empty(stack: Running) -> None:
    """A restore brought the accounts table back without its rows."""
    stack.sql("SET session_replication_role = replica; DELETE FROM users")  # without what hangs on them


@fault(
    "backend-column-of-another-type",
    component="backend",
    cause_class="code defect",
    must_fail=["test_endpoint_answers_in_time[tasks]"],
    words=(r"to_char",),
)
def backend_column_of_another_type(stack: Running) -> None:
    """The next release's migration made a column text, and the release went back: one query no longer fits it."""
    stack.sql("ALTER TABLE tasks ALTER COLUMN due_at TYPE text", owner=True)
