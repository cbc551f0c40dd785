"""A part of the project that the target file does not name: a worker."""

from typing import Any

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.limits import FILL, INSIDE
from stack.faults.compose.starts import patiently
from stack.faults.expected.container_failures import (
    KILLED,
    UNDECLARED_BURST,
    UNDECLARED_HEALTHY,
    UNDECLARED_LIMITS,
    UNDECLARED_LOG,
    UNDECLARED_RUN,
    UNDECLARED_RUNNABLE,
)
from stack.faults.tools.manual_fix import ManualFix

WORKS = "echo worker: waiting for jobs; exec sleep 9999"


def worker(stack: DockerStack, script: str = WORKS, **keys: Any) -> None:
    """A service that the Compose file has and the target file has not."""
    _say(stack, script, **keys)
    stack.compose("up", "-d", "--no-deps", "--no-build", "worker")


def _say(stack: DockerStack, script: str = WORKS, **keys: Any) -> None:
    image = stack.state["images"]["backend"]
    service = {"image": image, "init": True, "restart": "no", "network_mode": "none", "command": ["sh", "-c", script]}
    stack.edit_compose("services.worker", service | keys)


COMPOSE_FILE = ManualFix(
    "Compose file", _say
)  # a worker as it should be: without one, its container would be an orphan


def _state(stack: DockerStack) -> dict[str, Any]:
    return dict(stack.inspect(stack.container("worker"))["State"])


@fault(
    "undeclared-worker-crashed",
    component="worker",
    mode="docker",
    cause_class="stopped",
    must_fail=[UNDECLARED_RUN],
    unknown=[UNDECLARED_LIMITS],
    manual_fix=COMPOSE_FILE,
)
def worker_crashed(stack: DockerStack) -> None:
    """A worker that nobody declared has crashed, and said why."""
    worker(stack, "echo 'FATAL: jobs: the queue refused the login'; exit 1")
    patiently(stack, lambda: _state(stack)["Status"] == "exited", "the worker has ended")


@fault(
    "undeclared-worker-crash-loop",
    component="worker",
    mode="docker",
    cause_class="crash loop",
    must_fail=[UNDECLARED_RUN],
    unknown=[UNDECLARED_LIMITS],
    manual_fix=COMPOSE_FILE,
)
def worker_crash_loop(stack: DockerStack) -> None:
    """A worker that nobody declared exits at every start, and is restarted every time."""
    worker(stack, "echo 'Error: /etc/worker.toml: no such file'; exit 3", restart="always")
    patiently(stack, lambda: stack.inspect(stack.container("worker"))["RestartCount"] >= 3, "the worker crashes")


@fault(
    "undeclared-worker-frozen",
    component="worker",
    mode="docker",
    cause_class="hung",
    must_fail=[UNDECLARED_RUN],
)
def worker_frozen(stack: DockerStack) -> None:
    """A signal has stopped the process of a worker that nobody declared; Docker says that it is up."""
    worker(stack, init=False)
    stack.docker("kill", "--signal", "STOP", stack.container("worker"))


@fault(
    "undeclared-worker-unhealthy",
    component="worker",
    mode="docker",
    cause_class="unhealthy",
    must_fail=[UNDECLARED_HEALTHY],
    manual_fix=COMPOSE_FILE,
)
def worker_unhealthy(stack: DockerStack) -> None:
    """A worker that nobody declared fails its own health check."""
    check = {"test": ["CMD-SHELL", "echo 799 jobs wait; exit 1"], "interval": "1s", "retries": 1}
    worker(stack, healthcheck=check)
    patiently(stack, lambda: _state(stack)["Health"]["Status"] == "unhealthy", "the worker is unhealthy")


@fault(
    "undeclared-worker-near-its-memory",
    component="worker",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[UNDECLARED_LIMITS],
    manual_fix=COMPOSE_FILE,
)
def worker_near_its_memory(stack: DockerStack) -> None:
    """A worker that nobody declared holds almost all the memory that it may use."""
    worker(stack, FILL % 58, mem_limit="64m")
    patiently(stack, lambda: int(stack.exec("worker", "sh", "-c", INSIDE)) > 58 << 20, "the worker is full")


@fault(
    "undeclared-worker-killed-for-memory",
    component="worker",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=[UNDECLARED_RUN, KILLED],
    unknown=[UNDECLARED_LIMITS],
    manual_fix=COMPOSE_FILE,
)
def worker_killed_for_memory(stack: DockerStack) -> None:
    """The kernel has killed a worker that nobody declared, for lack of memory."""
    worker(stack, "exec python3 -c 'bytearray(600 << 20)'", init=False, mem_limit="40m", memswap_limit="40m")
    patiently(stack, lambda: _state(stack)["Status"] == "exited", "the worker is killed")


@fault(
    "undeclared-worker-error-burst",
    component="worker",
    mode="docker",
    cause_class="permission",
    must_fail=[UNDECLARED_BURST],
    manual_fix=COMPOSE_FILE,
    words=(r"EACCES|permission denied",),
)
def worker_error_burst(stack: DockerStack) -> None:
    """A worker that nobody declared may not write where its files go, and goes on with the next one."""
    line = "ERROR: EACCES: permission denied, open '/out/$job.pdf'"
    failing = f'for job in $(seq 40); do echo "{line}"; done; exec sleep 9999'
    worker(stack, f"sleep 22; {failing}".replace("$", "$$"))  # lines of a start-up are evidence, not failures
    patiently(stack, lambda: "EACCES" in stack.compose("logs", "worker"), "the worker fails at its jobs")


@fault(
    "undeclared-worker-fatal-lines",
    component="worker",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[UNDECLARED_LOG],
    manual_fix=COMPOSE_FILE,
)
def worker_fatal_lines(stack: DockerStack) -> None:
    """A worker that nobody declared runs, fails at every job, and says so in its log."""
    failing = 'for job in $(seq 40); do echo "FATAL: job $job: no such table"; done; exec sleep 9999'
    worker(stack, failing.replace("$", "$$"))


@fault(
    "undeclared-worker-health-tool-missing",
    component="worker",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[UNDECLARED_RUNNABLE],
    unknown=[UNDECLARED_HEALTHY],
    manual_fix=COMPOSE_FILE,
)
def worker_health_tool_missing(stack: DockerStack) -> None:
    """A worker that nobody declared works, but its image lacks the tool that its health check calls."""
    check = {"test": ["CMD", "no-such-tool"], "interval": "1s", "timeout": "3s", "retries": 3}
    worker(stack, healthcheck=check)
    patiently(stack, lambda: _state(stack)["Health"]["Status"] == "unhealthy", "Docker calls the worker unhealthy")
