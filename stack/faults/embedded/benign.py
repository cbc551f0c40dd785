"""Benign scenarios: what looks like a cause to somebody in a hurry, and is none."""

import time
from contextlib import suppress

import psycopg

from stack.faults import benign
from stack.faults.embedded.frontend import certify
from stack.faults.embedded.host import HOUR, aged
from stack.faults.embedded.migrations import BROKEN, PRIORITY, add, begin, copied
from stack.faults.embedded.postgres_load import REPORT, all_at_once
from stack.running import Running
from stack.state import StackError

FINISHED = "UPDATE _prisma_migrations SET finished_at = now() WHERE migration_name = %s AND rolled_back_at IS NULL"


@benign(
    "benign-migration-applied-in-the-end",
    component="auth",
    words=["add_rooms", "roll(?:ed)?.?back", "migration"],
    paired_with="frontend-script-missing",
)
def migration_applied_in_the_end(stack: Running) -> None:
    """A migration failed, was rolled back, was mended, and has been applied since: its first row is still there."""
    folder = copied(stack)
    new = add(folder, "20240620090000_add_rooms", BROKEN)
    begin(stack, new, 'ERROR: relation "rooms" does not exist', 0)
    stack.sql("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = %s", (new.name,))
    (new / "migration.sql").write_text(PRIORITY)
    begin(stack, new, None, 1)
    stack.sql(PRIORITY, owner=True)
    stack.sql(FINISHED, (new.name,), owner=True)


@benign(
    "benign-migrations-from-windows",
    component="auth",
    words=["migration", "checksum", "line end"],
    paired_with="postgres-few-slots",
)
def migrations_from_windows(stack: Running) -> None:
    """The release was built on Windows: every migration's file has other line ends, which Prisma takes for the same."""
    for file in copied(stack).glob("*/migration.sql"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


@benign(
    "benign-query-slow-twice",
    component="postgres",
    words=["monthly_report", "slow", "on average"],
    paired_with="auth-secret-too-short",
)
def query_slow_twice(stack: Running) -> None:
    """A report that takes more than two seconds was asked for twice today: that makes no average."""
    stack.sql(REPORT, owner=True)
    all_at_once(stack, "SELECT monthly_report()", 2)


@benign(
    "benign-small-table-read-in-full",
    component="postgres",
    words=["suites", "in full", "index"],
    paired_with="frontend-killed",
)
def small_table_read_in_full(stack: Running) -> None:
    """Two hundred suites are read from the first to the last all day: an index would not be faster."""
    with stack.session(owner=True) as session:
        for floor in range(200):
            session.execute("SELECT count(*) FROM suites WHERE floor = %s", (floor,))
    scans = "SELECT seq_scan >= 200 FROM pg_stat_user_tables WHERE relname = 'suites'"
    stack.wait(lambda: stack.sql(scans) == [(True,)], "the statistics tell of it")


@benign(
    "benign-older-backup-corrupt",
    component="host",
    words=["backup", r"\.dump", "truncated"],
    paired_with="backend-killed",
)
def older_backup_corrupt(stack: Running) -> None:
    """The backup of the night before last broke off, and the one of last night is good."""
    broken = stack.home.backups / "motel-20240101T000000Z.dump"
    broken.write_bytes(next(stack.home.backups.glob("*.dump")).read_bytes()[:4000])
    aged(broken, 48 * HOUR)


@benign("benign-session-idle", component="postgres", words=["idle", "transaction"], paired_with="backend-metrics-gone")
def session_idle(stack: Running) -> None:
    """A pool keeps sessions that have had nothing to do for a long time: none is in a transaction."""
    stack.hold_session("UPDATE suites SET name = name WHERE id = 200", count=6)
    stack.edit_target("limits.idle_in_transaction_seconds", 0.5)  # so that a second is a long time
    time.sleep(1)


@benign(
    "benign-database-recovered",
    component="postgres",
    words=["interrupted", "recover", "shut ?down", "starting up", "restart"],
    paired_with="frontend-without-upgrade",
)
def database_recovered(stack: Running) -> None:
    """The database was ended without ceremony a moment ago, replayed its log, and is up again: its log says both."""
    stack.pg_ctl("stop", "-m", "immediate")
    stack.start("postgres")
    stack.wait_healthy("backend")
    if "was interrupted" not in stack.log("postgres").read_text():
        raise StackError("the database does not remember that it was interrupted")


@benign(
    "benign-guest-named-panic",
    component="postgres",
    words=["PANIC", "damage", "corrupt", "invalid page"],
    paired_with="websocket-origin-refused",
)
def guest_named_panic(stack: Running) -> None:
    """A guest calls himself PANIC, twice: the database's log quotes him where it says that the name is taken."""
    new = "INSERT INTO users (username, email, password_hash) VALUES ('PANIC', %s, '')"
    stack.sql(new, ("panic@disco.example",), owner=True)
    with suppress(psycopg.errors.UniqueViolation):
        stack.sql(new, ("panic@club.example",), owner=True)
        raise StackError("there is room for two guests of one name")


@benign(
    "benign-certificate-good-for-a-month",
    component="frontend",
    words=["certificate", "expire"],
    paired_with="postgres-index-invalid",
)
def certificate_good_for_a_month(stack: Running) -> None:
    """The certificate is more than a year old, and good for another forty days."""
    certify(stack, days=40)


@benign(
    "benign-backend-just-deployed",
    component="backend",
    words=["RELEASE", "deploy", "restart"],
    paired_with="postgres-foreign-key-without-index",
)
def backend_just_deployed(stack: Running) -> None:
    """The backend was deployed a moment ago, with another release in its environment, and is well."""
    stack.restart("backend", RELEASE="2024.07.1")
