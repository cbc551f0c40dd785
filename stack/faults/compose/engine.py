"""The engine itself, seen through a socket of ours."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.expected.container_failures import NO_ENGINE


@fault(
    "engine-has-no-socket",
    component="docker",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_docker_engine_answers"],
    unknown=NO_ENGINE,
    heals="whole machine",
)
def engine_has_no_socket(stack: DockerStack) -> None:
    """The engine was stopped: its socket is gone."""
    stack.edit_target("docker.host", f"unix://{stack.scratch / 'gone.sock'}")


@fault(
    "engine-refuses",
    component="docker",
    mode="docker",
    cause_class="stopped",
    must_fail=["test_docker_engine_answers"],
    unknown=NO_ENGINE,
    heals="whole machine",
)
def engine_refuses(stack: DockerStack) -> None:
    """The engine died and left its socket behind: nobody listens."""
    stack.scratch.mkdir(exist_ok=True)
    path = stack.scratch / "dead.sock"
    stack.helper("dead-socket", ["python", "-c", LEAVE.format(path=str(path))], ready="ready")
    stack.edit_target("docker.host", f"unix://{path}")


@fault(
    "engine-hangs",
    component="docker",
    mode="docker",
    cause_class="hung",
    must_fail=["test_docker_engine_answers"],
    unknown=NO_ENGINE,
    heals="whole machine",
)
def engine_hangs(stack: DockerStack) -> None:
    """The engine accepts connections and never answers."""
    stack.scratch.mkdir(exist_ok=True)
    path = stack.scratch / "mute.sock"
    stack.helper("mute-socket", ["python", "-c", MUTE.format(path=str(path))], ready="ready")
    stack.edit_target("docker.host", f"unix://{path}")


LEAVE = """
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind({path!r}); print('ready', flush=True); time.sleep(3600)
"""
MUTE = """
import socket, time
s = socket.socket(socket.AF_UNIX); s.bind({path!r}); s.listen(64); print('ready', flush=True); time.sleep(3600)
"""
