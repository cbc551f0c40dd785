"""The README's own set-up of the database is enough for the whole suite, and gives no more than it says."""

import re
import secrets

import psycopg
import pytest

from stack import lifecycle
from tests.integration.playbook_runs import ROOT

pytestmark = pytest.mark.stack

MARK = "<!-- executed by tests/integration/test_least_privilege.py -->"
IN_README = "choose-one"


def shown():
    """The statements that the README tells people to run."""
    block = re.search(rf"{MARK}\s*```sql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [statement.strip() for statement in block[1].split(";") if statement.strip()]


PASSWORD = "p@ss:/" + secrets.token_urlsafe(12)


@pytest.fixture(scope="module")
def least(home):
    """A stack whose role `oncall` is what the README makes of it, and nothing else."""
    stack = lifecycle.running(home)
    stack.sql("DROP OWNED BY oncall; DROP ROLE oncall")
    for statement in shown():
        stack.sql(statement.replace(IN_README, PASSWORD))
    stack.edit_secrets(ONCALL_DB_PASSWORD=PASSWORD)
    yield stack
    lifecycle.heal(home, lambda text: None)


def login(stack, password):
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.ports["postgres"],
        user="oncall",
        password=password,
        dbname="motel",
        autocommit=True,
        connect_timeout=5,
    )


def as_oncall(stack, statement):
    """What the role gets for a statement: rows, or the SQLSTATE that refuses it."""
    with login(stack, PASSWORD) as session:
        try:
            return session.execute(statement).fetchall()
        except psycopg.Error as error:
            return error.sqlstate


def test_password_of_the_readme_is_never_set(least):
    """The word in the README is replaced, so that nobody's password is a public one."""
    assert IN_README in " ".join(shown())
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(least, IN_README)


def test_least_privilege_is_enough(least, runs):
    """Every check passes or is skipped: nothing is unknown for want of a privilege."""
    run = runs(least.home.target)

    assert run.checks("failed", "unknown", "error") == set(), run.screen
    assert run.code == 0
    assert "test_accounts_table_is_readable" in run.checks("passed")


def test_role_can_do_what_the_suite_does(least):
    """So that the refusals below are the privileges', and not the login's."""
    assert as_oncall(least, "SELECT 1 FROM users LIMIT 1") == [(1,)]
    assert as_oncall(least, "SELECT count(*) FROM _prisma_migrations") == [(3,)]


REFUSED = "42501"  # insufficient_privilege


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (username, password_hash) VALUES ('x', 'x')",
        "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'x', 'x')",
        "UPDATE users SET username = 'x'",
        "DELETE FROM users",
        "TRUNCATE users",
        "SELECT count(title) FROM tasks",
        "SELECT password_hash FROM users",
        "SELECT username FROM users",
        "CREATE TABLE public.mine (id int)",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY users (id) TO PROGRAM 'true'",
        "SET ROLE motel",
    ],
)
def test_least_privilege_is_no_more(least, statement):
    """It writes nothing, and reads no password, no name and no customer's data."""
    assert as_oncall(least, statement) == REFUSED
