"""Ways to make the database slow: statements, locks, forgotten transactions, and the statistics that tell of them."""

import subprocess
import threading
import time

from stack.faults import fault
from stack.faults.embedded.postgres import configure
from stack.faults.expected.container_failures import OPEN_FILES, of
from stack.faults.expected.database_failures import BLOCKED, IDLE, LOCKED, LONG, SLOW
from stack.running import Running

# ---- slow on average

REPORT = """
CREATE FUNCTION monthly_report() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(2.1);
  RETURN (SELECT count(*) FROM suites);
END $$
"""


@fault("postgres-slow-query", component="postgres", cause_class="slow", must_fail=[SLOW])
def postgres_slow_query(stack: Running) -> None:
    """A report takes more than two seconds every time, and five people ask for it."""
    stack.sql(REPORT, owner=True)
    all_at_once(stack, "SELECT monthly_report()", 5)


@fault("postgres-slow-query-old-extension", component="postgres", cause_class="slow", must_fail=[SLOW])
def postgres_slow_query_old_extension(stack: Running) -> None:
    """As postgres-slow-query, on a database whose pg_stat_statements was never upgraded: its columns have old names."""
    stack.sql("DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements VERSION '1.7'")
    stack.sql(REPORT, owner=True)
    all_at_once(stack, "SELECT monthly_report()", 5)


@fault("postgres-statements-extension-missing", component="postgres", cause_class="misconfiguration", unknown=[SLOW])
def postgres_statements_extension_missing(stack: Running) -> None:
    """The database was restored without the extension pg_stat_statements."""
    stack.sql("DROP EXTENSION pg_stat_statements")


@fault("postgres-statements-not-preloaded", component="postgres", cause_class="misconfiguration", unknown=[SLOW])
def postgres_statements_not_preloaded(stack: Running) -> None:
    """After an upgrade, pg_stat_statements is in the database but not in shared_preload_libraries."""
    configure(stack, "shared_preload_libraries = ''")
    stack.restart("postgres")


@fault("postgres-statements-not-tracked", component="postgres", cause_class="misconfiguration", unknown=[SLOW])
def postgres_statements_not_tracked(stack: Running) -> None:
    """Somebody turned the tracking of statements off to save a little time."""
    configure(stack, "pg_stat_statements.track = none")
    stack.reload_postgres()
    stack.sql("SELECT pg_stat_statements_reset()")


# ---- at this moment


@fault("postgres-query-runs-for-long", component="postgres", kind="limit-moved", cause_class="slow", must_fail=[LONG])
def postgres_query_runs_for_long(stack: Running) -> None:
    """A query has been running for a while and does not come back."""
    stack.hold_session("SELECT pg_sleep(600)", wait_for_all=False)
    stack.edit_target("limits.query_running_seconds", 0.5)
    time.sleep(0.6)


@fault("postgres-session-blocked", component="postgres", kind="limit-moved", cause_class="lock", must_fail=[BLOCKED])
def postgres_session_blocked(stack: Running) -> None:
    """Somebody changed a record and did not commit; whoever saves the same record waits."""
    change = "UPDATE suites SET name = name WHERE id = 200"
    stack.hold_session("BEGIN", change, name="holder")
    stack.hold_session("BEGIN", change, name="waiter", wait_for_all=False)
    stack.edit_target("limits.query_blocked_seconds", 0.5)
    stack.wait(lambda: stack.sql("SELECT 1 FROM pg_locks WHERE NOT granted"), "somebody waits for the lock")
    time.sleep(0.6)


@fault(
    "postgres-transaction-left-idle",
    component="postgres",
    kind="limit-moved",
    cause_class="lock",
    must_fail=[IDLE],
)
def postgres_transaction_left_idle(stack: Running) -> None:
    """Somebody began a transaction and went home."""
    stack.hold_session("BEGIN", "UPDATE suites SET name = name WHERE id = 200")
    stack.edit_target("limits.idle_in_transaction_seconds", 0.5)
    time.sleep(0.6)


@fault("migrations-locked", component="postgres", kind="limit-moved", cause_class="lock", must_fail=[LOCKED])
def migrations_locked(stack: Running) -> None:
    """A deployment that was killed left its session behind, and with it the lock of Prisma's migrations."""
    stack.hold_session("SELECT pg_advisory_lock(72707369)")
    stack.edit_target("limits.query_blocked_seconds", 0.5)
    time.sleep(0.6)


@fault("postgres-near-its-open-files", component="postgres", cause_class="resource exhaustion",
       words=(r"open files|descriptors",), must_fail=of("postgres", OPEN_FILES))  # fmt: skip
def postgres_near_its_open_files(stack: Running) -> None:
    """The database was started with a limit of open files that its checkpointer has nearly used up."""
    (process,) = [one for one in stack.process("postgres").children() if "checkpointer" in " ".join(one.cmdline())]
    owner = process.uids().real  # a limit is its owner's to lower
    words = ["setpriv", f"--reuid={owner}", f"--regid={process.gids().real}", "--clear-groups"]
    words += ["prlimit", f"--pid={process.pid}", f"--nofile={process.num_fds() + 1}:"]
    subprocess.run(words, check=True, capture_output=True, timeout=15)


def all_at_once(stack: Running, statement: str, times: int) -> None:
    """Run a statement in several sessions of the application at the same time."""
    callers = [threading.Thread(target=stack.sql, args=(statement,), kwargs={"owner": True}) for _ in range(times)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
