"""What a broken database takes with it: the lists that many faults of the database share."""

from stack.faults.expected.unknowns import NO_TOKEN

REACHABLE = "test_database_is_reachable"
LOGIN = "test_database_accepts_the_login"
STARTED = "test_database_is_started_and_primary"
TIMELY = "test_database_answers_in_time"
WRITES = "test_database_accepts_writes"
SLOTS = "test_database_has_free_connection_slots"
MAY_LOG_IN = "test_application_role_can_log_in"
USES_TABLES = "test_application_role_can_use_its_tables"
SEES_ACCOUNTS, SEES_ROWS = "test_application_role_sees_the_accounts", "test_application_role_sees_its_rows"
THIS_DATABASE = "test_application_uses_this_database"
TABLES_FREE = "test_no_table_is_locked"
CHECKSUMS = "test_no_data_page_fails_its_checksum"
LOG = "test_database_log_shows_no_corruption"
SLOW = "test_no_query_is_slow_on_average"
LONG = "test_no_query_runs_for_long"
BLOCKED = "test_no_session_is_blocked"
IDLE = "test_no_transaction_is_left_idle"
COLLATIONS = "test_collations_are_those_of_the_indexes"
INVALID = "test_no_index_is_invalid"
READS = "test_large_tables_are_read_by_index"
KEYS = "test_foreign_keys_on_large_tables_are_indexed"
ACCOUNTS = "test_accounts_table_is_readable"
FAILED = "test_no_migration_has_failed"
LOCKED = "test_no_migration_is_locked"
PENDING = "test_no_migration_is_pending"

SESSIONS = [LONG, BLOCKED, IDLE]
APPLICATION = [MAY_LOG_IN, USES_TABLES, THIS_DATABASE, SEES_ACCOUNTS, SEES_ROWS]
MIGRATIONS = [FAILED, LOCKED, PENDING]

# We are let in, and then no query is answered.
NO_QUERY = [
    *(STARTED, WRITES, SLOTS, *APPLICATION, TABLES_FREE, CHECKSUMS, SLOW, *SESSIONS),
    *(INVALID, READS, KEYS, ACCOUNTS, *MIGRATIONS, COLLATIONS),
]

# We are not let in; a fault whose refusal itself is judged takes that check out.
NO_SESSION = [LOGIN, TIMELY, *NO_QUERY]

# What the backend cannot do without its database, and what nobody can see without a token.
HEALTH = ["test_backend_answers_its_health_check", "test_every_health_sub_check_is_ok"]
PROBE_LOGIN = "test_probe_account_logs_in"
BACKEND_FAILS = [*HEALTH, PROBE_LOGIN]
BACKEND_BLIND = ["test_unknown_account_is_refused", *NO_TOKEN]


def without(names: list[str], *judged: str) -> list[str]:
    return [name for name in names if name not in judged]
