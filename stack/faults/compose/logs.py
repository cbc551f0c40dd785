"""What only the logs tell."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import LOG, of


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
    stack.wait(lambda: _old_enough(stack), "the backend to be past its start", 40)
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
    stack.wait(lambda: _old_enough(stack), "the backend to be past its start", 40)
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
    stack.wait(lambda: _old_enough(stack), "the backend to be past its start", 40)
    say(stack, "backend", *["ERROR websocket error: read ECONNRESET"] * 40)


def _old_enough(stack: DockerStack) -> bool:
    """Lines of a start-up are evidence, not failures."""
    from datetime import UTC, datetime

    started = datetime.fromisoformat(stack.inspect("backend")["State"]["StartedAt"][:19]).replace(tzinfo=UTC)
    return (datetime.now(UTC) - started).total_seconds() > 21
