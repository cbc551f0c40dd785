"""Containers that do not run."""

from stack.docker.running import DockerStack
from stack.faults import fault


@fault(
    "backend-container-stopped",
    component="backend",
    mode="docker",
    cause_class="container-stopped",
    must_fail=["test_service_is_running[backend]"],
    may_fail=["test_backend_answers_its_health_check"],
)
def backend_container_stopped(stack: DockerStack) -> None:
    """Somebody stopped the backend's container."""
    stack.stop("backend")


@fault(
    "postgres-container-killed",
    component="postgres",
    mode="docker",
    cause_class="container-killed",
    must_fail=["test_service_is_running[postgres]"],
    may_fail=["test_database_is_reachable"],
)
def postgres_container_killed(stack: DockerStack) -> None:
    """The database's container was killed."""
    stack.kill("postgres")
