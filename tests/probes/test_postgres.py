"""The database as it is when healthy, and as it is when sick, on real servers."""

import contextlib
import hashlib
import os
import signal
import socket
import threading
import time

import pytest
from msgspec import Struct

from oncall.finding import CouldNotCheck, NotPart
from oncall.gate.sql_text import error_text, masked
from oncall.probes.postgres.attempt import failure
from oncall.probes.postgres.integrity import telling
from oncall.probes.postgres.place import from_url
from oncall.probes.postgres.session import One
from oncall.probes.postgres.wire import Patience, Unconnected
from oncall.target.schema import Auth, Limits, Postgres, Stack
from oncall.target.secrets import Secrets
from tests.probes.asking import ask, door, why_unknown
from tests.probes.patients import free_port
from tests.probes.postgres_server import postgres

AT = 'connection to server at "127.0.0.1" (::1), port 1 failed:'
PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}
NEEDS_A_SESSION = (
    *("database_answer", "database_writes", "database_clock", "sessions", "statements", "page_checksums"),
    *("indexes", "table_reads", "foreign_keys", "accounts_table", "migrations", "migration_lock"),
)


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        running.run(
            "CREATE ROLE app LOGIN PASSWORD 'pw-app-1'",
            "GRANT pg_read_all_data, pg_write_all_data TO app",
            "CREATE TABLE users (id serial PRIMARY KEY, mail text)",
            "INSERT INTO users (mail) VALUES ('a@example.org')",
            "GRANT SELECT (id) ON users TO oncall",
        )
        yield running


@pytest.fixture(scope="module")
def frail():
    """A second server, to be restarted in all kinds of ways; without checksums."""
    with postgres(checksums=False) as running:
        yield running


@pytest.fixture
def motel(server):
    """The healthy stack; whatever a test changes in the database motel is its own to undo."""
    return stack_of(server)


def stack_of(server, auth=None, **more):
    return Stack(postgres=Postgres(**{"host": "127.0.0.1", "port": server.port, **more}), auth=auth or Auth())


def at(port, host="127.0.0.1"):
    return Stack(postgres=Postgres(host=host, port=port))


@contextlib.contextmanager
def changed(server, statement, back, dbname="postgres"):
    """A change to the server, and its undoing."""
    server.run(statement, dbname=dbname)
    try:
        yield
    finally:
        server.run(back, dbname=dbname)


@contextlib.contextmanager
def listener(talk):
    """A port that accepts and then does what `talk` does."""
    with socket.create_server(("127.0.0.1", 0)) as sock:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    talk(sock.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        yield sock.getsockname()[1]


def wait_for(condition, seconds=3.0):
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.01)


# The attempt to connect


def test_a_healthy_server_gives_every_fact(motel):
    """Nothing about the server is unknown to an account with pg_monitor."""
    with door(motel, PASSWORD) as answer:
        assert answer("database_connection").outcome == "accepted"
        assert answer("database_login").outcome == "accepted"
        assert answer("database_role").state == "primary"
        assert answer("database_role").version.startswith("18")
        assert 0 < answer("database_answer").seconds < 0.5
        assert not answer("database_writes").default_read_only
        assert abs(answer("database_clock").offset_seconds) < 0.5
        assert answer("page_checksums").databases_seen >= 4
        assert answer("sessions").seen >= 1
        assert answer("accounts_table").outcome == "read"


def test_all_looks_at_a_healthy_server_are_quick(motel):
    """Somebody waits: one connection and one round trip a query."""
    began = time.perf_counter()
    with door(motel, PASSWORD) as answer:
        for name in ("database_connection", "connection_slots", "page_checksums", *NEEDS_A_SESSION):
            with contextlib.suppress(CouldNotCheck):
                answer(name)

    assert time.perf_counter() - began < 8


def test_nobody_listens():
    """A refused connection is a fact, and what needs a session points at it."""
    with door(at(free_port()), PASSWORD) as answer:
        fact = answer("database_connection")

        assert (fact.outcome, fact.answered) == ("refused", False)
        assert fact.sentence.startswith("connection refused at 127.0.0.1:")
        for name in ("database_login", "database_role", "connection_slots", *NEEDS_A_SESSION):
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("database_connection")):
                answer(name)


def test_a_silent_port_times_out():
    """A port that accepts and says nothing costs two seconds, no more."""
    kept = []
    with listener(kept.append) as port:
        fact = ask("database_connection", at(port), PASSWORD)

    assert fact.outcome == "timeout"
    assert 1.5 < fact.seconds < 12


