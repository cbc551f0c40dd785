"""The database's password from its container's environment, only where the target asks for that.

It has a connection to the engine of its own: were it to need the shared one, every look at the database would wait for
Docker, also where the password comes from a variable.
"""

from dataclasses import dataclass, field

from oncall.finding import CouldNotCheck
from oncall.probes.containers.services import docker_attempt, docker_client  # noqa: F401  the two looks that are made here
from oncall.probing.register import PROBES, client
from oncall.runtimes.runtime import ContainerRuntime
from oncall.target.schema import Stack
from oncall.target.secrets import Secrets

VARIABLE = "POSTGRES_PASSWORD"
INSTEAD = 'set postgres.password = "variable"'


@dataclass(frozen=True)
class ContainerPassword:
    """The password, or why there is none; asked: whether the target wants it from there."""

    asked: bool = False
    value: str = field(default="", repr=False)
    missing: CouldNotCheck | None = None


@client(of="postgres", deadline=6.0)
def container_password(stack: Stack, secrets: Secrets) -> ContainerPassword:
    """POSTGRES_PASSWORD of the database's container."""
    if stack.postgres.absent or stack.postgres.password != "from-container":  # noqa: S105  a choice, no password
        return ContainerPassword()
    if stack.docker.absent or stack.postgres.runtime != "compose":
        told = f"the target file says that the database runs in no container: {INSTEAD}"
        return ContainerPassword(True, missing=CouldNotCheck(told))
    connection = PROBES["docker_attempt"].function(stack)
    try:
        runtime: ContainerRuntime = PROBES["docker_client"].function(stack, next(connection))
        value = _password(runtime, stack)
    except CouldNotCheck as error:
        told = f"the database's password is in its container, but {error}"
        return ContainerPassword(True, missing=CouldNotCheck(told, root=error.root))
    finally:
        next(connection, None)  # closes it
    secrets.learn(value)
    return ContainerPassword(True, value)


def _password(runtime: ContainerRuntime, stack: Stack) -> str:
    found = runtime.containers(2.0).of(stack.postgres.service)
    if not found:
        raise CouldNotCheck("postgres has no container", root="service_containers.running[postgres]")
    container = next((one for one in found if one.running), found[0])
    if value := container.environment.get(VARIABLE, ""):
        return value
    if container.environment.get(f"{VARIABLE}_FILE", ""):
        raise CouldNotCheck(
            f"{container.name} reads it from a file inside ({VARIABLE}_FILE), which is not looked into: {INSTEAD}"
        )
    raise CouldNotCheck(f"{container.name} has no {VARIABLE}: {INSTEAD}")
