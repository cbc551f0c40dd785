"""The database in its container: slots, and the application's role."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import HEALTHY, LOG, of
from stack.faults.expected.database_failures import (
    BACKEND_BLIND,
    BACKEND_FAILS,
    MAY_LOG_IN,
    NO_SESSION,
    SLOTS,
    without,
)

LINES = [*of("backend", HEALTHY, LOG), *of("postgres", LOG)]  # may tell of it, if they blame the component


@fault(
    "container-postgres-no-free-slot",
    component="postgres",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[SLOTS, *BACKEND_FAILS],
    may_fail=LINES,
    unknown=[*without(NO_SESSION, SLOTS), *BACKEND_BLIND],
)
def no_free_slot(stack: DockerStack) -> None:
    """One program has taken every connection slot; only the server's own container can tell which."""
    stack.hold_session(count=120)


@fault(
    "container-postgres-role-expired",
    component="postgres",
    mode="docker",
    cause_class="credentials",
    must_fail=[MAY_LOG_IN, *BACKEND_FAILS],
    may_fail=LINES,
    unknown=BACKEND_BLIND,
)
def role_expired(stack: DockerStack) -> None:
    """The password of the application's role had a last day, and it is over."""
    stack.sql("ALTER ROLE motel VALID UNTIL '2020-01-01'")
