"""The ways between the containers, blocked at one place each."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import PAGE, noticed
from stack.faults.expected.container_failures import (
    FROM_INSIDE,
    HEALTHY,
    LISTENS,
    LOG,
    NETWORK,
    NO_LOGIN,
    PORT,
    RESOLVES,
    SILENT_PAGE,
    of,
)
from stack.faults.expected.database_failures import BACKEND_FAILS, NO_SESSION, REACHABLE
from stack.faults.expected.unknowns import PUBLIC_API, PUBLIC_TOKEN
from stack.state import StackError

NOWHERE = "02:00:00:00:00:01"
PROXY = "test_handshake_succeeds_through_the_proxy"
NO_DATABASE = [*BACKEND_FAILS, *of("backend", HEALTHY)]


@fault(
    "container-database-without-its-name",
    component="network",
    mode="docker",
    cause_class="name resolution",
    must_fail=[RESOLVES, *NO_DATABASE],
    may_fail=of("backend", LOG),
    unknown=[PORT, *NO_LOGIN],
)
def database_without_its_name(stack: DockerStack) -> None:
    """The database's container was put back on the network by hand, without its name."""
    stack.docker("network", "disconnect", stack.network, stack.container("postgres"))
    stack.docker("network", "connect", stack.network, stack.container("postgres"))
    noticed(stack, "backend")


@fault(
    "container-database-packets-dropped",
    component="network",
    mode="docker",
    cause_class="network",
    must_fail=[PORT, *NO_DATABASE],
    may_fail=of("backend", LOG),
    unknown=NO_LOGIN,
)
def database_packets_dropped(stack: DockerStack) -> None:
    """What the backend sends to its database gets lost on the way."""
    address = stack.address_inside("postgres")
    within(stack, "backend", "ip", "neigh", "replace", address, "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent")
    noticed(stack, "backend")


@fault(
    "container-database-without-route",
    component="network",
    mode="docker",
    cause_class="network",
    must_fail=[PORT, *NO_DATABASE],
    may_fail=of("backend", LOG),
    unknown=NO_LOGIN,
)
def database_without_route(stack: DockerStack) -> None:
    """A rule on the host leaves the backend without a route to its database."""
    within(stack, "backend", "ip", "route", "add", "unreachable", stack.address_inside("postgres"))
    noticed(stack, "backend")


@fault(
    "container-database-listens-inside-only",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[*of("postgres", LISTENS), REACHABLE, PORT, *NO_DATABASE],
    may_fail=of("backend", LOG),
    unknown=[*NO_SESSION, *NO_LOGIN],
)
def database_listens_inside_only(stack: DockerStack) -> None:
    """The database was told to listen on its own loopback address only."""
    stack.psql("ALTER SYSTEM SET listen_addresses = 'localhost'")
    stack.restart("postgres", wait=False)
    stack.wait(lambda: stack.is_healthy(stack.container("postgres")), "the database runs again", 40)
    noticed(stack, "backend")


@fault(
    "container-postgres-disconnected",
    component="network",
    mode="docker",
    cause_class="network",
    must_fail=[*of("postgres", NETWORK), REACHABLE, *NO_DATABASE],
    may_fail=of("backend", LOG),
    unknown=[*of("backend", NETWORK), *FROM_INSIDE, *NO_SESSION, *NO_LOGIN],
)
def postgres_disconnected(stack: DockerStack) -> None:
    """The database's container was taken off the project's network."""
    stack.docker("network", "disconnect", stack.network, stack.container("postgres"))
    noticed(stack, "backend")


@fault(
    "container-frontend-disconnected",
    component="network",
    mode="docker",
    cause_class="network",
    must_fail=[*of("frontend", NETWORK), PAGE],
    unknown=SILENT_PAGE,
)
def frontend_disconnected(stack: DockerStack) -> None:
    """The frontend's container was taken off the project's network."""
    stack.docker("network", "disconnect", stack.network, stack.container("frontend"))


@fault(
    "container-frontend-on-another-network",
    component="network",
    mode="docker",
    cause_class="network",
    must_fail=[*of("frontend", NETWORK), PROXY, PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
    may_fail=of("frontend", LOG),
)
def frontend_on_another_network(stack: DockerStack) -> None:
    """The frontend was moved to a network of its own: its page is served, the backend is out of its reach."""
    other = f"{stack.project}_other"
    stack.docker("network", "create", "--label", f"oncall.stack={stack.project}", other)
    stack.docker("network", "connect", other, stack.container("frontend"))
    stack.docker("network", "disconnect", stack.network, stack.container("frontend"))


def within(stack: DockerStack, service: str, *command: str) -> None:
    """A command of root inside a service's network, from a container beside it."""
    place = f"container:{stack.container(service)}"
    paired_with = stack.run("--network", place, "--user", "0", "--cap-add", "NET_ADMIN", command=command)
    if (code := stack.docker("wait", paired_with)) != "0":
        raise StackError(f"{' '.join(command)}: exit code {code}: {stack.docker('logs', paired_with)}")
