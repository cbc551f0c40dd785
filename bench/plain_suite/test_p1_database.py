"""P1: the database."""

import pytest

pytestmark = pytest.mark.p1


def value(database, query):
    return database.execute(query).fetchone()[0]


def test_database_accepts_the_login(database):
    assert database.info.dbname == "motel"


def test_database_is_primary(database):
    assert value(database, "SELECT pg_is_in_recovery()") is False


def test_database_answers(database):
    assert value(database, "SELECT 1") == 1


def test_database_accepts_writes(database):
    assert value(database, "SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only'") == "off"


def test_database_has_free_connection_slots(database):
    used = value(database, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    assert int(value(database, "SHOW max_connections")) - used > 5


def test_no_data_page_fails_its_checksum(database):
    assert value(database, "SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database") == 0
