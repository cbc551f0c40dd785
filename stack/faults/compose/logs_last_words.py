"""Containers that say in one line, which no signature knows, why they do not get up."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import API, crashing
from stack.faults.expected.container_failures import UP, of, restarting
from stack.faults.expected.unknowns import SILENT_BACKEND
from stack.faults.tools.manual_fix import COMPOSE_FILE

MISSING = "sed 's/libc[.]so[.]6/libc.so.9/g' /bin/sleep > /tmp/server; chmod +x /tmp/server; exec /tmp/server 9"


@fault(
    "container-backend-entrypoint-crlf",
    component="backend",
    mode="docker",
    cause_class="crash loop",
    must_fail=[*of("backend", UP), API],
    unknown=[*restarting("backend"), *SILENT_BACKEND],
    manual_fix=COMPOSE_FILE,
)
def backend_entrypoint_crlf(stack: DockerStack) -> None:
    """The backend's entry point was checked out with the line ends of Windows: no interpreter has that name."""
    script = stack.home.path / "entrypoint.sh"
    script.write_bytes(b'#!/bin/sh\r\nexec "$@"\r\n')
    script.chmod(0o755)
    stack.edit_compose("services.backend.volumes", [f"{script}:/entrypoint.sh:ro"])
    stack.edit_compose("services.backend.entrypoint", ["/entrypoint.sh"])
    stack.recreate("backend", wait=False)
    crashing(stack, "backend")


@fault(
    "container-backend-library-missing",
    component="backend",
    mode="docker",
    cause_class="crash loop",
    must_fail=[*of("backend", UP), API],
    unknown=[*restarting("backend"), *SILENT_BACKEND],
    manual_fix=COMPOSE_FILE,
)
def backend_library_missing(stack: DockerStack) -> None:
    """The backend's program was built against a library that its image does not have."""
    stack.edit_compose("services.backend.command", ["sh", "-c", MISSING])
    stack.recreate("backend", wait=False)
    crashing(stack, "backend")
