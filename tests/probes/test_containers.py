"""Containers in every state, on the real engine; and engines that do not answer."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.counting_proxy import CountingProxy, proxies
from oncall import testing
from oncall.facts.containers import HealthResult, ServiceHealth
from oncall.facts.postgres import DatabaseConnection
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.health_checks import health_of
from oncall.probes.containers.services import _connect
from oncall.runtimes.compose import DockerCompose
from oncall.runtimes.engine_address import engine_address
from oncall.runtimes.engine_answers import plain
from oncall.runtimes.runtime import Container, Health, Project
from oncall.target.kinds import Component
from oncall.target.schema import Backend, Docker, Frontend, Postgres, Stack
from tests.probes.docker_patients import NO_ENGINE, docker, look, looks, patients, state, wait
from tests.probes.postgres_server import as_nobody

pytestmark = [pytest.mark.docker]
ROOT = Path(__file__).parent.parent.parent
engine = pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")

NOW = datetime.now(UTC)
QUICK = ["--health-interval", "300ms", "--health-retries", "2", "--health-timeout", "300ms"]


def sick(command):
    return [*QUICK, "--health-cmd", command]


@pytest.fixture(scope="module")
def ward():
    """One container in each state."""
    with patients("states") as them:
        them.at_once(
            (("backend", "sleep", "600"), {"options": ["-m", "32m"]}),
            (("backend", "sleep", "600"), {"number": "2"}),
            (("backend", "sleep", "600"), {"oneoff": True}),
            (("ended", "sh", "-c", "exit 3"), {}),
            (("not-found", "/no/such/command"), {"fails": True}),
            (("not-executable", "/etc"), {"fails": True}),
            (("paused", "sleep", "600"), {}),
            (("looping", "sh", "-c", "exit 1"), {"options": ["--restart", "always"]}),
            (("healthy", "sleep", "600"), {"options": sick("true")}),
            (("sick", "sleep", "600"), {"options": sick("echo not today; exit 1")}),
            (("hanging", "sleep", "600"), {"options": sick("sleep 5")}),
            (("toolless", "sleep", "600"), {"options": sick("nosuchcurl")}),
            (("starting", "sleep", "600"), {"options": [*sick("false"), "--health-start-period", "1h"]}),
        )
        docker("pause", them.names["paused"])
        wait(lambda: int(state(them.names["looping"], "{{.RestartCount}}")) >= 3, "a loop")
        for name in ("sick", "hanging", "toolless"):
            wait(lambda name=name: state(them.names[name], "{{.State.Health.Status}}") == "unhealthy", name)
        wait(lambda: state(them.names["healthy"], "{{.State.Health.Status}}") == "healthy", "health")
        yield them


@engine
def test_a_running_service_has_no_problem(ward):
    """Replicas are all counted, one-off containers are not."""
    fact = look("service_containers", ward.stack())

    assert [one.status for one in fact.containers] == ["running", "running"]
    assert fact.not_running(3) == fact.starting_again(3) == ()
    assert [one.name[-1] for one in fact.without_memory_limit] == ["2"]
    assert all(len(one.id) == 12 for one in fact.containers)


@engine
@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("ended", "has ended: exit code 3"),
        ("not-found", "was created but never started: exit code 127, its command was not found"),
        ("not-executable", "was created but never started: exit code 126, its command cannot be executed"),
        ("paused", "is paused"),
    ],
)
def test_what_does_not_run_is_told_apart(ward, service, words):
    """Each state has its own words, and Docker's own error is evidence."""
    fact = look("service_containers", ward.stack(), service)
    (down,) = fact.not_running(3)

    assert down.problem == words
    assert bool(down.error) == service.startswith("not-")
    assert fact.described((down,))["containers"] == 1
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("service_containers.running")):
        fact.starting_again(3)


@engine
def test_a_loop_is_a_loop_whatever_it_does_right_now(ward):
    """Between two starts or just started: the verdict must not depend on the moment."""
    for _ in range(5):
        fact = look("service_containers", ward.stack(), "looping")
        assert len(fact.starting_again(3)) == 1
        with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("service_containers.stays_up")):
            fact.not_running(3)
        with pytest.raises(CouldNotCheck, match="again and again"):
            look("service_health", ward.stack(), "looping")
        time.sleep(0.2)


