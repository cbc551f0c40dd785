"""The database's volume, and what lies on it."""

from stack.docker.running import DockerStack
from stack.faults import fault


@fault(
    "volume-anonymous",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_data_volume_is_in_place"],
)
def volume_anonymous(stack: DockerStack) -> None:
    """The database keeps its data on an anonymous volume: the next `down` loses it."""
    _data_in(stack, ["/var/lib/postgresql"])


def _data_in(stack: DockerStack, volumes: list[str]) -> None:
    stack.edit_compose("services.postgres.volumes", volumes)
    stack.compose("rm", "-sf", "postgres")  # a container that is merely recreated takes its old volume along
    stack.recreate("postgres")
