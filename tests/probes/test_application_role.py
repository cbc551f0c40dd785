"""The application's roles, as a real server's catalogue describes them to an account with pg_monitor."""

import contextlib

import pytest

from oncall.facts.application_role import ApplicationRole, milliseconds
from oncall.probes.containers.database_logins import logins, told
from oncall.runtimes.runtime import Attachment, Container, Project
from oncall.target.schema import Auth, Postgres, Stack
from oncall.testing import look
from tests.probes.asking import why_unknown
from tests.probes.postgres_server import postgres

PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        running.run(
            "CREATE ROLE app LOGIN PASSWORD 'pw-app-1'",
            "CREATE TABLE users (id serial PRIMARY KEY, mail text)",
            "CREATE TABLE tasks (id serial PRIMARY KEY)",
            "ALTER TABLE tasks OWNER TO app",
            "GRANT ALL ON users TO app",
            "CREATE SCHEMA legacy",
            "CREATE DATABASE other",
        )
        yield running


@contextlib.contextmanager
def changed(server, statement, back):
    server.run(statement)
    try:
        yield
    finally:
        server.run(back)


def process(**environment):
    return Container(id="b", name="api", service="backend", status="running", kind="process", environment=environment)


def asked(server, *containers, auth=None):
    stack = Stack(postgres=Postgres(host="127.0.0.1", port=server.port), auth=auth or Auth())
    return look("application_roles", stack, environment=PASSWORD, given={"project": Project("motel", containers)})


def backend(server, user="app", database="motel"):
    return process(DATABASE_URL=f"postgresql://{user}:s3cret%40@127.0.0.1:{server.port}/{database}?schema=public")


def test_a_healthy_role_has_no_problem(server):
    """It is known by the variable, and its password is no part of the fact."""
    fact = asked(server, backend(server))

    (role,) = fact.roles
    assert (role.name, role.known_by, role.source) == ("app", "variable", "DATABASE_URL of backend")
    assert fact.refused == fact.hindered == fact.elsewhere == ()
    assert "s3cret" not in repr(fact)


def test_without_a_variable_the_owner_of_tables_is_known(server):
    """And with no table of anybody's it is unknown."""
    (role,) = asked(server).roles

    assert (role.name, role.known_by) == ("app", "ownership")
    with changed(server, "ALTER TABLE tasks OWNER TO postgres", "ALTER TABLE tasks OWNER TO app"):
        stack = Stack(postgres=Postgres(host="127.0.0.1", port=server.port))
        assert "is not known" in why_unknown("application_roles", stack, PASSWORD)


def test_a_session_tells_before_ownership(server):
    """Whoever is connected is the application."""
    server.run("CREATE ROLE reports LOGIN PASSWORD 'pw-reports-1'")
    with server.connect(user="reports", password="pw-reports-1"):
        (role,) = asked(server).roles

    assert (role.name, role.known_by) == ("reports", "session")


@pytest.mark.parametrize(
    ("statement", "back", "words", "quoted"),
    [
        ("ALTER ROLE app VALID UNTIL '2020-01-01 00:00:00+00'", "ALTER ROLE app VALID UNTIL 'infinity'",
         "has a password that expired on 2020-01-01", "rolvaliduntil = 2020-01-01"),
        ("ALTER ROLE app CONNECTION LIMIT 0", "ALTER ROLE app CONNECTION LIMIT -1", "has a connection limit of 0",
         "rolconnlimit = 0"),
        ("ALTER ROLE app NOLOGIN", "ALTER ROLE app LOGIN", "is not permitted to log in", "rolcanlogin = f"),
        ("REVOKE CONNECT ON DATABASE motel FROM PUBLIC; GRANT CONNECT ON DATABASE motel TO oncall",
         "GRANT CONNECT ON DATABASE motel TO PUBLIC", "lacks the privilege CONNECT", "has_database_privilege"),
    ],
)  # fmt: skip
def test_why_a_role_is_not_let_in(server, statement, back, words, quoted):
    """In the words of the server's catalogue."""
    with changed(server, statement, back):
        (role,) = asked(server, backend(server)).refused

    assert words in role.refusal[0]
    assert quoted in role.refusal[1]


