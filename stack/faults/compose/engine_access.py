"""Further ways in which an engine is not to be had: permission, names, and what else may answer at its address."""

import os

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import NO_ENGINE
from stack.faults.tools.manual_fix import TARGET_FILE

CLOSED = """
import socket, sys, time
door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen(8)
print("ready", flush=True)
time.sleep(9999)
"""
ENGINE = "test_docker_engine_answers"
HOST = [  # the stack lives on the engine's machine, and nothing says how to look at that
    *("test_newest_backup_is_recent", "test_newest_backup_is_readable"),
    *("test_filesystems_have_free_space", "test_filesystems_have_free_inodes"),
    *("test_memory_is_available", "test_swap_is_not_exhausted"),
    *("test_host_cpu_is_not_saturated", "test_host_memory_pressure_is_low", "test_host_io_pressure_is_low"),
]


@fault(
    "engine-without-permission",
    component="docker",
    mode="docker",
    cause_class="missing privilege",
    must_fail=[ENGINE],
    unknown=NO_ENGINE,
    heals="whole machine",
)
def engine_without_permission(stack: DockerStack) -> None:
    """The engine's socket is not for us: nobody put our user into its group."""
    place = stack.scratch / "closed.sock"
    stack.helper("closed-engine", ["python", "-c", CLOSED, str(place)])
    place.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(place, 65534, 65534)
    stack.edit_target("docker.host", f"unix://{place}")


@fault(
    "engine-unknown-name",
    component="docker",
    mode="docker",
    cause_class="name resolution",
    must_fail=[ENGINE],
    unknown=[*NO_ENGINE, *HOST],
    manual_fix=TARGET_FILE,
)
def engine_unknown_name(stack: DockerStack) -> None:
    """The name of the engine's machine does not resolve."""
    stack.edit_target("docker.host", "tcp://docker.motel.invalid:2375")


@fault(
    "engine-tcp-refuses",
    component="docker",
    mode="docker",
    cause_class="stopped",
    must_fail=[ENGINE],
    unknown=NO_ENGINE,
    manual_fix=TARGET_FILE,
)
def engine_tcp_refuses(stack: DockerStack) -> None:
    """The engine was told to listen on its socket only: its TCP address refuses connections."""
    stack.edit_target("docker.host", f"tcp://127.0.0.1:{stack.free_port()}")


@fault(
    "engine-is-something-else",
    component="docker",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[ENGINE],
    unknown=NO_ENGINE,
    manual_fix=TARGET_FILE,
)
def engine_is_something_else(stack: DockerStack) -> None:
    """Another program answers at the engine's address: the page's own web server."""
    stack.edit_target("docker.host", f"tcp://127.0.0.1:{stack.ports['frontend']}")
