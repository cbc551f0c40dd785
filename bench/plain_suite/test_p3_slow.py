"""P3: slow answers."""

import pytest


@pytest.mark.parametrize("path", ["/api/suites", "/api/tasks?suite=7"])
def test_endpoint_answers_in_time(backend, bearer, path):
    seconds = [backend.get(path, headers=bearer).elapsed.total_seconds() for _ in range(5)]
    assert max(seconds) < 2


def test_queries_are_fast(database):
    slow = database.execute(
        "SELECT query, mean_exec_time FROM pg_stat_statements WHERE calls > 3 AND mean_exec_time > 500"
    ).fetchall()
    assert slow == []


def test_no_query_runs_for_long(database):
    old = database.execute(
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND now() - query_start > interval '60 s'"
    ).fetchall()
    assert old == []


def test_no_large_table_is_read_whole(database):
    read = database.execute(
        "SELECT relname FROM pg_stat_user_tables WHERE n_live_tup > 100000 AND seq_scan > 10 * (idx_scan + 10)"
    ).fetchall()
    assert read == []


def test_every_index_is_valid(database):
    assert database.execute("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid").fetchall() == []


def test_tables_are_vacuumed(database):
    dead = database.execute(
        "SELECT relname FROM pg_stat_user_tables WHERE n_dead_tup > 10000 AND n_dead_tup > n_live_tup"
    ).fetchall()
    assert dead == []


def test_memory_that_the_backend_reports(backend):
    memory = backend.get("/health").json()["checks"]["memory"]
    assert memory["used"] < 0.9 * memory["limit"]


def test_processor_time_of_the_backend(metrics):
    assert metrics["process_cpu_seconds_total"] >= 0