def test_a_project_of_another_name_is_unknown_while_its_parts_answer():
    """Nothing of this name is there, and the database answers: the target file names the wrong project, or none."""
    stack, none = Stack(), Project("motel", (), ("shop",))
    given = {
        "project": none,
        "database_connection": DatabaseConnection(address="localhost:5432", outcome="accepted"),
        "backend_health": CouldNotCheck("late"),
        "frontend_page": NotPart("none"),
    }
    with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "docker.project") as raised:
        testing.look("compose_project", stack, given=given)
    assert (
        str(raised.value)
        == "the engine has no project motel, and postgres answers: set docker.project, or docker.absent"
    )

    refused = DatabaseConnection(address="localhost:5432", outcome="refused")
    gone = testing.look("compose_project", stack, given=given | {"database_connection": refused})
    assert (gone.containers, gone.others) == (0, ("shop",))


@engine
def test_a_service_without_a_container_says_what_is_there(ward):
    """A wrong project's name looks like a stack that is down: that is another fact's to tell."""
    nowhere = "http://127.0.0.1:1"
    other = Stack(
        docker=Docker(project="oncall-no-such-project"),
        postgres=Postgres(host="127.0.0.1", port=1),
        backend=Backend(url=nowhere),
        frontend=Frontend(url=nowhere),
    )
    lacking = look("service_containers", ward.stack(), "postgres")

    assert lacking.containers == ()
    assert "healthy" in lacking.absence["services with containers"]
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "compose_project"):
        look("service_containers", other)
    found = look("compose_project", other)
    assert found.containers == 0
    assert ward.project in found.evidence["projects on this engine"]
    assert look("compose_project", ward.stack()).containers > 0


@engine
@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("sick", "fails its health check"),
        ("hanging", "does not answer its health check in time"),
        ("toolless", "has a health check that cannot run: nosuchcurl is missing in its image"),
    ],
)
def test_health_checks_fail_in_their_own_ways(ward, service, words):
    """A missing tool in the image is no fault of the service."""
    health = look("service_health", ward.stack(), service)
    (one,) = health.unrunnable if service == "toolless" else health.unhealthy

    assert one.problem == words
    assert service != "sick" or one.output == "not today"


OCI = "OCI runtime exec failed: exec failed: "


@pytest.mark.parametrize(
    ("code", "output", "problem", "manner"),
    [
        (-1, OCI + 'container_linux.go:380: starting container process caused: exec: "wget": executable file not found '
         "in $PATH: unknown", "has a health check that cannot run: wget is missing in its image", "config"),
        (-1, OCI + 'unable to start container process: exec: "/check": permission denied: unknown',
         "has a health check that cannot run: the engine cannot start its command", "config"),
        (127, "/bin/sh: 1: curl: not found", "has a health check that cannot run: curl is missing in its image",
         "config"),
        (126, "", "has a health check that cannot run: exit code 126", "config"),
        (-1, "Health check exceeded timeout (3s)", "does not answer its health check in time", "silent"),
        (1, "GET /page: not found", "fails its health check", "error answer"),
    ],
)  # fmt: skip
def test_a_health_check_that_cannot_run_is_told_from_one_that_fails(code, output, problem, manner):
    """Engines give -1 both for a command that they cannot start and for one that takes too long."""
    health = Health(status="unhealthy", streak=3, exit_code=code, output=output)
    (found,) = health_of([Container(id="a", name="web", service="web", status="running", health=health)], NOW)

    assert (found.problem, found.manner) == (problem, manner)
    assert found.layer == {"config": "config", "silent": "answers"}.get(manner, "correct")


def test_a_health_check_that_cannot_run_says_nothing_of_the_service():
    """Whether it is healthy nobody can tell; of two containers the one whose check has failed counts."""
    toolless = HealthResult(id="a", name="web", status="unhealthy", exit_code=127, missing="curl")
    health = ServiceHealth(component="web", service="web", containers=(toolless,))

    assert health.unrunnable == (toolless,)
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "service_health.command[web]"):
        _ = health.unhealthy
    failing = HealthResult(id="b", name="web", status="unhealthy", exit_code=1)
    assert replace(health, containers=(toolless, failing)).unhealthy == (failing,)


@pytest.mark.parametrize(("exit_code", "known"), [(None, False), (0, True)])
def test_a_health_check_that_has_not_run_yet_may_be_one_that_cannot(exit_code, known):
    """Unknown until its first result."""
    starting = HealthResult(id="a", name="web", status="starting", exit_code=exit_code, starting_seconds=60)
    health = ServiceHealth(component="web", service="web", containers=(starting,))

    if known:
        assert health.unrunnable == ()
    else:
        with pytest.raises(CouldNotCheck, match="ask again soon"):
            _ = health.unrunnable