@pytest.mark.parametrize(
    ("said", "outcome"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "garbled"), (b"", "closed")], ids=["http", "nothing"]
)
def test_something_else_answers(said, outcome):
    """What is not PostgreSQL is told from a server that is down."""

    def talk(connection):
        with connection:
            connection.recv(64)
            connection.sendall(said)

    with listener(talk) as port:
        assert ask("database_connection", at(port), PASSWORD).outcome == outcome


def test_a_name_that_does_not_resolve():
    """A wrong name is the network's or the target's problem, not the server's."""
    fact = ask("database_connection", at(5432, "no-such-host.invalid"), PASSWORD)

    assert fact.outcome == "unresolved"


def test_an_absent_database_is_not_looked_for():
    """What the target says is not there is skipped."""
    with pytest.raises(NotPart):
        ask("database_connection", Stack(postgres=Postgres(absent=True)))


@pytest.mark.parametrize(
    ("changes", "environment", "sqlstate"),
    [
        ({}, {"ONCALL_DB_PASSWORD": "wrong"}, "28P01"),
        ({"user": "refused"}, PASSWORD, "28000"),
        ({"dbname": "nosuch"}, PASSWORD, "3D000"),
    ],
)
def test_a_refused_login_is_reachable_and_refused(server, changes, environment, sqlstate):
    """A server that refuses us answers; the refusal is one finding, not eleven."""
    with door(stack_of(server, **changes), environment) as answer:
        assert answer("database_connection").answered
        assert (answer("database_login").outcome, answer("database_login").sqlstate) == ("refused", sqlstate)
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("database_login")):
            answer("database_answer")


def test_a_missing_password_is_our_own_problem(motel):
    """The server is seen to answer; the login is unknown, and the variable is named."""
    with door(motel, {}) as answer:
        assert answer("database_connection").answered
        with pytest.raises(CouldNotCheck, match="ONCALL_DB_PASSWORD is not set"):
            answer("database_login")


def test_a_whole_address_is_read_and_its_password_hidden(server):
    """Prisma's own words after the question mark do not confuse, and the password enters no fact."""
    url = f"postgresql://oncall:pw%2Doncall%2D1@127.0.0.1:{server.port}/motel?schema=public&connection_limit=5"
    stack = Stack(postgres=Postgres(url_variable="DATABASE_URL"))
    with door(stack, {"DATABASE_URL": url}) as answer:
        assert answer("database_login").outcome == "accepted"
        assert answer("accounts_table").outcome == "read"
        assert "oncall-1" not in repr(answer("database_connection"))


@pytest.mark.parametrize("url", ["", "motel", "mysql://u:p@h/d", "postgres://", "postgres://h:port:5/d"])
def test_another_address_is_not_guessed_at(url):
    """The reason names the variable and never repeats what it holds."""
    with pytest.raises(CouldNotCheck, match="DATABASE_URL does not hold"):
        from_url(url, Postgres(url_variable="DATABASE_URL"), Secrets({}, None, lambda value: None))


def test_several_hosts_and_odd_passwords():
    """Passwords are learned as written and as meant; several hosts keep their ports."""
    learned = []
    url = "postgres://u:p%40s@[::1]:1,b/d?sslmode=require"
    where = from_url(url, Postgres(url_variable="X"), Secrets({}, None, learned.append))

    assert dict(where.parameters) == {
        "host": "::1,b", "port": "1,5432", "user": "u", "dbname": "d", "password": "p@s", "sslmode": "require",
        "gssencmode": "disable", "require_auth": "scram-sha-256,none",
    }  # fmt: skip
    assert learned == ["p%40s", "p@s"]
    assert where.address == "[::1]:1,b:5432"


