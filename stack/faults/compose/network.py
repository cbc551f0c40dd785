"""Containers that cannot reach each other."""

from contextlib import suppress

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import noticed
from stack.faults.expected.container_failures import (
    BURST,
    FROM_INSIDE,
    HEALTHY,
    LOG,
    NAMESAKES,
    NETWORK,
    NO_LOGIN,
    PORT,
    RESOLVES,
    RUNNABLE,
    of,
)
from stack.faults.expected.database_failures import BACKEND_FAILS
from stack.faults.expected.unknowns import PUBLIC_API, PUBLIC_TOKEN, SILENT_BACKEND
from stack.faults.tools.manual_fix import ENV_FILE, PROXY, ManualFix


@fault(
    "container-backend-disconnected",
    component="network",
    mode="docker",
    cause_class="network",
    must_fail=["test_backend_answers_its_health_check", *of("backend", NETWORK, HEALTHY)],
    may_fail=of("backend", LOG),
    unknown=[*SILENT_BACKEND, *FROM_INSIDE, *of("frontend", NETWORK)],
)
def backend_disconnected(stack: DockerStack) -> None:
    """The backend's container was taken off the project's network."""
    stack.docker("network", "disconnect", stack.network, stack.container("backend"))
    noticed(stack, "backend")


@fault(
    "container-database-name-unknown",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[*BACKEND_FAILS, RESOLVES],
    may_fail=of("backend", LOG),
    unknown=[*NO_LOGIN, PORT, *of("backend", HEALTHY, RUNNABLE)],
    manual_fix=ENV_FILE,
)
def database_name_unknown(stack: DockerStack) -> None:
    """The backend was given a name for its database that nobody answers to."""
    address = stack.env("backend")["DATABASE_URL"].replace("@postgres", "@postgras")
    stack.restart("backend", wait=False, DATABASE_URL=address)
    _wait_for_an_answer(stack)


@fault(
    "container-database-port-wrong",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[*BACKEND_FAILS, PORT],
    may_fail=of("backend", LOG),
    unknown=[*NO_LOGIN, *of("backend", HEALTHY)],
    manual_fix=ENV_FILE,
)
def database_port_wrong(stack: DockerStack) -> None:
    """The backend was given a wrong port for its database."""
    address = stack.env("backend")["DATABASE_URL"].replace(":5432", ":5433")
    stack.restart("backend", wait=False, DATABASE_URL=address)
    _wait_for_an_answer(stack)


@fault(
    "container-proxy-drops-upgrade",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_handshake_succeeds_through_the_proxy"],
    manual_fix=PROXY,
)
def proxy_drops_upgrade(stack: DockerStack) -> None:
    """The proxy no longer passes the upgrade headers."""
    stack.edit_nginx("proxy_set_header Upgrade $http_upgrade;", "")


@fault(
    "container-proxy-upstream-wrong",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_handshake_succeeds_through_the_proxy", PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
    may_fail=of("frontend", LOG),
    manual_fix=PROXY,
)
def proxy_upstream_wrong(stack: DockerStack) -> None:
    """The proxy sends what is for the backend to a port where nobody listens."""
    stack.edit_nginx("backend:3001", "backend:3009")


@fault(
    "container-namesake-of-another-project",
    component="network",
    mode="docker",
    cause_class="misconfiguration",
    words=(r"resolves to|another project|same name|namesake",),
    must_fail=[*of("backend", NAMESAKES), *of("postgres", NAMESAKES)],
    may_fail=[*of("frontend", LOG, BURST), *of("backend", LOG)],
    manual_fix=ManualFix("other program", lambda stack: stack.docker("rm", "-f", stranger(stack))),
)
def namesake_of_another_project(stack: DockerStack) -> None:
    """A job of another project is on our network under the names of our backend and database."""
    words = ["--network", stack.network, "--name", stranger(stack)]
    stack.run(*words, "--network-alias", "backend", "--network-alias", "postgres", command=["sleep", "3600"])


def stranger(stack: DockerStack) -> str:
    return f"batch-{stack.project[-4:]}"


def _wait_for_an_answer(stack: DockerStack) -> None:
    """The backend is up again, and says what it misses."""

    def answers() -> bool:
        with suppress(OSError):
            return stack.ask("/health", port=stack.ports["backend"])[0] == 503
        return False

    stack.wait(answers, "the backend to answer", 20)
