"""The reference stack under Compose: both of its generations start it, break it, heal it and leave nothing behind."""

import os
import shutil
import subprocess
import sys
import time
import tomllib

import pytest

from stack import faults
from stack.docker import image, lifecycle, seed
from stack.docker.running import OURS, DockerStack
from stack.running import Running
from stack.state import ROOT, Home

HAS_ENGINE = bool(shutil.which("docker")) and not subprocess.run(["docker", "version"], capture_output=True).returncode
needs_engine = [
    pytest.mark.docker,
    pytest.mark.skipif(not HAS_ENGINE, reason="no Docker engine answers: stack/docker/engine.sh brings one"),
]


def test_the_seed_is_made_from_the_embedded_stacks_statements():
    """initdb/motel.sql is what `python -m stack.docker.seed` writes today."""
    assert seed.FILE.read_text() == seed.text()


def test_a_mode_has_its_own_faults():
    """A fault is in one catalogue only, and the other says where it belongs."""
    assert not set(faults.catalogue()) & set(faults.catalogue("docker"))
    with pytest.raises(faults.StackError, match="is for the docker stack, not for this one"):
        faults.named(["container-backend-stopped"])


def test_a_docker_stack_has_only_what_it_can_do():
    """No server of its own, no data directory, no log file: a fault that asks for one is for the other stack."""
    assert not {"server", "data", "page", "log", "pg_ctl"} & {*dir(DockerStack)}
    assert not issubclass(DockerStack, Running)


def test_what_is_missing_is_said_in_one_sentence(tmp_path):
    """No docker command, and no engine behind it: one line each, and nothing is left."""
    home = tmp_path / "home"
    without = type_command(home, "up", "--docker", PATH=str(tmp_path))
    assert without.returncode == 1
    assert without.stderr == (
        "stack: docker is missing: install Docker (on Debian: apt-get install docker.io docker-compose)\n"
    )
    assert not home.exists()


@pytest.fixture(scope="module", params=["docker-compose", pytest.param("compose-v2", marks=pytest.mark.catalogue)])
def stack(request, tmp_path_factory):
    """One healthy stack of each generation of Compose."""
    home = Home(tmp_path_factory.mktemp("docker") / "home")
    words = request.param
    if words == "compose-v2":
        words = type_command(home.path, words).stdout
    elif not shutil.which(words):
        pytest.skip("docker-compose 1.29 is not installed")
    os.environ["COMPOSE"] = words.strip()
    try:
        yield lifecycle.up(home, print)
    finally:
        del os.environ["COMPOSE"]
        lifecycle.down(home, print)
    assert not home.path.exists()
    assert left_of(lifecycle.project_of(home)) == []


class TestWithAnEngine:
    pytestmark = needs_engine

    def test_every_service_has_its_limits(self, stack):
        """Memory and process limits, a health check, a restart policy, ports on the loopback address only."""
        for service in image.SERVICES:
            told = stack.inspect(service)
            host = told["HostConfig"]
            assert host["Memory"] > 0
            assert host["PidsLimit"] > 0
            assert host["RestartPolicy"]["Name"] == "unless-stopped"
            assert told["State"]["Health"]["Status"] == "healthy"
            published = [each["HostIp"] for bound in host["PortBindings"].values() for each in bound]
            assert published == ["127.0.0.1"]
            assert told["Config"]["Labels"]["com.docker.compose.project"] == stack.project

    def test_the_data_lies_in_the_named_volume(self, stack):
        """With checksums on, seeded like the embedded stack's."""
        [mount] = [each for each in stack.inspect("postgres")["Mounts"] if each["Type"] == "volume"]
        assert (mount["Name"], mount["Destination"]) == (stack.volume, "/var/lib/postgresql")
        assert stack.sql("SHOW data_checksums") == [("on",)]
        assert stack.sql("SELECT count(*) FROM tasks") == [(150_000,)]
        assert stack.sql("SELECT count(*) FROM _prisma_migrations") == [(3,)]

    def test_the_page_and_the_api_come_through_the_proxy(self, stack):
        """The page, its scripts, and the backend's answers, also after the backend has a new address."""
        port = stack.ports["frontend"]
        assert b"<title>Motel" in stack.ask("/", port=port)[1]
        assert stack.ask("/assets/none.js", port=port)[0] == 404
        stack.recreate("backend")
        bearer = {"Authorization": f"Bearer {stack.token()}"}
        stack.wait(lambda: stack.ask("/api/suites", port=port, headers=bearer)[0] == 200, "the proxy finds it", 5)

    def test_a_replica_can_differ(self, stack):
        """scale() makes further containers from what the files say now; the first stays as it is."""
        first = stack.container("backend")
        stack.edit_env("backend", JWT_SECRET="another")
        stack.scale("backend", 2)
        one, two = (stack.inspect(each) for each in stack.containers("backend"))
        assert one["Id"] == first
        assert "JWT_SECRET=another" in two["Config"]["Env"]
        assert "JWT_SECRET=another" not in one["Config"]["Env"]
        assert any(line.startswith("backend (2)") for line in lifecycle.status(stack.home))

    def test_heal_undoes_everything(self, stack):
        """Containers, environment, override, volume, network, target and helpers are as they were; the ports too."""
        home, ports = stack.home, dict(stack.ports)
        secret = tomllib.loads(home.target.read_text()), (home.pristine / "backend.env").read_text()
        faults.inject(stack, faults.named(["container-backend-stopped"], "docker"), print)
        stack.sql("DROP TABLE tasks")
        stack.edit_compose("services.frontend.mem_limit", "64m")
        stack.edit_target("limits.health_seconds", 9)
        stack.docker("network", "disconnect", stack.network, stack.container("frontend"))
        stack.run("--network", stack.network, "--name", f"{stack.project}-bystander")
        assert any("DOWN" in line for line in lifecycle.status(home))
        start = time.monotonic()
        healed = lifecycle.heal(home, print)
        print(f"healed in {time.monotonic() - start:.1f} s")
        assert not any("DOWN" in line for line in lifecycle.status(home))
        assert (tomllib.loads(home.target.read_text()), home.env_file("backend").read_text()) == secret
        assert healed.ports == ports
        assert healed.sql("SELECT count(*) FROM tasks") == [(150_000,)]
        assert healed.inspect("frontend")["HostConfig"]["Memory"] == 128 * 1024 * 1024
        assert len(left_of(stack.project, "ps", "-a")) == 3
        assert lifecycle.running(home).state["broken"] == []

    def test_a_damaged_state_file_does_not_keep_it_alive(self, stack):
        """`down` finds what is ours by its labels."""
        stack.home.file.write_text("{")
        assert "down" in type_command(stack.home.path, "down").stdout
        assert left_of(stack.project) == []
        lifecycle.up(stack.home, print)


def type_command(home, *words, **environment):
    """`python -m stack ...` on a state folder."""
    return subprocess.run(
        [sys.executable, "-m", "stack", *words],
        capture_output=True, text=True, timeout=300, cwd=ROOT,
        env={**os.environ, "STACK_HOME": str(home), **environment},
    )  # fmt: skip


def left_of(project, *kinds):
    """Every container, network and volume that carries the project's label or ours."""
    commands = [kinds] if kinds else [("ps", "-a"), ("network", "ls"), ("volume", "ls")]
    labels = (f"com.docker.compose.project={project}", f"{OURS}={project}")
    found = [
        subprocess.run(["docker", *words, "-q", "--filter", f"label={label}"], capture_output=True, text=True).stdout
        for words in commands
        for label in labels
    ]
    return [line for text in found for line in text.splitlines()]