@pytest.mark.parametrize(
    ("text", "outcome", "sqlstate"),
    [
        (f"connection failed: {AT} FATAL:  sorry, too many clients already", "rejected", "53300"),
        (f"connection failed: {AT} FATAL:  the database system is starting up", "rejected", "57P03"),
        (f'connection failed: {AT} FATAL:  could not open file "global/pg_filenode.map": Permission denied', "rejected",
         "42501"),
        (f'connection failed: {AT} FATAL:  could not open file "base/5/2601": No such file or directory', "rejected",
         "58P01"),
        (f'connection failed: {AT} FATAL:  could not read file "base/5/2601": Input/output error', "rejected", "58030"),
        (f"connection failed: {AT} FATAL:  Passwort-Authentifizierung fehlgeschlagen", "rejected", ""),
        (f"connection failed: {AT} FATAL:  server login has been failing, cached error: x", "refused", ""),
        (f"connection failed: {AT} Connection refused\n\tIs the server running?", "refused", ""),
        (f"connection failed: {AT} FATAL:  Connection refused", "rejected", ""),
        ("connection is bad: private key file has group or world access", "", ""),
    ],
)  # fmt: skip
def test_failures_are_told_by_their_words(text, outcome, sqlstate):
    """libpq gives no SQLSTATE for a refused connection; words that are not understood are not guessed at."""
    found = failure(Unconnected(text))

    assert (found.outcome, found.sqlstate) == (outcome, sqlstate)


# What the server is


def test_a_standby_is_not_the_primary(frail):
    """A standby answers, and what it is judged for is its role alone."""
    signal_file = frail.folder / "data" / "standby.signal"
    signal_file.touch()
    try:
        frail.ctl("restart", "-m", "fast")
        with door(stack_of(frail), PASSWORD) as answer:
            assert answer("database_role").state == "standby"
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("database_role")):
                answer("database_writes")
        frail.ctl("restart", "-m", "fast", hot_standby="off")
        with door(stack_of(frail), PASSWORD) as answer:
            assert answer("database_role").state in ("recovering", "not accepting connections")
            assert answer("database_connection").answered
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("database_role")):
                answer("database_login")
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("database_role")):
                answer("connection_slots")
    finally:
        signal_file.unlink()
        frail.ctl("restart", "-m", "immediate")


def test_checksums_that_are_off_cannot_say_anything(frail):
    """No failure counted is no evidence when nothing is counted."""
    assert "page checksums are off" in why_unknown("page_checksums", stack_of(frail), PASSWORD)


def test_statements_that_are_not_tracked_are_three_different_unknowns(frail, server):
    """Not created, not loaded, no privilege: each has its own mend."""
    frail.run("DROP EXTENSION IF EXISTS pg_stat_statements")
    assert "CREATE EXTENSION" in why_unknown("statements", stack_of(frail), PASSWORD)
    frail.run("CREATE EXTENSION pg_stat_statements")
    frail.ctl("restart", "-m", "fast", shared_preload_libraries="")
    assert "shared_preload_libraries" in why_unknown("statements", stack_of(frail), PASSWORD)
    frail.ctl("restart", "-m", "fast")
    with changed(server, "REVOKE pg_monitor FROM oncall", "GRANT pg_monitor TO oncall"):
        for name in ("statements", "sessions", "connection_slots"):
            assert "GRANT pg_monitor TO oncall" in why_unknown(name, stack_of(server), PASSWORD)


@pytest.mark.parametrize(("version", "word"), [("1.7", "mean_time"), ("1.8", "mean_exec_time")])
def test_the_extension_s_version_decides_on_the_columns(frail, version, word):
    """After pg_upgrade the extension often stays old; its columns are then the old ones."""
    frail.run("DROP EXTENSION IF EXISTS pg_stat_statements", f"CREATE EXTENSION pg_stat_statements VERSION '{version}'")
    frail.run(*["SELECT count(*) FROM pg_class"] * 6)
    fact = ask("statements", stack_of(frail), PASSWORD)

    assert fact.version == version
    assert any("pg_class" in one.query for one in fact.slowest)


def test_a_frozen_server_is_a_timeout_and_then_unknown(motel):
    """A backend that does not answer at all costs a second and a half, once."""
    with door(motel, PASSWORD) as answer:
        pid = answer("database_role") and our_pid(motel)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.perf_counter()
            fact = answer("database_answer")
            with pytest.raises(CouldNotCheck, match="stopped answering"):
                answer("sessions")
        finally:
            os.kill(pid, signal.SIGCONT)

    assert fact.timed_out
    assert 1 < time.perf_counter() - began < 12


def our_pid(stack):
    import psycopg

    with psycopg.connect(host="127.0.0.1", port=stack.postgres.port, dbname="motel", user="postgres") as connection:
        found = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'oncall'").fetchall()
    assert len(found) == 1, "one connection for all looks"
    return found[0][0]


def test_a_lost_connection_makes_the_rest_unknown(server, motel):
    """An administrator's shutdown in the middle is a reason, not a crash."""
    with door(motel, PASSWORD) as answer:
        answer("database_role")
        server.run(f"SELECT pg_terminate_backend({our_pid(motel)})")
        with pytest.raises(CouldNotCheck, match="connection was lost"):
            answer("sessions")
        with pytest.raises(CouldNotCheck, match="connection was lost"):
            answer("indexes")


