"""Containers that do not get up, or that come and go."""

import time
from collections.abc import Callable

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import HEALTHY, LOG, RUNNING, SILENT_PAGE, UP, not_running, of, restarting
from stack.faults.expected.unknowns import SILENT_BACKEND
from stack.faults.tools.manual_fix import COMPOSE_FILE, ENV_FILE, OTHER_PROGRAM

API = "test_backend_answers_its_health_check"
PAGE = "test_frontend_serves_its_page"


@fault(
    "container-backend-paused",
    component="backend",
    mode="docker",
    cause_class="hung",
    must_fail=[*of("backend", RUNNING), API],
    unknown=[*not_running("backend"), *SILENT_BACKEND],
)
def backend_paused(stack: DockerStack) -> None:
    """Somebody paused the backend's container and forgot it: its port accepts, nothing answers."""
    stack.pause("backend")


@fault(
    "container-backend-hangs",
    component="backend",
    mode="docker",
    cause_class="hung",
    must_fail=[*of("backend", RUNNING, HEALTHY), API],
    unknown=[*of("backend", UP), *SILENT_BACKEND],
)
def backend_hangs(stack: DockerStack) -> None:
    """The backend's process hangs; its container runs, and Docker's health check gets no answer."""
    stack.kill("backend", 19)
    noticed(stack, "backend")


@fault(
    "container-backend-not-executable",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[*of("backend", RUNNING), API],
    unknown=[*not_running("backend"), *SILENT_BACKEND],
    manual_fix=COMPOSE_FILE,
)
def backend_not_executable(stack: DockerStack) -> None:
    """The backend's new command is a file that cannot be executed."""
    remade(stack, "backend", ["/etc/hostname"])


@fault(
    "container-backend-crash-loop",
    component="backend",
    mode="docker",
    cause_class="crash loop",
    must_fail=[*of("backend", UP), API],
    unknown=[*restarting("backend"), *SILENT_BACKEND],
    manual_fix=ENV_FILE,
)
def backend_crash_loop(stack: DockerStack) -> None:
    """A setting of the backend is no number: it exits at every start, and is restarted every time."""
    stack.restart("backend", wait=False, DATABASE_CONNECTIONS="five")
    crashing(stack, "backend")


@fault(
    "container-backend-module-missing",
    component="backend",
    mode="docker",
    cause_class="code defect",
    must_fail=[*of("backend", UP, LOG), API],
    unknown=[*restarting("backend"), *SILENT_BACKEND],
    manual_fix=COMPOSE_FILE,
)
def backend_module_missing(stack: DockerStack) -> None:
    """The backend's image was built without one of its modules."""
    stack.edit_compose("services.backend.command", ["python3", "-c", "import stack.backend.payments"])
    stack.recreate("backend", wait=False)
    crashing(stack, "backend")


@fault(
    "container-backend-segfault",
    component="backend",
    mode="docker",
    cause_class="code defect",
    must_fail=[*of("backend", RUNNING, LOG), API],
    unknown=[*not_running("backend"), *SILENT_BACKEND],
    manual_fix=COMPOSE_FILE,
)
def backend_segfault(stack: DockerStack) -> None:
    """The backend crashed in native code, and nothing starts it again."""
    crash = "trap 'exit 139' EXIT; python3 -c 'import ctypes; ctypes.string_at(0)'; sleep 0.3"
    stack.edit_compose("services.backend.restart", "no")
    remade(stack, "backend", ["bash", "-c", crash])
    stack.wait(lambda: not stack.inspect("backend")["State"]["Running"], "the backend to end", 20)


@fault(
    "container-frontend-port-taken",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("frontend", RUNNING),
    may_fail=[PAGE],
    unknown=[*not_running("frontend"), *SILENT_PAGE],
    manual_fix=OTHER_PROGRAM,
)
def frontend_port_taken(stack: DockerStack) -> None:
    """Another program took the frontend's port before its container was started again."""
    stack.docker("rm", "-f", stack.container("frontend"))
    stack.helper(
        "squatter", ["python", "-m", "stack.faults.tools.proxy", "--listen", str(stack.ports["frontend"]), "--reset"]
    )
    stack.compose("up", "-d", "--no-deps", "--no-build", "frontend", check=False)


@fault(
    "container-backend-published-elsewhere",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[API],
    unknown=SILENT_BACKEND,
)
def backend_published_elsewhere(stack: DockerStack) -> None:
    """The backend's container was made anew without its port: it is published on another one."""
    stack.recreate("backend", wait=False, BACKEND_PORT="")
    stack.wait(lambda: stack.is_healthy(stack.container("backend")), "the backend is healthy", 40)


@fault(
    "container-postgres-unhealthy",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("postgres", HEALTHY),
    manual_fix=COMPOSE_FILE,
)
def postgres_unhealthy(stack: DockerStack) -> None:
    """The database works, but its health check asks another port."""
    wrong = {"test": ["CMD", "pg_isready", "--port=5433"], "start_period": "1s"}
    stack.edit_compose("services.postgres.healthcheck", wrong)
    stack.recreate("postgres", wait=False)
    noticed(stack, "postgres")


def remade(stack: DockerStack, service: str, command: list[str]) -> None:
    """A new container with another command, also when it cannot be started."""
    stack.edit_compose(f"services.{service}.command", command)
    stack.docker("rm", "-f", stack.container(service))
    stack.compose("up", "-d", "--no-deps", "--no-build", service, check=False)


def crashing(stack: DockerStack, service: str) -> None:
    """Wait until it has been started again often enough to be a loop."""
    patiently(stack, lambda: stack.inspect(service)["RestartCount"] >= 4, f"{service} starts again and again")


def noticed(stack: DockerStack, service: str) -> None:
    """Wait until Docker's own health check has noticed."""
    patiently(stack, lambda: health(stack, service) == "unhealthy", f"{service} is unhealthy")


def health(stack: DockerStack, service: str) -> str:
    return str(stack.inspect(service)["State"].get("Health", {}).get("Status"))


def patiently(stack: DockerStack, true: Callable[[], object], what: str, patience: float = 60.0) -> None:
    """Ask the engine a few times a second only: it has others to serve."""

    def asked() -> bool:
        time.sleep(0.3)
        return bool(true())

    stack.wait(asked, what, patience)
