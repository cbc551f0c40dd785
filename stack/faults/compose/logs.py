"""What only the logs tell."""

from datetime import UTC, datetime

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import BURST, LOG, of


def say(stack: DockerStack, service: str, *lines: str) -> None:
    """Lines on the container's standard output, as its own program would write them."""
    text = "".join(f"{line}\n" for line in lines)
    stack.exec(service, "sh", "-c", "cat > /proc/1/fd/1", user="nobody", give=text.encode())  # as whom it runs


@fault(
    "container-log-disk-full",
    component="host",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=of("backend", LOG),
)
def log_disk_full(stack: DockerStack) -> None:
    """The backend could not write a file for want of space."""
    past_its_start(stack, "backend")
    say(stack, "backend", "Error: ENOSPC: no space left on device, write '/data/upload-7'")


@fault(
    "container-log-authentication-errors",
    component="auth",
    mode="docker",
    cause_class="authentication issue",
    must_fail=["test_no_burst_of_authentication_errors"],
)
def log_authentication_errors(stack: DockerStack) -> None:
    """The backend refuses one user after the other."""
    past_its_start(stack, "backend")
    say(stack, "backend", *["ERROR auth: JsonWebTokenError: invalid signature"] * 40)


@fault(
    "container-log-socket-errors",
    component="websocket",
    mode="docker",
    cause_class="network",
    must_fail=["test_no_burst_of_socket_errors"],
)
def log_socket_errors(stack: DockerStack) -> None:
    """The backend loses one WebSocket after the other."""
    past_its_start(stack, "backend")
    say(stack, "backend", *["ERROR websocket error: read ECONNRESET"] * 40)


@fault(
    "container-log-error-burst",
    component="backend",
    mode="docker",
    cause_class="permission",
    must_fail=of("backend", BURST),
)
def log_error_burst(stack: DockerStack) -> None:
    """The backend may not write where its uploads go: each of them fails, and all else works."""
    past_its_start(stack, "backend")
    for number in range(12):
        trace = "    at async mkdir (node:internal/fs/promises:858:10)"
        say(stack, "backend", f"Error: EACCES: permission denied, mkdir '/data/uploads-{number}'", trace)


def past_its_start(stack: DockerStack, service: str) -> None:
    """Lines of a start-up are evidence, not failures."""
    stack.wait(lambda: _old_enough(stack, service), f"{service} to be past its start", 40)


def _old_enough(stack: DockerStack, service: str) -> bool:
    started = datetime.fromisoformat(stack.inspect(service)["State"]["StartedAt"][:19]).replace(tzinfo=UTC)
    return (datetime.now(UTC) - started).total_seconds() > 21