class Setting(Struct):
    it: str


def test_the_session_guards_itself(motel):
    """A slow query ends after a second, a write is refused, and neither disturbs the next query."""
    with door(motel, PASSWORD) as answer:
        session = answer("database_session")
        with pytest.raises(CouldNotCheck, match="statement timeout"):
            session.rows(One, "SELECT pg_sleep(5)")
        with pytest.raises(CouldNotCheck, match="25006"):
            session.rows(One, "SELECT lo_create(0)")
        assert session.row(Setting, "SELECT current_setting('lock_timeout') AS it").it == "200ms"


def test_nothing_stays_behind(server, motel):
    """The connection is closed with the run, and no setting outlives its own transaction."""
    with door(motel, PASSWORD) as answer:
        session = answer("database_session")
        session.row(One, "SELECT 1 AS one")
        done = session._wire.ask("SHOW statement_timeout", Patience(1)).rows
    wait_for(lambda: not clients(server))

    assert done == ((b"0",),)
    assert clients(server) == 0


def clients(server):
    with server.connect("postgres") as connection:
        return connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'oncall'").fetchone()[
            0
        ]


# Writes and slots


def test_a_read_only_database_is_told_from_our_own_guard(server, motel):
    """Our look is read-only by itself; the finding is about everybody's sessions."""
    set_to, reset = "ALTER {} SET default_transaction_read_only = on", "ALTER {} RESET default_transaction_read_only"
    with changed(server, set_to.format("DATABASE motel"), reset.format("DATABASE motel")):
        fact = ask("database_writes", motel, PASSWORD)
    with changed(server, set_to.format("ROLE app"), reset.format("ROLE app")):
        other = ask("database_writes", motel, PASSWORD)
    with changed(server, set_to.format("ROLE oncall"), reset.format("ROLE oncall")):
        reason = why_unknown("database_writes", motel, PASSWORD)

    assert (fact.default_read_only, fact.set_by) == (True, "database")
    assert (other.default_read_only, other.read_only_writers) == (False, ("app",))
    assert other.read_only == "new sessions of the role app"
    assert "ALTER ROLE oncall RESET" in reason


def test_roles_that_are_to_be_read_only_are_no_problem(server, motel):
    """A role for reports, or a superuser who protects himself, is read-only on purpose."""
    for role in ("CREATE ROLE report LOGIN IN ROLE pg_read_all_data", "CREATE ROLE report LOGIN SUPERUSER"):
        with (
            changed(server, role, "DROP ROLE report"),
            changed(server, "ALTER ROLE report SET default_transaction_read_only = on", "ALTER ROLE report RESET ALL"),
        ):
            assert ask("database_writes", motel, PASSWORD).read_only is None


def test_slots_are_counted_without_ours(server, motel):
    """The limit leaves the reserve out, and the holders are named."""
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(server.connect(user="app", password="pw-app-1", application_name="shop"))
        fact = ask("connection_slots", motel, PASSWORD)

    assert (fact.limit, fact.used, fact.free, fact.by_state) == (17, 12, 5, {"idle": 12})
    assert (fact.holders[0].application, fact.holders[0].count) == ("shop", 12)


def test_no_free_slot_is_a_fact_without_a_session(server, motel):
    """53300 is an answer: the check fails, while what needs a session points at it."""
    with contextlib.ExitStack() as stack:
        for _ in range(17):
            stack.enter_context(server.connect(user="app", password="pw-app-1"))
        with door(motel, PASSWORD) as answer:
            fact = answer("connection_slots")
            assert answer("database_connection").answered
            with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("connection_slots")):
                answer("database_login")

    assert (fact.refused, fact.free, fact.symptom) == (True, 0, "no connection slot is free")


def test_limits_of_a_role_are_named(server, motel):
    """A role's own limit stops its users although the server has slots left."""
    with (
        changed(server, "ALTER ROLE app CONNECTION LIMIT 2", "ALTER ROLE app CONNECTION LIMIT -1"),
        server.connect(user="app", password="pw-app-1"),
        server.connect(user="app", password="pw-app-1"),
    ):
        fact = ask("connection_slots", motel, PASSWORD)
    with changed(server, "ALTER ROLE oncall CONNECTION LIMIT 0", "ALTER ROLE oncall CONNECTION LIMIT -1"):
        own = ask("connection_slots", motel, PASSWORD)

    assert fact.full == ("role app (2 of 2)",)
    assert fact.symptom == "the connection limit is reached for role app (2 of 2)"
    assert own.symptom == "no connection slot is free for role oncall"


