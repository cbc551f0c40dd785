"""Benign scenarios under Docker: traces of what is over, of others, and of what people type."""

import json

from stack.docker.running import OURS, DockerStack
from stack.faults import benign
from stack.faults.compose.logs import say
from stack.faults.compose.starts import patiently
from stack.state import StackError

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
REFUSED = "Error: connect ECONNREFUSED 172.18.0.2:5432"
FULL = "Error: ENOSPC: no space left on device, write '/data/upload-7'"


@benign(
    "benign-container-killed-for-memory-before",
    component="backend",
    mode="docker",
    words=["OOM", "memory"],
    paired_with="container-frontend-paused",
)
def killed_for_memory_before(stack: DockerStack) -> None:
    """A process in the backend was killed for lack of memory, and somebody has restarted the container since."""
    stack.exec("backend", "python3", "-c", "bytearray(600 << 20)", check=False)
    stack.restart("backend")


@benign(
    "benign-container-one-off-unhealthy",
    component="frontend",
    mode="docker",
    words=["unhealthy", "one.?off", "_run_", "-run-"],
    paired_with="container-secret-default",
)
def one_off_unhealthy(stack: DockerStack) -> None:
    """Somebody tried something in a container of `compose run`: it was unhealthy, and was killed like that."""
    stack.edit_compose("services.frontend.healthcheck", {"start_period": "1s", "retries": 1})
    said = stack.compose("run", "-d", "--no-deps", "--entrypoint", "sleep", "frontend", "9999")
    stack.edit_compose("services.frontend.healthcheck", None)
    name = said.split()[-1]
    patiently(stack, lambda: stack.inspect(name)["State"]["Health"]["Status"] == "unhealthy", f"{name} is unhealthy")
    stack.docker("kill", name)


@benign(
    "benign-container-log-before-the-restart",
    component="postgres",
    mode="docker",
    words=["ECONNREFUSED", "refuses connections", "ENOSPC", "no space"],
    paired_with="container-frontend-stopped",
)
def log_before_the_restart(stack: DockerStack) -> None:
    """Before its last restart the backend could neither reach its database nor write a file."""
    say(stack, "backend", *[REFUSED, FULL] * 20)
    stack.restart("backend")


@benign(
    "benign-container-other-project-is-down",
    component="postgres",
    mode="docker",
    words=["blog"],
    paired_with="container-backend-paused",
)
def other_project_is_down(stack: DockerStack) -> None:
    """Another project on this engine has services of the same names; all of them have failed and ended."""
    for service in ("postgres", "backend", "frontend"):
        stranger(stack, service, "--restart", "no", script="echo 'FATAL: no space left on device'; exit 1")


@benign(
    "benign-container-other-project-crashes",
    component="backend",
    mode="docker",
    words=["blog", "OOM", "memory"],
    paired_with="container-frontend-crash-loop",
)
def other_project_crashes(stack: DockerStack) -> None:
    """The backend of another project is killed for lack of memory, again and again."""
    script = "exec python3 -c 'held = bytearray(300 << 20)'"
    other = stranger(stack, "backend", "--restart", "always", "--memory", "40m", "--memory-swap", "40m", script=script)
    patiently(stack, lambda: stack.inspect(other)["RestartCount"] >= 3, "the other backend to be killed three times")


@benign(
    "benign-container-new-image",
    component="backend",
    mode="docker",
    words=["backend:v2", "deploy", "recreated"],
    paired_with="container-postgres-unhealthy",
)
def new_image(stack: DockerStack) -> None:
    """The backend was deployed a moment ago: a new image, a new label, and it is well."""
    name = f"{stack.project}-backend:v2"
    file = f"FROM {stack.state['images']['backend']}\nLABEL org.opencontainers.image.version=2\n"
    stack.docker("build", "-q", "-t", name, "--label", f"{OURS}={stack.project}", "-", give=file.encode())
    stack.edit_compose("services.backend.image", name)
    stack.edit_compose("services.backend.build.labels", {OURS: stack.project})
    stack.edit_compose("services.backend.labels", {"release": "2024.07.1"})
    stack.recreate("backend")


@benign(
    "benign-container-killed-and-started",
    component="frontend",
    mode="docker",
    words=["frontend", "137", "killed"],
    paired_with="container-backend-unlimited",
)
def killed_and_started(stack: DockerStack) -> None:
    """The frontend was killed a moment ago, and has been started again."""
    stack.kill("frontend")
    stack.start("frontend")


@benign(
    "benign-container-migration-ended",
    component="auth",
    mode="docker",
    words=["migrat"],
    paired_with="container-frontend-command-not-found",
)
def migration_ended(stack: DockerStack) -> None:
    """The container of the last deploy's migration has ended well; of the try before it, one that failed is left."""
    image = stack.state["images"]["backend"]
    job = {"image": image, "restart": "no", "network_mode": "none", "command": ["sh", "-c", "exit 1"]}
    stack.edit_compose("services.migrate", job)
    stack.compose("run", "-d", "--no-deps", "migrate")
    stack.edit_compose("services.migrate.command", ["sh", "-c", "exit 0"])
    stack.compose("up", "-d", "--no-deps", "--no-build", "migrate")
    patiently(stack, lambda: stack.inspect(stack.container("migrate"))["State"]["Status"] == "exited", "it has ended")
    stack.restart("backend")


@benign(
    "benign-container-volume-left-over",
    component="postgres",
    mode="docker",
    words=["volume", "_data_old", "dangling"],
    paired_with="container-backend-stopped",
)
def volume_left_over(stack: DockerStack) -> None:
    """A volume named almost like the data volume lies about: nobody uses it."""
    label = f"{OURS}={stack.project}"
    stack.docker("volume", "create", "--label", label, "--label", f"{PROJECT}={stack.project}", f"{stack.volume}_old")


@benign(
    "benign-container-words-of-a-user",
    component="host",
    mode="docker",
    words=["no space", "ENOSPC", "out of memory", "heap", "panic"],
    paired_with="container-frontend-stopped",
)
def words_of_a_user(stack: DockerStack) -> None:
    """Users write about errors: in a task's title, in a search, in the name that they log in with."""
    title = "FATAL: JavaScript heap out of memory, then ENOSPC: no space left on device, core dumped"
    line = {"level": "info", "logger": "backend", "message": "task created", "title": title}
    say(stack, "backend", json.dumps(line), f'10.0.0.7 - - "GET /api/tasks?q={FULL.replace(" ", "+")} HTTP/1.1" 200 17')
    for name in ("No space left on device", "panic: out of memory"):
        status, _ = stack.ask("/api/auth/login", body={"username": name, "password": REFUSED}, timeout=10)
        if status != 401:
            raise StackError(f"the login of a stranger is answered with {status}, not refused")


@benign(
    "benign-container-database-restarted",
    component="postgres",
    mode="docker",
    words=["starting", "shut", "terminat", "restart"],
    paired_with="container-proxy-drops-upgrade",
)
def database_restarted(stack: DockerStack) -> None:
    """The database was restarted a moment ago; the backend lost its sessions, said so, and has new ones."""
    stack.restart("postgres")
    stack.wait_healthy("backend")


def stranger(stack: DockerStack, service: str, *options: str, script: str) -> str:
    """A container of another project; its id."""
    labels = ["--label", f"{PROJECT}={stack.project}-blog", "--label", f"{SERVICE}={service}"]
    labels += ["--label", "com.docker.compose.oneoff=False", "--label", "com.docker.compose.container-number=1"]
    name = f"{stack.project}-blog_{service}_1"
    return stack.run("--name", name, "--network", "none", *labels, *options, command=["sh", "-c", script])
