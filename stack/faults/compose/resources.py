"""Containers that run out of what they may use."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import CPU, KILLED, MEMORY, PROCESSES, SILENT_PAGE, UP, of, restarting
from stack.faults.tools.manual_fix import COMPOSE_FILE

FILL = "import time; held = bytearray({mib} << 20); time.sleep(600)"


@fault(
    "container-frontend-out-of-memory",
    component="frontend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=["test_frontend_serves_its_page", KILLED, *of("frontend", UP)],
    unknown=[*restarting("frontend"), *SILENT_PAGE],
    manual_fix=COMPOSE_FILE,
)
def frontend_out_of_memory(stack: DockerStack) -> None:
    """The frontend's first process takes more memory than it may, and is killed for it, again and again."""
    stack.edit_compose("services.frontend.entrypoint", ["python3", "-c", "held = bytearray(400 << 20)"])
    stack.recreate("frontend", wait=False)
    stack.wait(lambda: stack.inspect("frontend")["RestartCount"] >= 3, "the frontend to be killed three times", 40)


@fault(
    "container-frontend-child-out-of-memory",
    component="frontend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[KILLED],
)
def frontend_child_out_of_memory(stack: DockerStack) -> None:
    """A child process in the frontend's container was killed for memory; the container goes on."""
    stack.exec("frontend", "python3", "-c", "held = bytearray(400 << 20)", check=False)


@fault(
    "container-backend-unlimited",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_backend_has_a_memory_limit"],
    unknown=of("backend", MEMORY),
    manual_fix=COMPOSE_FILE,
)
def backend_unlimited(stack: DockerStack) -> None:
    """The backend was deployed without a memory limit."""
    stack.edit_compose("services.backend.mem_limit", 0)
    stack.recreate("backend")


@fault(
    "container-frontend-near-its-memory",
    component="frontend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("frontend", MEMORY),
)
def frontend_near_its_memory(stack: DockerStack) -> None:
    """Something in the frontend's container holds almost all the memory that it may use."""
    stack.docker("exec", "-d", stack.container("frontend"), "python3", "-c", FILL.format(mib=112))
    stack.wait(lambda: _memory_percent(stack, "frontend") > 92, "the frontend's memory to be full", 20)


@fault(
    "container-frontend-busy",
    component="frontend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("frontend", CPU),
)
def frontend_busy(stack: DockerStack) -> None:
    """Something in the frontend's container spins, up to the limit of its processor time."""
    stack.edit_compose("services.frontend.cpus", 0.1)
    stack.recreate("frontend")
    stack.docker("exec", "-d", stack.container("frontend"), "sh", "-c", "while :; do :; done")


@fault(
    "container-frontend-processes-exhausted",
    component="frontend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("frontend", PROCESSES),
)
def frontend_processes_exhausted(stack: DockerStack) -> None:
    """The frontend's container is full of processes that nobody ends."""
    many = "for i in $(seq 44); do sleep 600 & done; wait"
    stack.docker("exec", "-d", stack.container("frontend"), "sh", "-c", many)
    stack.wait(lambda: _processes(stack, "frontend") > 42, "the frontend to be full of processes", 20)


def _memory_percent(stack: DockerStack, service: str) -> float:
    shown = stack.docker("stats", "--no-stream", "--format", "{{.MemPerc}}", stack.container(service))
    return float(shown.rstrip("%") or 0)


def _processes(stack: DockerStack, service: str) -> int:
    return len(stack.docker("top", stack.container(service)).splitlines()) - 1
