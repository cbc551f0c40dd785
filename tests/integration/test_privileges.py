"""What could not be looked at is unknown, says what to set, and takes nothing else with it."""

import pytest

from tests.integration.playbook_runs import write_target

SLOTS = "test_database_has_free_connection_slots"
DATABASE = {  # whatever asks the database something, once connected
    "test_database_answers_in_time",
    "test_database_accepts_writes",
    "test_application_role_can_log_in",
    "test_application_role_can_use_its_tables",
    "test_application_uses_this_database",
    "test_application_role_sees_its_rows",
    "test_application_role_sees_the_accounts",
    "test_collations_are_those_of_the_indexes",
    "test_no_table_is_locked",
    "test_no_data_page_fails_its_checksum",
    "test_accounts_table_is_readable",
    "test_no_migration_has_failed",
    "test_no_migration_is_locked",
    "test_no_migration_is_pending",
    "test_no_query_is_slow_on_average",
    "test_no_query_runs_for_long",
    "test_no_session_is_blocked",
    "test_no_transaction_is_left_idle",
    "test_no_index_is_invalid",
    "test_large_tables_are_read_by_index",
    "test_foreign_keys_on_large_tables_are_indexed",
}
WITH_TOKEN = {  # whatever needs the token that the probe account is given
    "test_issued_token_is_accepted",
    "test_forged_tokens_are_refused",
    "test_token_is_well_formed",
    "test_token_times_are_sane",
    "test_token_is_signed_with_the_current_secret",
    "test_endpoint_answers_in_time",
    "test_handshake_succeeds",
    "test_handshake_succeeds_through_the_proxy",
    "test_login_answers_in_time",
    "test_token_is_accepted_through_the_public_address",
    "test_ping_is_answered_in_time",
    "test_socket_refuses_a_made_up_token",
    "test_token_belongs_to_the_account_that_logged_in",
}


def names(checks):
    return {check.partition("[")[0] for check in checks}


def test_role_without_pg_monitor(patient, runs):
    """What needs pg_monitor is unknown and says what to grant; the rest passes."""
    patient.sql("REVOKE pg_monitor FROM oncall")
    run = runs(patient.home.target)

    unknown = run.checks("unknown")
    assert run.code == 1
    assert {SLOTS, "test_no_query_is_slow_on_average", "test_no_query_runs_for_long"} <= unknown <= DATABASE | {SLOTS}
    assert all("GRANT pg_monitor TO oncall" in run.verdicts[check]["reason"] for check in unknown)
    assert run.checks("failed", "error") == set()


def test_role_with_no_free_slot(patient, runs):
    """A full role is one finding of its own, not a database that is down; what needed a session is unknown."""
    patient.sql("ALTER ROLE oncall CONNECTION LIMIT 1")
    patient.hold_session("SELECT 1", role="oncall")
    run = runs(patient.home.target)

    assert run.checks("failed") == {SLOTS}
    assert "too many connections" in run.screen or "free" in run.verdicts[SLOTS]["symptom"]
    assert {"test_database_is_reachable"} <= run.checks("passed")
    assert run.checks("unknown") >= DATABASE
    assert {run.verdicts[check]["root_check"] for check in DATABASE} == {SLOTS}
    assert run.code == 1


def test_read_only_database(patient, runs):
    """The database's own setting is the finding; our read-only session is not mistaken for it."""
    patient.sql("ALTER DATABASE motel SET default_transaction_read_only = on")
    run = runs(patient.home.target)

    assert run.checks("failed", "unknown", "error") == {"test_database_accepts_writes"}
    assert "read-only" in run.verdicts["test_database_accepts_writes"]["symptom"]


def test_locked_accounts_table(patient, runs):
    """We do not queue behind a lock: what the table would show is unknown or blamed on the lock, in time."""
    patient.hold_session("BEGIN", "LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    run = runs(patient.home.target)

    assert run.code == 1
    assert "test_accounts_table_is_readable" in run.checks("failed", "unknown")
    told = run.verdicts["test_accounts_table_is_readable"]
    assert "lock" in (told["symptom"] or told["reason"])
    assert run.seconds < 45
    assert run.checks("error") == set()
    assert "test_probe_account_logs_in" not in run.checks("passed")


METRICS = {
    "test_connection_count_is_exported",
    "test_connections_are_under_their_limit",
    "test_file_descriptors_are_under_their_limit",
}
CONNECTING = {SLOTS, "test_database_accepts_the_login", "test_database_is_started_and_primary"}
LOGIN = {"test_probe_account_logs_in"} | WITH_TOKEN - {"test_forged_tokens_are_refused"}


@pytest.mark.parametrize(
    ("name", "must", "may"),
    [
        ("METRICS_TOKEN", {"test_connection_count_is_exported"}, METRICS),
        ("ONCALL_DB_PASSWORD", DATABASE, CONNECTING),
        ("ONCALL_PASSWORD", LOGIN, WITH_TOKEN),
        ("ONCALL_ACCOUNT", LOGIN, WITH_TOKEN),
    ],
)
def test_missing_secret_makes_only_its_own_checks_unknown(patient, runs, name, must, may):
    """The reason names the variable and where to put it; nothing fails, and nothing else is unknown."""
    patient.edit_secrets(**{name: None})
    run = runs(patient.home.target)

    unknown = names(run.checks("unknown"))
    assert run.code == 1
    assert must <= unknown <= must | may
    assert run.checks("failed", "error") == set()
    assert f"{name} is not set: put it into the environment or" in run.screen


@pytest.mark.parametrize("name", ["ONCALL_PASSWORD", "ONCALL_DB_PASSWORD"])
def test_environment_wins_over_the_secrets_file(patient, runs, name):
    """A secret may stand in the environment alone."""
    value = patient.secrets[name]
    patient.edit_secrets(**{name: None})
    run = runs(patient.home.target, **{name: value})

    assert run.code == 0, run.screen
    assert value not in run.screen


def test_nothing_configured_is_unknown_not_green(runs, tmp_path):
    """A target file whose secrets are all missing, aimed at ports where nobody listens, passes nothing of the stack."""
    nobody = "http://127.0.0.1:9"
    tables = {
        "docker": {"absent": True},
        "backend": {"url": nobody},
        "frontend": {"url": nobody},
        "websocket": {"url": "ws://127.0.0.1:9/realtime"},
        "postgres": {"host": "127.0.0.1", "port": 9},
    }
    run = runs(write_target(tmp_path / "bare.toml", tables))

    host = {"test_filesystems_have_free_space", "test_filesystems_have_free_inodes"}
    assert run.code == 1
    host |= {"test_memory_is_available", "test_swap_is_not_exhausted"}
    host |= {"test_host_cpu_is_not_saturated", "test_host_memory_pressure_is_low", "test_host_io_pressure_is_low"}
    assert run.checks("passed") <= host
    assert {"test_backend_answers_its_health_check", "test_database_is_reachable"} <= run.checks("failed")
