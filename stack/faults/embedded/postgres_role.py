"""Ways to break the database for the application's role alone: its last day, its settings, its privileges."""

from stack.faults import fault
from stack.faults.expected.database_failures import (
    BACKEND_BLIND,
    BACKEND_FAILS,
    MAY_LOG_IN,
    PROBE_LOGIN,
    USES_TABLES,
)
from stack.faults.expected.unknowns import ACCEPTED, ENDPOINTS, FORGED, PUBLIC_TOKEN
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
