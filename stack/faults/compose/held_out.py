"""Faults under Docker that were written after the diagnosis, by somebody who had not read it."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.page import BUILD, badly_built
from stack.faults.compose.starts import noticed, patiently
from stack.faults.expected.container_failures import (
    HEALTHY,
    LISTENS,
    LOG,
    NO_LOGIN,
    ON_NETWORK,
    PORT,
    RESOLVES,
    RUNNABLE,
    RUNNING,
    STATS,
    UP,
    of,
)
from stack.faults.expected.database_failures import BACKEND_FAILS, LOGIN, NO_SESSION, without
from stack.faults.expected.unknowns import PUBLIC_API, PUBLIC_TOKEN, SILENT_BACKEND
from stack.faults.tools.manual_fix import COMPOSE_FILE, ENV_FILE, PROXY

HANDSHAKE = "test_handshake_succeeds_through_the_proxy"


@fault(
    "container-backend-listens-inside-only",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=["test_backend_answers_its_health_check", *of("backend", LISTENS)],
    unknown=SILENT_BACKEND,
    manual_fix=ENV_FILE,
    held_out_result="right",
)
def backend_listens_inside_only(stack: DockerStack) -> None:
    """A developer's setting was deployed: the backend listens on its container's own loopback address only."""
    stack.restart("backend", wait=False, HOST="127.0.0.1")
    patiently(stack, lambda: stack.is_healthy(stack.container("backend")), "the backend is healthy inside")


@fault(
    "container-backend-stale-hosts-entry",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[RESOLVES, PORT, *BACKEND_FAILS, *of("backend", HEALTHY)],
    may_fail=of("backend", LOG),
    unknown=NO_LOGIN,
    manual_fix=COMPOSE_FILE,
    held_out_result="network",
)
def backend_stale_hosts_entry(stack: DockerStack) -> None:
    """A line of extra_hosts in the backend's service still names the address of the former database server."""
    stack.edit_compose("services.backend.extra_hosts", ["postgres:192.0.2.10"])
    stack.edit_compose("services.backend.healthcheck.start_period", "1s")  # or Docker forgives for half a minute
    stack.recreate("backend", wait=False)
    noticed(stack, "backend")


@fault(
    "container-backend-replica-paused",
    component="backend",
    mode="docker",
    cause_class="hung",
    must_fail=of("backend", RUNNING),
    unknown=of("backend", UP, HEALTHY, RUNNABLE, *STATS, *ON_NETWORK),
    held_out_result="right",
)
def backend_replica_paused(stack: DockerStack) -> None:
    """Somebody paused the second of two backends to look into it and forgot it; the proxy asks the first one only."""
    first = str(stack.inspect("backend")["Name"]).lstrip("/")
    stack.edit_nginx("backend:3001", f"{first}:3001")
    stack.scale("backend", 2)
    stack.docker("pause", stack.containers("backend")[1])


@fault(
    "container-page-of-the-next-build",
    component="frontend",
    mode="docker",
    cause_class="missing file",
    must_fail=[BUILD],
    manual_fix=COMPOSE_FILE,
    held_out_result="right",
)
def page_of_the_next_build(stack: DockerStack) -> None:
    """A build cache mixed two layers: index.html names the next build's script and style, the assets are the last's."""
    badly_built(stack, r"sed -Ei 's#(app|style)\.[0-9a-f]{8}#\1.0f1e2d3c#' /usr/share/nginx/html/index.html")
    stack.wait_healthy("frontend", 30)


@fault(
    "container-proxy-asks-itself",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[HANDSHAKE, PUBLIC_API],
    unknown=[PUBLIC_TOKEN],
    may_fail=of("frontend", LOG),
    manual_fix=PROXY,
    held_out_result="right",
)
def proxy_asks_itself(stack: DockerStack) -> None:
    """The proxy's route for the socket was written with its own address: it asks itself until it has no more room."""
    route = "location ^~ /realtime {\n        proxy_pass "
    stack.edit_nginx(f"{route}$backend;", f"{route}http://127.0.0.1:80;")


@fault(
    "volume-owner-changed",
    component="postgres",
    mode="docker",
    cause_class="missing privilege",
    must_fail=[LOGIN, *BACKEND_FAILS, *of("backend", HEALTHY)],
    may_fail=[*of("postgres", LOG, HEALTHY), *of("backend", LOG)],
    unknown=[*without(NO_SESSION, LOGIN), *NO_LOGIN],
    held_out_result="right, with 17 unknowns beside it",
)
def volume_owner_changed(stack: DockerStack) -> None:
    """A backup script ran `chown -R root` over the data volume while the database was running."""
    stack.in_volume("chown -R 0:0 /data")
    noticed(stack, "backend")