@pytest.mark.parametrize(
    ("statement", "back", "words"),
    [
        ("ALTER ROLE app SET search_path = legacy", "ALTER ROLE app RESET search_path",
         "has search_path = legacy, where no table is"),
        ("ALTER DATABASE motel SET search_path = legacy", "ALTER DATABASE motel RESET search_path", "search_path"),
        ("CREATE TABLE legacy.old (); ALTER ROLE app IN DATABASE motel SET search_path = legacy",
         "DROP TABLE legacy.old; ALTER ROLE app IN DATABASE motel RESET search_path", "where users is not"),
        ("ALTER ROLE app SET statement_timeout = 1", "ALTER ROLE app RESET statement_timeout",
         "has statement_timeout = 1"),
        ("ALTER ROLE app SET session_replication_role = replica", "ALTER ROLE app RESET session_replication_role",
         "triggers and foreign keys are off"),
        ("REVOKE SELECT ON tasks FROM app", "GRANT SELECT ON tasks TO app", "may not read public.tasks"),
        ("REVOKE SELECT ON users FROM app", "GRANT SELECT ON users TO app", "may not read users"),
        ("REVOKE USAGE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO oncall",
         "GRANT USAGE ON SCHEMA public TO PUBLIC", "may not use the schema public"),
    ],
)  # fmt: skip
def test_why_statements_fail(server, statement, back, words):
    """A setting, a schema or a privilege."""
    with changed(server, statement, back):
        fact = asked(server, backend(server))

    assert words in fact.hindered[0].hindrance[0]
    assert fact.refused == ()


@pytest.mark.parametrize(
    ("statement", "back"),
    [
        ("ALTER ROLE app SET search_path = '$user', public", "ALTER ROLE app RESET search_path"),
        ("ALTER ROLE app SET search_path = ''", "ALTER ROLE app RESET search_path"),
        ("ALTER ROLE app SET statement_timeout = '30s'", "ALTER ROLE app RESET statement_timeout"),
        ("ALTER ROLE app SET statement_timeout = 0", "ALTER ROLE app RESET statement_timeout"),
        ("CREATE TABLE audit (); GRANT INSERT ON audit TO app", "DROP TABLE audit"),
        ("CREATE TABLE hidden ()", "DROP TABLE hidden"),
        (
            "CREATE SCHEMA api; CREATE VIEW api.users AS SELECT 1; ALTER ROLE app SET search_path = api",
            "DROP SCHEMA api CASCADE; ALTER ROLE app RESET search_path",
        ),
        ("ALTER ROLE app VALID UNTIL '2999-01-01'", "ALTER ROLE app VALID UNTIL 'infinity'"),
        ("ALTER ROLE oncall SET statement_timeout = 50", "ALTER ROLE oncall RESET statement_timeout"),
    ],
)
def test_what_is_meant_is_no_fault(server, statement, back):
    """A table to write into alone, a longer timeout, a path that holds the tables."""
    with changed(server, statement, back):
        fact = asked(server, backend(server))

    assert fact.refused == fact.hindered == fact.elsewhere == ()


def test_another_database_in_the_variable(server):
    """One that is there, and one that is not."""
    (there,) = asked(server, backend(server, database="other")).elsewhere
    (gone,) = asked(server, backend(server, database="motel_old")).elsewhere

    assert (there.name, there.exists, there.variable) == ("other", True, "DATABASE_URL")
    assert (gone.name, gone.exists) == ("motel_old", False)


def test_a_role_that_is_gone(server):
    """The variable names it, the catalogue does not."""
    (role,) = asked(server, backend(server, user="app2")).refused

    assert role.refusal[0] == "does not exist"


