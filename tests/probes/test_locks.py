"""Tables that a session keeps locked, on a real server."""

import threading

import pytest

from oncall.target.schema import Postgres, Stack
from tests.probes.asking import ask, why_unknown
from tests.probes.postgres_server import postgres

PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        running.run("CREATE TABLE tasks (id int)", "INSERT INTO tasks VALUES (1)")
        running.run("CREATE MATERIALIZED VIEW sums AS SELECT 1")
        yield running


def asked(server):
    return ask("table_locks", Stack(postgres=Postgres(host="127.0.0.1", port=server.port)), PASSWORD)


def held(server, *statements):
    session = server.connect(application_name="nightly-report")
    session.execute("BEGIN")
    for statement in statements:
        session.execute(statement)
    return session


def test_nobody_locks_a_table(server):
    """Our own locks are seen, and are none that keep anybody out."""
    fact = asked(server)

    assert fact.seen > 0
    assert fact.locks == ()


@pytest.mark.parametrize(
    ("statement", "mode", "readers"),
    [
        ("LOCK TABLE tasks", "AccessExclusiveLock", True),
        ("ALTER TABLE tasks ADD COLUMN name text", "AccessExclusiveLock", True),
        ("LOCK TABLE tasks IN EXCLUSIVE MODE", "ExclusiveLock", False),
    ],
)
def test_a_lock_is_seen_while_nobody_waits(server, statement, mode, readers):
    """Its holder is named, and for how long it has been held."""
    with held(server, statement):
        fact = asked(server)

    (lock,) = fact.locks
    assert (lock.table, lock.mode, lock.readers_wait, lock.waiting) == ("tasks", mode, readers, 0)
    assert lock.pid > 0
    assert lock.holder.startswith(f"pid {lock.pid} (nightly-report, user postgres, from 127.0.0.1")
    assert lock.state == "idle in transaction"
    assert 0 < lock.seconds < 60
    assert fact.held_over(60) == ()
    assert fact.held_over(0) == (lock,)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE tasks SET id = 2", "SELECT * FROM tasks", "CREATE TEMP TABLE mine (id int)", "CREATE TABLE fresh (id int)",
     "REFRESH MATERIALIZED VIEW sums", "CREATE INDEX ON tasks (id)", "SELECT pg_advisory_lock(7)"],
)  # fmt: skip
def test_what_keeps_nobody_out(server, statement):
    """Rows, an own temporary table, one that nobody else can see yet, a view."""
    with held(server, statement) as session:
        assert asked(server).locks == ()
        session.execute("ROLLBACK")


def test_those_who_wait_are_counted(server):
    """And the longest of them tells how long the lock has been held."""
    with server.connect() as waiting, server.connect() as watching:
        with held(server, "LOCK TABLE tasks"):
            reader = threading.Thread(target=waiting.execute, args=("SELECT * FROM tasks",))
            reader.start()
            while not watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                assert reader.is_alive()
            (lock,) = asked(server).locks
        reader.join()

    assert lock.waiting == 1


def test_a_prepared_transaction_has_no_session(server):
    """It keeps its locks while nobody is connected."""
    with server.connect() as session:
        session.execute("BEGIN; LOCK TABLE tasks; PREPARE TRANSACTION 'forgotten'")
    try:
        (lock,) = asked(server).locks
    finally:
        server.run("ROLLBACK PREPARED 'forgotten'")

    assert (lock.pid, lock.holder) == (0, "a prepared transaction")


def test_without_pg_monitor_it_is_unknown(server):
    """Others' sessions are seen, but not what they do."""
    server.run("REVOKE pg_monitor FROM oncall")
    try:
        stack = Stack(postgres=Postgres(host="127.0.0.1", port=server.port))
        assert "GRANT pg_monitor TO oncall" in why_unknown("table_locks", stack, PASSWORD)
    finally:
        server.run("GRANT pg_monitor TO oncall")
