"""Ways to break the database for the application's role alone: its last day, its settings, its privileges."""

from stack.faults import fault
from stack.faults.expected.database_failures import (
    ACCOUNTS,
    BACKEND_BLIND,
    BACKEND_FAILS,
    COLLATIONS,
    MAY_LOG_IN,
    PROBE_LOGIN,
    SEES_ACCOUNTS,
    SEES_ROWS,
    USES_TABLES,
)
from stack.faults.expected.unknowns import ACCEPTED, ENDPOINTS, FORGED, NO_TOKEN, PUBLIC_TOKEN
from stack.running import Running


@fault("postgres-application-role-expired", component="postgres", cause_class="credentials",
       must_fail=[MAY_LOG_IN, *BACKEND_FAILS], unknown=BACKEND_BLIND)  # fmt: skip
def postgres_application_role_expired(stack: Running) -> None:
    """The password of the application's role had a last day, and it is over."""
    stack.sql("ALTER ROLE motel VALID UNTIL '2020-01-01'")


@fault("postgres-application-role-limit-of-none", component="postgres", cause_class="misconfiguration",
       must_fail=[MAY_LOG_IN, *BACKEND_FAILS], unknown=BACKEND_BLIND)  # fmt: skip
def postgres_application_role_limit_of_none(stack: Running) -> None:
    """Somebody closed the application out for a maintenance with a connection limit of 0."""
    stack.sql("ALTER ROLE motel CONNECTION LIMIT 0")


@fault("postgres-application-search-path", component="postgres", cause_class="misconfiguration",
       must_fail=[USES_TABLES, PROBE_LOGIN], unknown=BACKEND_BLIND)  # fmt: skip
def postgres_application_search_path(stack: Running) -> None:
    """A migration of the schemas set the role's search_path, and stopped before it moved the tables."""
    stack.sql("CREATE SCHEMA legacy; ALTER ROLE motel SET search_path = legacy")


@fault("postgres-application-statement-timeout", component="postgres", cause_class="misconfiguration",
       must_fail=[USES_TABLES])  # fmt: skip
def postgres_application_statement_timeout(stack: Running) -> None:
    """Somebody took the milliseconds of the role's statement_timeout for seconds: what is slower than usual fails."""
    stack.sql("ALTER ROLE motel SET statement_timeout = 50")


@fault("postgres-application-may-not-read-tasks", component="postgres", cause_class="missing privilege",
       must_fail=[USES_TABLES, *ENDPOINTS], unknown=[ACCEPTED, *FORGED, PUBLIC_TOKEN])  # fmt: skip
def postgres_application_may_not_read_tasks(stack: Running) -> None:
    """A clean-up of privileges took SELECT on one table from the application's role."""
    stack.sql("REVOKE SELECT ON tasks FROM motel")


@fault("postgres-row-security-hides-accounts", component="postgres", cause_class="row level security",
       must_fail=[SEES_ACCOUNTS, PROBE_LOGIN], unknown=[ACCOUNTS, *NO_TOKEN])  # fmt: skip
def postgres_row_security_hides_accounts(stack: Running) -> None:
    """The accounts table was given to the administrator, with row level security and without a policy."""
    stack.sql("ALTER TABLE users OWNER TO postgres; GRANT SELECT, INSERT, UPDATE, DELETE ON users TO motel")
    stack.sql("GRANT SELECT ON users TO oncall; ALTER TABLE users ENABLE ROW LEVEL SECURITY")


@fault("postgres-row-security-for-another-role", component="postgres", cause_class="row level security",
       must_fail=[SEES_ROWS])  # fmt: skip
def postgres_row_security_for_another_role(stack: Running) -> None:
    """A policy lets the reports read all tasks; forced row level security hides them from the application."""
    stack.sql(
        "CREATE ROLE reports; GRANT SELECT ON tasks TO reports; CREATE POLICY reports ON tasks TO reports USING (true)"
    )
    stack.sql("ALTER TABLE tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


@fault("postgres-collation-of-another-version", component="postgres", cause_class="collation", must_fail=[COLLATIONS])
def postgres_collation_of_another_version(stack: Running) -> None:
    """An index sorts by a collation whose library was renewed after it was built."""
    stack.sql("CREATE COLLATION names (provider = builtin, locale = 'C.UTF-8')")
    stack.sql("CREATE INDEX users_by_name ON users (username COLLATE names)")
    stack.sql("UPDATE pg_collation SET collversion = '0' WHERE collname = 'names'")
