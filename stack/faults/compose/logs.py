"""What only the logs tell."""

from datetime import UTC, datetime

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import BURST, LOG, of


def say(stack: DockerStack, service: str, *lines: str, user: str = "nobody") -> None:
    """Lines on the container's standard output, as its own program would write them."""
    text = "".join(f"{line}\n" for line in lines)
    stack.exec(service, "sh", "-c", "cat > /proc/1/fd/1", user=user, give=text.encode())  # as whom it runs


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


@fault(
    "container-log-page-error-burst",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("frontend", BURST),
    words=(r"too large body|body",),
)
def log_page_error_burst(stack: DockerStack) -> None:
    """People upload what is larger than the proxy lets through."""
    past_its_start(stack, "frontend")
    now = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S")
    for number in range(12):
        said = f"client intended to send too large body: {5242880 + number} bytes, client: 10.0.0.{number}"
        say(
            stack,
            "frontend",
            f'{now} [error] 29#29: *{100 + number} {said}, request: "POST /api/uploads HTTP/1.1"',
            user="0",
        )


@fault(
    "container-log-database-error-burst",
    component="postgres",
    mode="docker",
    cause_class="code defect",
    must_fail=of("postgres", BURST),
    words=(r"division by zero",),
)
def log_database_error_burst(stack: DockerStack) -> None:
    """A report divides by the number of guests, and some houses have none."""
    past_its_start(stack, "postgres")
    script = "for n in $(seq 12); do psql -qU postgres -d motel -c 'SELECT 1/0' 2>/dev/null; done; true"
    stack.exec("postgres", "sh", "-c", script)


def past_its_start(stack: DockerStack, service: str) -> None:
    """Lines of a start-up are evidence, not failures."""
    stack.wait(lambda: _old_enough(stack, service), f"{service} to be past its start", 40)


def _old_enough(stack: DockerStack, service: str) -> bool:
    started = datetime.fromisoformat(stack.inspect(service)["State"]["StartedAt"][:19]).replace(tzinfo=UTC)
    return (datetime.now(UTC) - started).total_seconds() > 21
