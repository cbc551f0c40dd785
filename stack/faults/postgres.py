"""Ways to break the database."""

from stack.faults import fault
from stack.running import Running


@fault(
    "postgres-stopped",
    component="postgres",
    cause_class="stopped",
    must_fail=["test_database_is_reachable"],
    may_fail=["test_backend_answers_its_health_check", "test_every_health_sub_check_is_ok"],
)
def postgres_stopped(stack: Running) -> None:
    """Somebody stopped the database."""
    stack.pg_ctl("stop", "-m", "fast")
