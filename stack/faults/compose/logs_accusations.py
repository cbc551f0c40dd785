"""What a proxy's log says of others while its own setting is wrong."""

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.logs import past_its_start
from stack.faults.expected.container_failures import LOG, of
from stack.faults.expected.unknowns import PUBLIC_API, PUBLIC_TOKEN
from stack.faults.tools.manual_fix import PROXY

THROUGH_THE_PROXY = "test_handshake_succeeds_through_the_proxy"
STATIC = "proxy_pass http://backend:3001;"


@fault(
    "container-proxy-keeps-an-old-address",
    component="frontend",
    mode="docker",
    cause_class="stale address",
    must_fail=[THROUGH_THE_PROXY, PUBLIC_API, *of("frontend", LOG)],
    unknown=[PUBLIC_TOKEN],
    manual_fix=PROXY,
)
def proxy_keeps_an_old_address(stack: DockerStack) -> None:
    """The backend was made anew and has another address; the proxy, which looked it up once, still asks the old one."""
    stack.edit_nginx("proxy_pass $backend;", STATIC)
    asked(stack, 401)
    stack.docker("rm", "-f", stack.container("backend"))
    stack.run("--network", stack.network, "--entrypoint", "sleep", command=["9999"])  # it gets the address that is free
    stack.compose("up", "-d", "--no-deps", "--no-build", "backend")
    stack.wait_healthy("backend")
    past_its_start(stack, "backend")
    asked(stack, 502)


@fault(
    "container-proxy-asks-for-nobody",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[THROUGH_THE_PROXY, PUBLIC_API, *of("frontend", LOG)],
    unknown=[PUBLIC_TOKEN],
    manual_fix=PROXY,
)
def proxy_asks_for_nobody(stack: DockerStack) -> None:
    """The proxy was told to ask a service that this project does not have."""
    past_its_start(stack, "frontend")
    stack.edit_nginx("http://backend:3001", "http://realtime:3001")
    asked(stack, 502)


def asked(stack: DockerStack, status: int) -> None:
    """Somebody asks the API through the proxy, until it answers so."""
    port = stack.ports["frontend"]
    stack.wait(lambda: stack.ask("/api/suites", port=port)[0] == status, f"the proxy to answer {status}", 20)
