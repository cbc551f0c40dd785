"""What the logs tell of: each class of known signature once, by its real cause where there is one."""

import http.client
from concurrent.futures import ThreadPoolExecutor

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import PAGE, crashing
from stack.faults.expected.container_failures import LOG, SILENT_PAGE, UP, of, restarting
from stack.faults.tools.manual_fix import PROXY

LINES = {  # name: whom the line accuses, its class, what happened, the line
    "memory-refused": ("backend", "resource exhaustion", "The backend's heap is full, in its own words.",
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
    "too-many-files": ("backend", "resource exhaustion", "The backend has too many files open, says its log.",
        "Error: EMFILE: too many open files, open '/app/public/logo.svg'"),
    "database-password": ("backend", "authentication issue", "The backend's password for its database is refused.",
        'error: password authentication failed for user "reports"'),
    "damaged-data": ("postgres", "data corruption", "The backend was told that a page of the database is damaged.",
        "PostgresError: invalid page in block 7 of relation base/16385/16402"),
    "failed-migration": ("auth", "failed migration", "A failed migration blocks the backend's others.",
        "Error: P3009 migrate found failed migrations in the target database"),
    "no-secret": ("auth", "misconfiguration", "A module of the backend finds no secret for its tokens.",
        "Error: secretOrPrivateKey must have a value"),
    "certificate": ("backend", "certificate", "The certificate of a service that the backend asks has expired.",
        "Error: certificate has expired, code: 'CERT_HAS_EXPIRED'"),
    "wrong-machine": ("backend", "code defect", "A tool in the backend's image was built for another machine.",
        "exec /app/bin/pdf: exec format error"),
    "unhandled": ("backend", "code defect", "The backend let an exception pass that nobody handles.",
        "[UnhandledPromiseRejection: This error originated by rejecting a promise which was not handled]"),
}  # fmt: skip


def writes(name: str, component: str, cause: str, story: str, line: str) -> None:
    def inject(stack: DockerStack) -> None:
        stack.exec("backend", "sh", "-c", "cat > /proc/1/fd/1", give=f"{line}\n".encode())

    inject.__doc__ = story
    fault(f"container-log-{name}", component=component, mode="docker", cause_class=cause, must_fail=of("backend", LOG))(
        inject
    )


for each, told in LINES.items():
    writes(each, *told)


@fault(
    "container-log-port-taken",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=of("backend", LOG),
)
def port_taken(stack: DockerStack) -> None:
    """Somebody started the backend a second time, in the same container: its port is taken."""
    stack.exec("backend", "sh", "-c", "python3 -m stack.backend >/proc/1/fd/1 2>&1", check=False)


@fault(
    "container-log-worker-killed",
    component="postgres",
    mode="docker",
    cause_class="stopped",
    must_fail=of("postgres", LOG),
)
def worker_killed(stack: DockerStack) -> None:
    """Somebody killed a session of the database with kill -9: it ended all others and recovered."""
    script = "psql -qU postgres -d motel -c 'SELECT pg_sleep(99)' & sleep 1; pkill -9 -f 'postgres: postgres motel'"
    stack.exec("postgres", "sh", "-c", script, user="0", check=False)
    stack.wait_healthy("postgres", 30)


@fault(
    "container-log-proxy-configuration",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    must_fail=[*of("frontend", UP, LOG), PAGE],
    unknown=[*restarting("frontend"), *SILENT_PAGE],
    manual_fix=PROXY,
)
def proxy_configuration(stack: DockerStack) -> None:
    """A typing mistake in nginx's configuration: it does not start any more."""
    stack.nginx.write_text(stack.nginx.read_text().replace("proxy_http_version", "proxy_http_vresion"))
    stack.recreate("frontend", wait=False)
    crashing(stack, "frontend")


@fault(
    "container-log-forged-tokens",
    component="auth",
    mode="docker",
    cause_class="authentication issue",
    must_fail=["test_no_burst_of_authentication_errors"],
)
def forged_tokens(stack: DockerStack) -> None:
    """After a change of secrets a crowd of users comes with tokens that are not accepted any more."""
    head, claims, _ = stack.token().split(".")
    bearer = {"Authorization": f"Bearer {head}.{claims}.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: stack.ask("/api/suites", headers=bearer), range(30)))


@fault(
    "container-log-sockets-refused",
    component="websocket",
    mode="docker",
    cause_class="resource exhaustion",
    must_fail=["test_no_burst_of_socket_errors"],
)
def sockets_refused(stack: DockerStack) -> None:
    """For a moment there were more sockets than the backend takes; many people were turned away."""
    stack.restart("backend", WEBSOCKET_LIMIT="2")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    place = f"/realtime?token={stack.token()}"
    kept = []
    for _ in range(2):
        connection = http.client.HTTPConnection("127.0.0.1", stack.ports["backend"], timeout=5)
        connection.request("GET", place, headers=upgrade)
        connection.sock.recv(1000)
        kept.append(connection)
    for _ in range(15):
        stack.ask(place, headers=upgrade)
    for connection in kept:
        connection.close()