@pytest.mark.parametrize(
    ("environment", "login"),
    [
        ({"DATABASE_URL": "postgres://app:p%40ss:w/@db:6432/main?sslmode=require"}, ("db", 6432, "app", "main")),
        ({"X": '"postgresql+asyncpg://a%40b@db/main"'}, ("db", 5432, "a@b", "main")),
        ({"URL": "jdbc:postgresql://db:5432/main"}, ("db", 5432, "", "main")),
        ({"DATABASE_URL": "postgresql://app:x@db"}, ("db", 5432, "app", "app")),
        ({"PGHOST": "db", "PGUSER": "app", "PGDATABASE": "main", "PGPORT": "5433"}, ("db", 5433, "app", "main")),
        ({"SHOP_DB_HOST": "db", "SHOP_DB_USER": "app", "SHOP_DB_NAME": "main"}, ("db", 5432, "app", "main")),
    ],
)
def test_logins_in_variables(environment, login):
    """Whole addresses, and single words of one prefix."""
    (found,) = told(process(**environment))

    assert (found.host, found.port, found.user, found.database) == login


def test_only_logins_to_this_database_count():
    """A container's localhost is the container, and another server's name is another server."""
    net = {"motel_default": Attachment(network_id="n", address="172.18.0.2", aliases=("db",))}
    server = Container(id="d", name="motel-db-1", service="postgres", status="running", networks=net,
                       environment={"URL": "postgres://self@localhost/x"})  # fmt: skip

    def client(url):
        return Container(id="c", name="api", service="backend", status="running", environment={"DATABASE_URL": url})

    def users(url):
        return [one.user for one in logins(Stack(), Project("motel", (server, client(url))))]

    assert users("postgres://app:x@db/motel") == users("postgres://app:x@172.18.0.2/motel") == ["app"]
    assert users("postgres://app:x@localhost/motel") == users("postgres://app:x@elsewhere/motel") == []


def test_durations_as_the_server_writes_them():
    """Without a unit they are in milliseconds."""
    written = {"1": 1, "500ms": 500, "2s": 2000, "1min": 60000, "0": 0, "-1": 0, "x": 0, "": 0}
    assert {one: milliseconds(one) for one in written} == written
    role = ApplicationRole(name="app", known_by="variable", settings={}, connection_limit=0, superuser=True)
    assert role.refusal == ("", "")


UNHIDE = "ALTER TABLE tasks DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"


@pytest.mark.parametrize(
    ("statement", "back", "hidden"),
    [
        ("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY", UNHIDE, ()),  # the owner sees all rows
        ("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", UNHIDE, ("public.tasks",)),
        (
            "CREATE POLICY own ON tasks TO app USING (true); ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, "
            "FORCE ROW LEVEL SECURITY",
            f"DROP POLICY own ON tasks; {UNHIDE}",
            (),
        ),
        (
            "CREATE POLICY adds ON tasks FOR INSERT TO app WITH CHECK (true); "
            "ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            f"DROP POLICY adds ON tasks; {UNHIDE}",
            ("public.tasks",),
        ),
        (
            "ALTER ROLE app BYPASSRLS; ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            f"ALTER ROLE app NOBYPASSRLS; {UNHIDE}",
            (),
        ),
    ],
)
def test_rows_are_hidden_where_no_policy_lets_the_role_read(server, statement, back, hidden):
    """Enabled counts for all but the owner, forced for the owner as well; a policy for INSERT lets nobody read."""
    with changed(server, statement, back):
        (role,) = asked(server, backend(server)).roles

    assert (role.hidden, role.accounts_hidden) == (hidden, False)


def test_hidden_accounts_are_told_apart(server):
    """They are those of the login."""
    with changed(server, "ALTER TABLE users ENABLE ROW LEVEL SECURITY", "ALTER TABLE users DISABLE ROW LEVEL SECURITY"):
        fact = asked(server, backend(server), auth=Auth(accounts_table="users"))

    assert [one.name for one in fact.without_accounts] == ["app"]
    assert fact.without_rows == ()