@engine
def test_health_that_is_not_there_or_not_yet(ward):
    """Declared by nobody, still starting, or healthy."""
    assert look("service_health", ward.stack(), "healthy").unhealthy == ()
    with pytest.raises(NotPart, match="declares no health check"):
        look("service_health", ward.stack())
    with pytest.raises(CouldNotCheck, match="ask again soon"):
        _ = look("service_health", ward.stack(), "starting").unhealthy
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("service_containers.running")):
        look("service_health", ward.stack(), "ended")


@engine
def test_the_root_of_docker_is_a_filesystem_of_ours(ward):
    """A local engine's folder joins what df is asked about."""
    docker_engine, found = looks(["docker_engine", "filesystems"], ward.stack())

    assert docker_engine.local
    assert any(docker_engine.root in one.paths for one in found.filesystems)


def test_no_docker_is_declared():
    """With docker.absent every look is left out, whatever engine there is."""
    stack = Stack(docker=Docker(absent=True), components={"queue": Component(service="queue")})

    for name in ("docker_engine", "service_containers", "service_health", "container_stats", "oom_kills"):
        with pytest.raises(NotPart, match="there is no Docker"):
            look(name, stack, "queue")


# Engines that do not answer


@contextlib.contextmanager
def listener(folder, answer=None, mode=0o777):
    """A socket that accepts; it answers something, or never."""
    path = folder / "engine.sock"
    held = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                held.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(mode)
        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}"


def outcome(address):
    stack = Stack(docker=Docker(host=address))
    fact = look("docker_engine", stack)
    assert not fact.answers
    assert fact.problem
    return fact.outcome


def test_each_silence_has_its_own_name(tmp_path):
    """No socket, nobody behind it, no answer, an answer of something else, a name that does not resolve."""
    nobody = tmp_path / "nobody.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(nobody))

    assert outcome(f"unix://{tmp_path}/none.sock") == "no socket"
    assert outcome(f"unix://{nobody}") == "refused"
    assert outcome("tcp://127.0.0.1:1") == "refused"
    assert outcome("tcp://engine.invalid:2375") == "unresolved"
    with listener(tmp_path) as address:
        assert outcome(address) == "hangs"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["nothing", "no-http", "no-json", "no-version", "bad-gateway"],
)
def test_something_else_behind_the_socket(tmp_path, answer):
    """Whatever answers, it is no crash of ours, and what needs the engine points at its check."""
    with listener(tmp_path, answer) as address:
        assert outcome(address) == "garbled"
        with pytest.raises(CouldNotCheck, match="did not answer$", check=lambda error: error.root == "docker_engine"):
            look("service_containers", Stack(docker=Docker(host=address)))


def test_no_permission(tmp_path):
    """A member of no group is told so, not that the engine is down."""
    tmp_path.chmod(0o711)
    for folder in list(tmp_path.parents)[:2]:
        folder.chmod(0o711)
    code = (
        "from tests.probes.docker_patients import look; from oncall.target.schema import *; import sys;"
        "print(look('docker_engine', Stack(docker=Docker(host=sys.argv[1]))).outcome)"
    )
    with listener(tmp_path, mode=0) as address:
        command = [*as_nobody(), sys.executable, "-c", code, address]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=False, env=os.environ | {"HOME": "/"}
        )

    assert done.stdout.strip() == "permission denied", done.stderr


@engine
def test_everything_works_through_a_socket_that_only_gets(ward, tmp_path):
    """Least privilege: a proxy that allows nothing but GET, and docker.exec = false."""
    asked = []

    def forward(connection):
        with connection, socket.socket(socket.AF_UNIX) as behind:
            request = b""
            while b"\r\n\r\n" not in request:
                if not (piece := connection.recv(4096)):
                    return
                request += piece
            asked.append(request.split()[0])
            if not request.startswith(b"GET "):
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            behind.connect("/var/run/docker.sock")
            behind.sendall(
                request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n").replace(
                    b"Connection: keep-alive\r\n", b""
                )
            )
            while piece := behind.recv(65536):
                connection.sendall(piece)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=forward, args=(server.accept()[0],), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "proxy.sock"))
        server.listen()
        threading.Thread(target=serve, daemon=True).start()
        stack = ward.stack(host=f"unix://{tmp_path}/proxy.sock", exec=False)
        found = looks(["docker_engine", "service_containers", "container_stats", "oom_kills"], stack)

    assert found[0].answers
    assert found[1].not_running(3) == ()
    assert found[2].containers[0].processes == 1
    assert found[3].sources["engine event"] == "read"
    assert set(asked) == {b"GET"}


