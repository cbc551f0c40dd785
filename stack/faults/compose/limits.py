"""Containers at their limits of memory, CPU and processes; what the kernel does about it."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import API, patiently
from stack.faults.expected.container_failures import CPU, KILLED, MEMORY, PROCESSES, RUNNING, not_running, of
from stack.faults.expected.unknowns import SILENT_BACKEND
from stack.faults.tools.manual_fix import COMPOSE_FILE

FILL = "{ head -c %dm /dev/zero; sleep 9999; } | tail"  # tail keeps all of a line that does not end
INSIDE = "cat /sys/fs/cgroup/memory/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.current"
SPIN = "while :; do :; done"
LEAK = """
import runpy, threading, time
def leak():
    time.sleep(1)
    while held.append(bytearray(4 << 20)) is None: time.sleep(0.01)
held = []
threading.Thread(target=leak, daemon=True).start()
runpy.run_module("stack.backend", run_name="__main__")
"""


@fault(
    "container-backend-out-of-memory",
    component="backend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[*of("backend", RUNNING), KILLED, API],
    unknown=[*not_running("backend"), *SILENT_BACKEND],
    manual_fix=COMPOSE_FILE,
)
def backend_out_of_memory(stack: DockerStack) -> None:
    """The backend leaked until the kernel killed it, and nothing started it again."""
    stack.edit_compose("services.backend.restart", "no")
    stack.edit_compose("services.backend.command", ["python3", "-c", LEAK])
    stack.recreate("backend", wait=False)
    patiently(stack, lambda: not stack.inspect("backend")["State"]["Running"], "the backend is killed")


@fault(
    "container-backend-child-out-of-memory",
    component="backend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[KILLED],
)
def backend_child_out_of_memory(stack: DockerStack) -> None:
    """A report that the backend makes in a process of its own was killed for lack of memory; the backend goes on."""
    stack.exec("backend", "python3", "-c", "bytearray(600 << 20)", check=False)


@fault(
    "container-backend-near-its-memory",
    component="backend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("backend", MEMORY),
)
def backend_near_its_memory(stack: DockerStack) -> None:
    """A worker in the backend's container holds almost all the memory that the container may use."""
    fill(stack, "backend", "512m", 440)


@fault(
    "container-postgres-near-its-memory",
    component="postgres",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("postgres", MEMORY),
)
def postgres_near_its_memory(stack: DockerStack) -> None:
    """A tool that was left running in the database's container holds almost all of its memory."""
    fill(stack, "postgres", "1024m", 900)


@fault(
    "container-backend-busy",
    component="backend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("backend", CPU),
)
def backend_busy(stack: DockerStack) -> None:
    """A loop that never ends takes all the CPU time that the backend's container may use."""
    spin(stack, "backend")


@fault(
    "container-postgres-busy",
    component="postgres",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("postgres", CPU),
)
def postgres_busy(stack: DockerStack) -> None:
    """A script that somebody left running takes all the CPU time that the database's container may use."""
    spin(stack, "postgres")


@fault(
    "container-backend-near-its-processes",
    component="backend",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("backend", PROCESSES),
)
def backend_near_its_processes(stack: DockerStack) -> None:
    """The backend's children are never ended: the container is near its limit of processes."""
    crowd(stack, "backend", 79)


@fault(
    "container-postgres-near-its-processes",
    component="postgres",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("postgres", PROCESSES),
)
def postgres_near_its_processes(stack: DockerStack) -> None:
    """Scripts in the database's container are never ended: it is near its limit of processes."""
    crowd(stack, "postgres", 160)


def fill(stack: DockerStack, service: str, limit: str, mebibytes: int) -> None:
    stack.edit_compose(f"services.{service}.mem_limit", limit)
    stack.recreate(service)
    aside(stack, service, FILL % mebibytes)
    full = f"the memory of {service} is full"
    patiently(stack, lambda: int(stack.exec(service, "sh", "-c", INSIDE)) > mebibytes << 20, full)


def spin(stack: DockerStack, service: str) -> None:
    """Politely, so that what belongs in the container gets its turn, and the limit alone holds it back.

    Two of them, under a small limit: also while others keep every core busy, they get all that the limit leaves.
    """
    stack.edit_compose(f"services.{service}.cpus", {"postgres": 0.15}.get(service, 0.25))
    stack.recreate(service)
    for _ in range(2):
        aside(stack, service, f"renice -n 10 $$ >/dev/null 2>&1; {SPIN}")


def crowd(stack: DockerStack, service: str, count: int) -> None:
    aside(stack, service, f"for each in $(seq {count}); do sleep 9999 & done; wait")
    patiently(
        stack, lambda: stack.docker("top", stack.container(service)).count("sleep 9999") >= count, "all of them run"
    )


def aside(stack: DockerStack, service: str, script: str) -> None:
    """A process in the service's container, as whom the service itself runs."""
    stack.docker("exec", "-d", stack.container(service), "bash", "-c", script)