# Integrity


def test_a_damaged_page_is_counted(server, motel):
    """A page that was changed on disk fails its checksum when it is read, and the server remembers."""
    server.run("CREATE TABLE harmed AS SELECT generate_series(1, 1000) AS n", "CHECKPOINT")
    with server.connect() as connection:
        path = connection.execute("SELECT pg_relation_filepath('harmed')").fetchone()[0]
    server.ctl("stop", "-m", "fast")
    with (server.folder / "data" / path).open("r+b") as file:
        file.seek(4000)
        file.write(b"damage")
    server.ctl("start")
    try:
        with server.connect() as connection, contextlib.suppress(Exception):
            connection.execute("SELECT sum(n) FROM harmed")
        fact = ask("page_checksums", motel, PASSWORD)
        server.run("GRANT SELECT ON harmed TO oncall")
        table = ask("accounts_table", stack_of(server, Auth(accounts_table="harmed")), PASSWORD)
    finally:
        server.run("DROP TABLE harmed", "SELECT pg_stat_reset()")

    assert fact.failures >= 1
    assert (fact.damaged[0].database, fact.damaged[0].last is not None) == ("motel", True)
    assert (table.outcome, table.sqlstate) == ("damaged", "XX001")


@pytest.mark.parametrize(
    ("line", "speaks"),
    [
        ("PANIC:  could not locate a valid checkpoint record", True),
        ("ERROR:  invalid page in block 7 of relation base/5/1234", True),
        ("WARNING:  page verification failed, calculated checksum 1 but expected 2", True),
        ("PANIC:  could not write to file: No space left on device", False),
        ('PANIC:  could not open file "/data/17/docker/global/pg_control": Permission denied', False),
        ("PANIC:  could not fsync file: Read-only file system", False),
        ('FATAL:  could not open file "base/5/2601": No such file or directory', True),
        ('FATAL:  could not open file "base/5/2601": Permission denied', False),
        ("2026-11-25 10:00:00.123 UTC [7] DETAIL:  Key (username)=(PANIC) already exists.", False),
        ('{"error_severity":"PANIC","message":"corrupted item pointer"}', True),
        ("STATEMENT:  SELECT 'invalid page in block'", False),
        ("LOG:  database system is ready to accept connections", False),
    ],
)
def test_signs_of_damage_are_told_from_other_lines(line, speaks):
    """A full disk is not damage, and a quoted statement is not a message."""
    assert telling(line) is speaks


# Statements and sessions


def test_slow_statements_are_found_by_their_average(server, motel):
    """Often enough and slow on average; literals do not leave the database."""
    server.run("SELECT pg_stat_statements_reset()")
    server.run(*["SELECT mail, pg_sleep(0.02), 'secret words' FROM users WHERE id = 1"] * 5)
    server.run("SELECT pg_sleep(0.1), 'once'")
    limits = Limits(query_mean_seconds=0.01)
    fact = ask("statements", motel, PASSWORD, limits)

    (slow,) = fact.slow(0.01, 5)
    assert slow.calls == 5
    assert "FROM users" in slow.query
    assert "secret" not in repr(fact)
    assert not any("oncall" in one.query for one in fact.slowest)


def test_a_plan_is_shown_where_it_may_be_seen(server, motel):
    """The plan is made, not run, and only with the privilege to read the table."""
    with changed(server, "GRANT pg_read_all_data TO oncall", "REVOKE pg_read_all_data FROM oncall"):
        server.run("SELECT pg_stat_statements_reset()")
        server.run(*["SELECT count(*), pg_sleep(0.02) FROM users WHERE mail = 'x'"] * 5)
        fact = ask("statements", motel, PASSWORD, Limits(query_mean_seconds=0.01))

    assert "Seq Scan on users" in fact.slow(0.01, 5)[0].plan


def test_nothing_tracked_is_no_evidence(server, motel):
    """Right after a reset the view is empty, and an empty view proves nothing."""
    server.run("SELECT pg_stat_statements_reset()")
    reason = why_unknown("statements", motel, PASSWORD)

    assert "no statement" in reason


