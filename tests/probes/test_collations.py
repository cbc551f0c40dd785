"""Collations whose library is another version than the one that the indexes were built with, on a real server."""

import pytest

from oncall.facts.collations import Collation, Collations
from oncall.finding import NotPart
from oncall.target.schema import Postgres, Stack
from oncall.testing import look
from tests.probes.postgres_server import postgres

PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        running.run(
            "CREATE TABLE users (id serial PRIMARY KEY, name text)",
            "CREATE COLLATION names (provider = builtin, locale = 'C.UTF-8')",
            "CREATE COLLATION unused (provider = builtin, locale = 'C.UTF-8')",
            "CREATE INDEX ON users (name COLLATE names)",
        )
        yield running


def asked(server):
    return look("collations", Stack(postgres=Postgres(host="127.0.0.1", port=server.port)), environment=PASSWORD)


def test_the_same_library_is_no_problem(server):
    """What no index sorts by does not count."""
    server.run("UPDATE pg_collation SET collversion = '0' WHERE collname = 'unused'")

    found = asked(server)
    assert "collation names" in [one.name for one in found.collations]
    assert found.changed == ()


def test_an_index_of_another_version_is_told(server):
    """With the version that was written down, and the one that there is."""
    server.run("UPDATE pg_collation SET collversion = '0' WHERE collname = 'names'")
    try:
        (changed,) = asked(server).changed
    finally:
        server.run("ALTER COLLATION names REFRESH VERSION")

    assert (changed.name, changed.recorded, changed.actual) == ("collation names", "0", "1")


def test_the_order_of_the_database_itself_counts():
    """That is what an image with another glibc changes."""
    one = Collation(name="database motel", recorded="2.36", actual="2.41")

    assert Collations(database="motel", collations=(one,)).changed == (one,)
    assert Collations(database="motel", collations=(one,)).evidence == {"database motel": "2.36 recorded, 2.41 now"}


class Old:
    """A server of before PostgreSQL 15: it has no version of a database's order."""

    version, dbname = 140009, "motel"

    def rows(self, kind, sql):
        assert "datcollversion" not in sql
        return []


def test_a_server_that_writes_down_no_version_has_no_such_part():
    """Up to PostgreSQL 14, unless an index sorts by a collation of its own."""
    with pytest.raises(NotPart, match="no version"):
        look("collations", Stack(), given={"database_session": Old()})
