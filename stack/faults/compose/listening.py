"""Containers that run, and at whose port nobody outside is heard."""

import subprocess

from stack.docker.running import DockerStack
from stack.faults import fault
from stack.faults.compose.starts import API, PAGE, noticed
from stack.faults.expected.container_failures import BURST, HEALTHY, LISTENS, LOG, NO_LOGIN, PORT, SILENT_PAGE, of
from stack.faults.expected.database_failures import BACKEND_FAILS, NO_SESSION, REACHABLE
from stack.faults.expected.unknowns import SILENT_BACKEND
from stack.faults.tools.manual_fix import COMPOSE_FILE, ENV_FILE


@fault(
    "container-backend-listens-to-itself",
    component="backend",
    mode="docker",
    cause_class="misconfiguration",
    words=(r"127\.0\.0\.1|localhost|loopback|listens? .*only",),
    must_fail=[*of("backend", LISTENS), API],
    may_fail=of("frontend", LOG),
    unknown=SILENT_BACKEND,
    manual_fix=ENV_FILE,
)
def backend_listens_to_itself(stack: DockerStack) -> None:
    """A developer's HOST=127.0.0.1 came along: the backend is healthy in its own container, and nobody else gets in."""
    stack.restart("backend", wait=False, HOST="127.0.0.1")
    stack.wait(lambda: stack.is_healthy(stack.container("backend")), "Docker says that it is healthy", 60)


@fault(
    "container-frontend-tails-nothing",
    component="frontend",
    mode="docker",
    cause_class="misconfiguration",
    words=(r"nothing\b.*listens?|\btail\b",),
    must_fail=[*of("frontend", LISTENS, HEALTHY), PAGE],
    unknown=SILENT_PAGE,
    manual_fix=COMPOSE_FILE,
)
def frontend_tails_nothing(stack: DockerStack) -> None:
    """Somebody kept the frontend's container up for a look inside, with tail, and forgot it: nothing serves."""
    stack.edit_compose("services.frontend.command", ["tail", "-f", "/dev/null"])
    stack.recreate("frontend", wait=False)
    noticed(stack, "frontend")


@fault(
    "container-backend-behind-a-firewall",
    component="network",
    mode="docker",
    cause_class="network",
    words=(r"packets|firewall|dropp",),
    must_fail=[*of("backend", LISTENS), API],
    may_fail=of("frontend", LOG),
    unknown=SILENT_BACKEND,
)
def backend_behind_a_firewall(stack: DockerStack) -> None:
    """A firewall drops what comes for the backend's port: it is well inside, and silent for everybody else."""
    rule = ["iptables", "-A", "INPUT", "!", "-i", "lo", "-p", "tcp", "--dport", "3001", "-j", "DROP"]
    pid = str(stack.inspect("backend")["State"]["Pid"])
    subprocess.run(["nsenter", "-t", pid, "-n", *rule], check=True, capture_output=True, timeout=15)


@fault(
    "container-postgres-on-another-port",
    component="postgres",
    mode="docker",
    cause_class="misconfiguration",
    words=(r"listens? on 5432.*only on|5433",),
    must_fail=[*of("postgres", LISTENS, HEALTHY), REACHABLE, PORT, *BACKEND_FAILS],
    may_fail=[*of("backend", HEALTHY, LOG, BURST), *of("postgres", LOG)],
    unknown=[*NO_SESSION, *NO_LOGIN],
    manual_fix=COMPOSE_FILE,
)
def postgres_on_another_port(stack: DockerStack) -> None:
    """The database's new command says port 5433; everybody goes on asking at 5432."""
    stack.edit_compose("services.postgres.command", ["postgres", "-c", "port=5433"])
    stack.recreate("postgres", wait=False)
    noticed(stack, "postgres")
    noticed(stack, "backend")