@engine
def test_an_engine_behind_ssh(ward, tmp_path, monkeypatch):
    """Every call goes through one command's standard input and output; here the command stays on this machine."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\necho "$@" | grep -q BatchMode=yes && exec docker system dial-stdio\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    stack = ward.stack(host="ssh://me@far.example")
    docker_engine, found, health = looks(["docker_engine", "service_containers", "service_health"], stack, "healthy")

    assert docker_engine.answers
    assert docker_engine.address == "ssh://far.example"
    assert found.not_running(3) == health.unhealthy == ()


def test_ssh_that_fails_says_why(tmp_path, monkeypatch):
    """A key that is refused, a host key that is not known: ssh's own last line."""
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'Permission denied (publickey).' >&2; exit 255\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fact = look("docker_engine", Stack(docker=Docker(host="ssh://me@far.example")))

    assert (fact.outcome, fact.message) == ("unreached", "Permission denied (publickey).")


@engine
def test_a_command_inside(ward):
    """Its exit code and output; what hangs is given up, and exec = false is a declared no."""
    runtime = _connect(engine_address(ward.stack(), {})).engine
    compose = DockerCompose(runtime, ward.project)
    (one,) = compose.containers().of("healthy")

    assert compose.run(one, "sh", "-c", "echo out; echo err >&2; exit 3").code == 3
    assert sorted(compose.run(one, "sh", "-c", "echo out; echo err >&2").output.split()) == ["err", "out"]
    assert compose.run(one, "nosuchtool").code in (126, 127)
    with pytest.raises(CouldNotCheck, match=r"sleep did not end within 0\.5 s"):
        compose.run(one, "sleep", "5", seconds=0.5)
    with pytest.raises(NotPart, match=r"docker\.exec"):
        DockerCompose(runtime, ward.project, may_exec=False).run(one, "true")


@engine
def test_a_log_comes_in_pieces(ward):
    """Both streams, each message with its time; a line of megabytes is never held whole."""
    script = "echo one; echo two >&2; dd if=/dev/zero bs=1M count=3 | tr '\\0' x; echo"
    ward.start("talker", "busybox", "sh", "-c", script.replace("tr ", "busybox tr "))
    runtime = DockerCompose(_connect(engine_address(ward.stack(), {})).engine, ward.project)
    wait(lambda: not runtime.containers().of("talker")[0].running, "its end")
    pieces = list(runtime.log(runtime.containers().of("talker")[0], lines=10000))
    read = b"".join(pieces)

    assert max(map(len, pieces)) <= 2 * 64 * 1024
    assert read.count(b"x") == 3 * 2**20
    # The engine reads the streams by turns: a message of one may stand in the middle of the other's long line.
    assert {line.rsplit(b" ", 1)[-1] for line in read.splitlines()} >= {b"one", b"two"}
    assert next(runtime.log(runtime.containers().of("talker")[0], lines=1))


LEAVING = """
import sys, warnings
from oncall.session.tuning import warn_of_no_socks
from oncall.target.schema import Backend, Docker, Frontend, Postgres, Stack
from tests.probes.asking import ask

class Leaving:
    def find_spec(self, name, path=None, target=None):
        if name == "requests.adapters":
            guard.__exit__(None, None, None)

warn_of_no_socks()
guard = warnings.catch_warnings()
guard.__enter__()
sys.meta_path.insert(0, Leaving())
print(ask("docker_engine", Stack(docker=Docker(host="unix:///nowhere.sock"))).outcome)
"""


@pytest.mark.skipif(bool(importlib.util.find_spec("socks")), reason="with PySocks there is nothing to warn of")
def test_a_library_that_we_do_not_need_is_not_missed_aloud():
    """pytest's thread leaves its keeping of warning filters just while a look imports the SDK."""
    done = subprocess.run([sys.executable, "-c", LEAVING], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "no socket\n", "")


@engine
def test_one_connection_carries_many_requests(tmp_path):
    """The engine opens no socket a path: its version, itself, networks and volumes, one after another."""
    with proxies(CountingProxy("/var/run/docker.sock", str(tmp_path / "engine.sock"))) as (proxy,):
        attempt = _connect(engine_address(Stack(docker=Docker(host=f"unix://{proxy.address}")), {}))
        for path in ("/info", "/networks", "/volumes", "/containers/json"):
            assert attempt.engine.get(path, 2.0, object, plain) is not None
        attempt.engine.close()

    assert [each.rpartition("/")[2] for each in proxy.requests] == ["version", "info", "networks", "volumes", "json"]
    assert proxy.connections == 1
