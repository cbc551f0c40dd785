"""Containers that do not run, or not well."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import (
    BURST,
    FROM_INSIDE,
    HEALTHY,
    KILLED,
    LOG,
    NO_ENGINE,
    NO_LOGIN,
    PROJECT,
    RATE_LIMIT,
    RUNNABLE,
    RUNNING,
    SECRET,
    SILENT_PAGE,
    SPACE,
    UP,
    not_running,
    of,
    restarting,
)
from stack.faults.expected.database_failures import BACKEND_FAILS, NO_SESSION, without
from stack.faults.expected.unknowns import SILENT_BACKEND
from stack.faults.tools.manual_fix import COMPOSE_FILE


@fault(
    "container-backend-stopped",
    component="backend",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_backend_answers_its_health_check", *of("backend", RUNNING)],
    unknown=[*SILENT_BACKEND, *not_running("backend")],
)
def backend_stopped(stack: DockerStack) -> None:
    """Somebody stopped the backend's container."""
    stack.stop("backend", seconds=2)


@fault(
    "container-backend-killed",
    component="backend",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_backend_answers_its_health_check", *of("backend", RUNNING)],
    unknown=[*SILENT_BACKEND, *not_running("backend")],
)
def backend_killed(stack: DockerStack) -> None:
    """The backend's container was killed: exit 137, as after an OOM kill, but it was none."""
    stack.kill("backend")


@fault(
    "container-postgres-killed",
    component="postgres",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_database_is_reachable", *of("postgres", RUNNING), *BACKEND_FAILS],
    may_fail=of("backend", HEALTHY, LOG),
    unknown=[*NO_SESSION, *NO_LOGIN, *not_running("postgres"), *FROM_INSIDE, SPACE],
)
def postgres_killed(stack: DockerStack) -> None:
    """The database's container was killed."""
    stack.kill("postgres")


@fault(
    "container-frontend-stopped",
    component="frontend",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_frontend_serves_its_page", *of("frontend", RUNNING)],
    unknown=[*not_running("frontend"), *SILENT_PAGE],
)
def frontend_stopped(stack: DockerStack) -> None:
    """Somebody stopped the frontend's container."""
    stack.stop("frontend", seconds=2)


@fault(
    "container-frontend-paused",
    component="frontend",
    mode="docker",
    cause_class="hung",
    must_fail=["test_frontend_serves_its_page", *of("frontend", RUNNING)],
    unknown=[*not_running("frontend"), *SILENT_PAGE],
)
def frontend_paused(stack: DockerStack) -> None:
    """Somebody paused the frontend's container and forgot it."""
    stack.pause("frontend")


@fault(
    "container-frontend-missing",
    component="frontend",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_frontend_serves_its_page", *of("frontend", RUNNING)],
    unknown=[*not_running("frontend"), *SILENT_PAGE, *of("frontend", LOG, BURST), RATE_LIMIT],
)
def frontend_missing(stack: DockerStack) -> None:
    """The frontend's container was removed."""
    stack.docker("rm", "-f", stack.container("frontend"))


@fault(
    "container-frontend-command-not-found",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_frontend_serves_its_page", *of("frontend", RUNNING)],
    unknown=[*not_running("frontend"), *SILENT_PAGE],
    manual_fix=COMPOSE_FILE,
)
def frontend_command_not_found(stack: DockerStack) -> None:
    """The frontend's new command does not exist in its image."""
    stack.edit_compose("services.frontend.entrypoint", ["no-such-command"])
    stack.compose("up", "-d", "--no-deps", "frontend", check=False)


@fault(
    "container-frontend-crash-loop",
    component="frontend",
    mode="docker",
    cause_class="crash loop",
    must_fail=["test_frontend_serves_its_page", *of("frontend", UP)],
    unknown=[*restarting("frontend"), *SILENT_PAGE],
    manual_fix=COMPOSE_FILE,
)
def frontend_crash_loop(stack: DockerStack) -> None:
    """The frontend exits at every start, and is restarted every time."""
    stack.edit_compose("services.frontend.entrypoint", ["sh", "-c", "exit 3"])
    stack.recreate("frontend", wait=False)
    stack.wait(lambda: stack.inspect("frontend")["RestartCount"] >= 3, "the frontend to crash three times", 30)


@fault(
    "container-frontend-unhealthy",
    component="frontend",
    mode="docker",
    cause_class="unhealthy",
    must_fail=of("frontend", HEALTHY),
    manual_fix=COMPOSE_FILE,
)
def frontend_unhealthy(stack: DockerStack) -> None:
    """The frontend's health check asks for a page that is not there."""
    wrong = {"test": ["CMD", "curl", "--fail", "http://127.0.0.1/assets/no"], "start_period": "1s"}
    stack.edit_compose("services.frontend.healthcheck", wrong)
    stack.recreate("frontend", wait=False)
    stack.wait(lambda: _health(stack, "frontend") == "unhealthy", "the frontend to be unhealthy", 60)


@fault(
    "container-frontend-health-tool-missing",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("frontend", RUNNABLE),
    unknown=of("frontend", HEALTHY),
    manual_fix=COMPOSE_FILE,
)
def frontend_health_tool_missing(stack: DockerStack) -> None:
    """The frontend works, but its image lacks the tool that its health check calls."""
    _checked_by(stack, "frontend", ["CMD", "no-such-tool", "http://127.0.0.1/"])


@fault(
    "container-backend-health-script-closed",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("backend", RUNNABLE),
    unknown=of("backend", HEALTHY),
    manual_fix=COMPOSE_FILE,
)
def backend_health_script_closed(stack: DockerStack) -> None:
    """The backend works; the script of its health check may not be executed."""
    _checked_by(stack, "backend", ["CMD", "/etc/hostname"])


@fault(
    "container-postgres-health-tool-elsewhere",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("postgres", RUNNABLE),
    unknown=of("postgres", HEALTHY),
    manual_fix=COMPOSE_FILE,
)
def postgres_health_tool_elsewhere(stack: DockerStack) -> None:
    """The database works; its new image has the tool of its health check at another place."""
    _checked_by(stack, "postgres", ["CMD-SHELL", "/usr/local/no-such-place/pg_isready"])


def _checked_by(stack: DockerStack, service: str, test: list[str]) -> None:
    rhythm = {"interval": "1s", "timeout": "3s", "retries": 3, "start_period": "1s"}
    stack.edit_compose(f"services.{service}.healthcheck", {"test": test, **rhythm})
    stack.recreate(service, wait=False)
    stack.wait(lambda: _health(stack, service) == "unhealthy", f"the {service} to be unhealthy", 60)


def _health(stack: DockerStack, service: str) -> str:
    return str(stack.inspect(service)["State"].get("Health", {}).get("Status"))


@fault(
    "container-project-taken-down",
    component="docker",
    mode="docker",
    cause_class="stopped",
    must_fail=[
        PROJECT,
        "test_backend_answers_its_health_check",
        "test_database_is_reachable",
        "test_frontend_serves_its_page",
    ],
    unknown=[
        *without([*NO_ENGINE, *SILENT_BACKEND, *SILENT_PAGE, *NO_SESSION], PROJECT, KILLED, *SECRET),
        *("test_clocks_agree", "test_page_is_not_kept_past_a_deployment"),
        "test_missing_script_is_not_answered_with_a_page",
    ],
    words=(r"nothing of the project|no container",),
)
def project_taken_down(stack: DockerStack) -> None:
    """A deployment took the project down, and did not bring it up again."""
    stack.compose("down", "--timeout", "2")
