"""The README's own set-up for Docker: a socket that only looks is enough, and no container is written to."""

import http.client
import json
import re
import socket
import time
import tomllib
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from stack.docker import lifecycle
from stack.state import Home
from tests.integration.get_only_proxy import get_only
from tests.integration.playbook_runs import ROOT, Outcome, Runs

pytestmark = pytest.mark.docker

MARK = "<!-- executed by tests/integration/test_docker_least_privilege.py -->"


def shown():
    """The [docker] table that the README tells people to write."""
    block = re.search(rf"{MARK}\s*```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return tomllib.loads(block[1])["docker"]


def named():
    """The parts of the engine's API that the README says a proxy has to allow."""
    before = (ROOT / "README.md").read_text().partition(MARK)[0].rpartition("socket proxy")[2]
    return set(re.findall(r"`(/\w+)`", before))


def quiet(line):
    """The stack's own talk is not for a test's output."""


@pytest.fixture(scope="module")
def docker_stack(tmp_path_factory):
    """A healthy stack under Compose; nothing here does it any harm."""
    home = Home(tmp_path_factory.mktemp("docker") / "home")
    try:
        yield lifecycle.up(home, quiet)
    finally:
        lifecycle.down(home, quiet)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """The socket that only looks."""
    with get_only(tmp_path_factory.mktemp("s") / "s") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def run(docker_stack, proxy, tmp_path_factory):
    """One run of the whole suite with the README's settings, and what Docker tells of the containers around it."""
    for key, value in {**shown(), "host": proxy.address}.items():
        docker_stack.edit_target(f"docker.{key}", value)
    before, began = written(docker_stack), time.time()
    done = Runs(tmp_path_factory.mktemp("run"))(docker_stack.home.target, DOCKER_HOST="unix:///nowhere")
    return Watched(done, before, written(docker_stack), happened(docker_stack, began))


@dataclass(frozen=True)
class Watched:
    """The run; what each container had changed of its image's files before and after it; the engine's events."""

    outcome: Outcome
    before: dict
    after: dict
    events: list


def written(stack):
    """By service: what `docker diff` says, in any order."""
    services = ("postgres", "backend", "frontend")
    return {service: set(stack.docker("diff", stack.container(service)).splitlines()) for service in services}


def happened(stack, began):
    """What the engine did with the project's containers since then, without its own health checks."""
    label = f"label=com.docker.compose.project={stack.project}"
    between = ("--since", f"{began:.3f}", "--until", f"{time.time():.3f}")
    told = stack.docker("events", *between, "--filter", label, "--format", "{{.Action}}").splitlines()
    checks = [stack.inspect(each)["Config"]["Healthcheck"]["Test"] for each in stack.containers()]
    commands = {" ".join(words[1:] if words[0] == "CMD" else ["/bin/sh", "-c", *words[1:]]) for words in checks}
    usual = {f"{verb}: {command}" for verb in ("exec_create", "exec_start") for command in commands}
    return [action for action in told if action not in usual and not action.startswith(("exec_die", "health_status"))]


def ask(proxy, method, path, **headers):
    """One request through the proxy."""
    connection = http.client.HTTPConnection("docker", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(urlsplit(proxy.address).path)
    connection.request(method, path, headers=headers)
    return connection.getresponse()


def test_readme_shows_a_socket_and_no_exec():
    """What is tested below is what people are told."""
    assert shown()["exec"] is False
    assert shown()["host"].startswith("unix://")


def test_looking_is_enough(run):
    """The healthy stack is green: nothing fails, nothing is unknown, exit 0."""
    done = run.outcome

    assert done.checks("failed", "unknown", "error") == set(), done.screen
    assert done.code == 0
    assert "test_service_is_running[backend]" in done.checks("passed")


def test_only_questions_were_asked(run, proxy):
    """The engine was asked, by GET alone: no request had to be refused."""
    assert proxy.refused == []
    assert {method for method, _ in proxy.allowed} <= {"GET", "HEAD"}
    asked = {re.sub(r"^(?:/v[\d.]+)?(/\w+).*", r"\1", path) for _, path in proxy.allowed}
    assert {"/version", "/info", "/containers", "/events", "/volumes"} <= asked <= named()


def test_nothing_was_written_to_any_container(run):
    """Their files are as they were, and nothing was executed in them but Docker's own health checks."""
    assert run.after == run.before
    assert run.events == []


def test_what_is_written_would_be_seen(run, docker_stack):
    """The two looks above do see a command that is executed and a file that is written."""
    began = time.time()
    docker_stack.exec("backend", "touch", "/tmp/seen")  # noqa: S108  inside the container

    assert [action for action in happened(docker_stack, began) if action.startswith("exec_start: touch")]
    assert "A /tmp/seen" in written(docker_stack)["backend"]


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/containers/{id}/exec", {}),
        ("POST", "/containers/{id}/stop", {}),
        ("DELETE", "/containers/{id}", {}),
        ("PUT", "/containers/{id}/archive?path=/", {}),
        ("GET", "/containers/{id}/attach/ws?stdin=1", {"Connection": "Upgrade", "Upgrade": "websocket"}),
    ],
)
def test_proxy_refuses_what_writes(run, docker_stack, tmp_path, method, path, headers):
    """The proxy is a real one: it does keep people from writing."""
    with get_only(tmp_path / "s") as another:
        answer = ask(another, method, path.format(id=docker_stack.container("backend")), **headers)

    assert answer.status == 403
    assert another.allowed == []
    assert [one for one, _ in another.refused] == [method]
    assert docker_stack.inspect("backend")["State"]["Running"]


def test_proxy_passes_streams_on(run, docker_stack, tmp_path):
    """A reading comes when the engine sends it, not when the stream ends; and ends when the reader goes."""
    with get_only(tmp_path / "s") as another:
        began = time.monotonic()
        with ask(another, "GET", f"/containers/{docker_stack.container('backend')}/stats?stream=1") as stream:
            first = json.loads(stream.readline())
            second = json.loads(stream.readline())
        seconds = time.monotonic() - began

    assert first["id"] == second["id"]
    assert first["read"] < second["read"]
    assert seconds < 40