def test_who_blocks_whom_is_named(server, motel):
    """The waiting session, and at the end of the queue the one that is idle in its transaction."""
    with (
        server.connect(user="app", password="pw-app-1", application_name="shop") as holder,
        server.connect(user="app", password="pw-app-1", application_name="worker") as waiter,
        server.connect(user="app", password="pw-app-1", application_name="report") as runner,
    ):
        holder.execute("BEGIN; UPDATE users SET mail = 'hidden@example.org'")
        threads = [
            threading.Thread(target=run_quietly, args=(waiter, "UPDATE users SET mail = 'b'")),
            threading.Thread(target=run_quietly, args=(runner, "SELECT pg_sleep(10)")),
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        fact = ask("sessions", motel, PASSWORD)
        for connection in (waiter, runner):
            connection.cancel()
        for thread in threads:
            thread.join()
        holder.execute("ROLLBACK")

    (blocked,), (idle,), (running,) = fact.blocked_over(0.2), fact.idle_over(0.2), fact.running_over(0.2)
    assert (blocked.waiting.application, blocked.root.application, blocked.root.state) == (
        "worker", "shop", "idle in transaction",
    )  # fmt: skip
    assert idle.application == "shop"
    assert running.application == "report"
    assert fact.seen == 4
    assert "hidden" not in repr(fact)


def run_quietly(connection, sql):
    with contextlib.suppress(Exception):
        connection.execute(sql)


def test_a_database_of_healthy_sessions_has_no_offenders(motel):
    """Our own session is seen and accuses nobody."""
    fact = ask("sessions", motel, PASSWORD)

    assert (fact.seen, fact.running, fact.idle, fact.blocked) == (1, (), (), ())


# Tables and indexes


def test_broken_and_missing_indexes_are_found(server, motel):
    """An invalid index, a large table that is read in full, a foreign key without an index; and all is well without."""
    healthy = ask("indexes", motel, PASSWORD), ask("table_reads", motel, PASSWORD), ask("foreign_keys", motel, PASSWORD)
    server.run(
        "CREATE TABLE tasks (id int PRIMARY KEY, owner int REFERENCES users, name text)",
        "INSERT INTO tasks SELECT n, 1, 'same' FROM generate_series(1, 12000) n",
        "ANALYZE tasks",
    )
    try:
        with contextlib.suppress(Exception):
            server.run("CREATE UNIQUE INDEX CONCURRENTLY tasks_name ON tasks (name)")
        server.run(*["SELECT count(*) FROM tasks WHERE owner = 5"] * 12)
        invalid, keys = ask("indexes", motel, PASSWORD), ask("foreign_keys", motel, PASSWORD)
        wait_for(lambda: ask("table_reads", motel, PASSWORD).read_in_full(10000, 95))
        (table,) = ask("table_reads", motel, PASSWORD).read_in_full(10000, 95)
        server.run("DROP INDEX tasks_name", "CREATE INDEX ON tasks (owner)")
        mended, key_mended = ask("indexes", motel, PASSWORD), ask("foreign_keys", motel, PASSWORD)
    finally:
        server.run("DROP TABLE tasks")

    assert not healthy[0].invalid
    assert not healthy[1].read_in_full(10000, 95)
    assert not healthy[2].unindexed
    assert invalid.invalid == ("public.tasks_name on tasks",)
    assert (table.table, table.full_scans >= 12, table.index_percent < 95) == ("tasks", True, True)
    assert [(key.table, key.columns) for key in keys.on_large_tables(10000)] == [("tasks", ("owner",))]
    assert not mended.invalid
    assert not key_mended.on_large_tables(10000)


@pytest.mark.parametrize("name", ["indexes", "table_reads", "foreign_keys"])
def test_a_database_without_tables_proves_nothing(server, name):
    """Looking into the wrong database must not pass."""
    assert "no tables" in why_unknown(name, stack_of(server, dbname="postgres"), PASSWORD)


# Accounts and migrations


def test_the_accounts_table_s_problems_are_told_apart(server):
    """Missing, empty, forbidden, in a schema of its own, behind row security, locked."""
    server.run(
        "CREATE SCHEMA auth",
        'CREATE TABLE auth."Account" (id int)',
        "CREATE TABLE empty (id int)",
        "CREATE TABLE guarded (id int)",
        "INSERT INTO guarded VALUES (1)",
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE forbidden (id int)",
        "GRANT SELECT ON empty, guarded TO oncall",
    )

    def look(table):
        return ask("accounts_table", stack_of(server, Auth(accounts_table=table)), PASSWORD).outcome

    def unknown(table):
        return why_unknown("accounts_table", stack_of(server, Auth(accounts_table=table)), PASSWORD)

    assert look("nosuch") == "missing"
    assert look("empty") == "empty"
    assert "GRANT SELECT (id) ON forbidden TO oncall" in unknown("forbidden")
    assert "row security" in unknown("guarded")
    assert "GRANT USAGE ON SCHEMA auth TO oncall" in unknown("auth.Account")
    assert "GRANT USAGE ON SCHEMA auth TO oncall" in unknown("Account")
    server.run('INSERT INTO auth."Account" VALUES (1)', "GRANT USAGE ON SCHEMA auth TO oncall")
    server.run('GRANT SELECT ON auth."Account" TO oncall')
    assert look("auth.Account") == "read"
    with server.connect(application_name="deploy") as holder:
        holder.execute("BEGIN; LOCK TABLE users")
        reason = unknown("users")
    assert "the accounts table users is locked by pid" in reason
    assert "deploy" in reason


def test_a_stack_without_a_login_keeps_its_tables(server):
    """They are the database's: judged where they are there or named, and skipped only by default."""

    def declared(**auth):
        return stack_of(server, Auth(absent=True, **auth))

    server.run("CREATE TABLE IF NOT EXISTS members (id int)", "GRANT SELECT ON members TO oncall")
    assert ask("accounts_table", declared(accounts_table="members"), PASSWORD).outcome == "empty"
    assert ask("accounts_table", declared(accounts_table="gone"), PASSWORD).outcome == "missing"
    assert not ask("migrations", declared(migrations_table="gone"), PASSWORD).exists
    server.run("ALTER TABLE IF EXISTS users RENAME TO users_aside")
    try:
        assert "no authentication" in why_unknown("accounts_table", declared(), PASSWORD)
    finally:
        server.run("ALTER TABLE IF EXISTS users_aside RENAME TO users")


SCRIPT = b"CREATE TABLE users ();\n"
PRISMA = """CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
  finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)"""


@pytest.fixture
def prisma(server):
    """The migrations table with two migrations applied."""
    digest = hashlib.sha256(SCRIPT).hexdigest()
    server.run(
        PRISMA,
        "GRANT SELECT ON _prisma_migrations TO oncall",
        f"INSERT INTO _prisma_migrations VALUES ('1', '{digest}', now(), '01_init')",
        f"INSERT INTO _prisma_migrations VALUES ('2', '{digest}', now(), '02_mail')",
    )
    yield server
    server.run("DROP TABLE _prisma_migrations")


def test_no_migrations_table_is_a_fact_and_none_expected_is_skipped(server):
    """A database that was never migrated fails; a stack without Prisma says so in its target."""
    assert not ask("migrations", stack_of(server), PASSWORD).exists
    with pytest.raises(NotPart):
        ask("migrations", stack_of(server, Auth(migrations_table="")), PASSWORD)


def test_a_failed_migration_is_told_from_one_that_runs(prisma):
    """Begun and not finished is failed, unless it began just now and somebody holds the migration lock."""
    healthy = ask("migrations", stack_of(prisma), PASSWORD)
    prisma.run(
        "INSERT INTO _prisma_migrations (id, checksum, migration_name, logs) VALUES ('3', 'x', '03_tasks', "
        "'A migration failed to apply.\n\nERROR: column \"x\" of ''anna'' does not exist')"
    )
    failed = ask("migrations", stack_of(prisma), PASSWORD)
    with prisma.connect(application_name="prisma") as holder:
        holder.execute("SELECT pg_advisory_lock(72707369)")
        running = ask("migrations", stack_of(prisma), PASSWORD)
        time.sleep(0.1)
        lock = ask("migration_lock", stack_of(prisma), PASSWORD)
    prisma.run("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE id = '3'")
    mended = ask("migrations", stack_of(prisma), PASSWORD)

    new, mended_row = failed.newest[0], mended.newest[0]
    assert (healthy.rows, healthy.failed) == (2, ())
    assert {one.name for one in healthy.newest if one.started_at and one.finished_at} == {"01_init", "02_mail"}
    assert (new.name, new.finished_at, new.rolled_back_at) == ("03_tasks", None, None)
    assert new.started_at == mended_row.started_at < mended_row.rolled_back_at
    assert [(one.name, "column" in one.reason, "anna" in one.reason) for one in failed.failed] == [
        ("03_tasks", True, False)
    ]
    assert (running.failed, running.running) == ((), ("03_tasks",))
    assert (lock.holder, lock.state) == ("prisma", "idle")
    assert lock.seconds > 0
    assert not mended.failed


def test_a_free_migration_lock_was_looked_at(motel):
    """No holder is only good news when locks were seen."""
    fact = ask("migration_lock", motel, PASSWORD)

    assert fact.holder_pid is None
    assert fact.locks_seen > 0


def test_the_folder_is_compared_with_what_is_applied(prisma, tmp_path):
    """Pending, foreign and edited migrations; another system's line ends are no edit."""
    stack = stack_of(prisma, Auth(migrations_folder=str(tmp_path)))
    for name, script in (("01_init", SCRIPT.replace(b"\n", b"\r\n")), ("02_mail", SCRIPT)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").write_bytes(script)
    same = ask("migration_drift", stack, PASSWORD)
    (tmp_path / "02_mail").rename(tmp_path / "03_new")
    (tmp_path / "01_init" / "migration.sql").write_bytes(b"edited")
    drift = ask("migration_drift", stack, PASSWORD)

    assert (same.pending, same.foreign, same.edited) == ((), (), ())
    assert (drift.pending, drift.foreign, drift.edited) == (("03_new",), ("02_mail",), ("01_init",))


def test_a_folder_that_is_not_there_is_unknown(prisma, tmp_path):
    """A wrong path must not pass as "nothing pending"."""
    missing = stack_of(prisma, Auth(migrations_folder=str(tmp_path / "none")))
    empty = stack_of(prisma, Auth(migrations_folder=str(tmp_path)))

    assert "is not there" in why_unknown("migration_drift", missing, PASSWORD)
    assert "holds no migration" in why_unknown("migration_drift", empty, PASSWORD)


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT * FROM t WHERE a = 'x''y' AND b = 12.5", "SELECT * FROM t WHERE a = ? AND b = ?"),
        ("SELECT $1, t1.c2 FROM t1 WHERE a = 'cut off in the mid", "SELECT $1, t1.c2 FROM t1 WHERE a = ?"),
        ('SELECT "it\'s" FROM t', 'SELECT "it\'s" FROM t'),
        ("DO $$ secret $$", "DO ?"),
        ("DO $x$ a $y$ secret $x$; SELECT b", "DO ?; SELECT b"),
        ("DO $x$ cut off $", "DO ?"),
        ("SELECT a$b$c, E'it\\'s secret', U&'\\0041', x'1F', .5, 1e-5, -3", "SELECT a$b$c, ?, ?, ?, ?, ?, -?"),
        ("SELECT a -- it's\nFROM t /* user='anna' */ WHERE b LIKE'x'", "SELECT a FROM t WHERE b LIKE?"),
        ("INSERT INTO \"Users\"\n  VALUES ($1, 'a')", 'INSERT INTO "Users" VALUES ($1, ?)'),
        ("UPDATE t SET a = 'x' WHERE (id)=(5)", "UPDATE t SET a = ? WHERE (id)=(?)"),
    ],
)
def test_literals_leave_no_statement(sql, shown):
    """Values are data of people; verbs and names are not. (A cut literal hides everything to the end.)"""
    assert masked(sql) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('invalid input syntax for type integer: "4711x"', "invalid input syntax for type integer: ?"),
        ('relation "users" does not exist', 'relation "users" does not exist'),
        ("DETAIL:  Key (mail, x)=(a@b (c), 5) already exists.", "DETAIL: Key (mail, x)=(?) already exists."),
        ("DETAIL:  Failing row contains (1, a, secret", "DETAIL: Failing row contains (?"),
        ("2026-11-25 10:00:00.123 UTC [7] ERROR:  invalid page in block 7 of relation base/5/1234",
         "2026-11-25 10:00:00.123 UTC [7] ERROR: invalid page in block 7 of relation base/5/1234"),
        ("2026-11-25 10:00:00 UTC STATEMENT:  SELECT 5 FROM t", "2026-11-25 10:00:00 UTC STATEMENT: SELECT ? FROM t"),
        ("the server doesn't know 'anna'", "the server doesn't know ?"),
        ('COPY users, line 2, column mail: "a@b"', "COPY users, line 2, column mail: ?"),
    ],
)  # fmt: skip
def test_values_leave_no_message(text, shown):
    """A message keeps its numbers, times and names; what it quotes of a row goes."""
    assert error_text(text) == shown
