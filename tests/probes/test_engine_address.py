"""Where the Docker engine is, as Docker's own client finds it."""

import hashlib
import json

import pytest

from oncall.finding import CouldNotCheck
from oncall.runtimes.engine_address import engine_address
from oncall.runtimes.engine_ssh import ssh_command
from oncall.target.schema import Docker, Host, Stack
from tests.probes.asking import why_unknown

USUAL = "unix:///var/run/docker.sock"


@pytest.fixture
def client(tmp_path):
    """A Docker client's folder; contexts are added by name."""

    def add(name, **endpoint):
        folder = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
        (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}))
        return {"DOCKER_CONFIG": str(tmp_path)}

    return add


def test_the_target_wins_then_the_environment_then_the_context_then_the_usual_socket(client, tmp_path):
    """The order of Docker's own client, with the target before it."""
    environment = client("far", Host="ssh://me@far.example")
    here = environment | {"DOCKER_HOST": "unix:///run/other.sock"}

    assert engine_address(Stack(docker=Docker(host="tcp://a.example:2375")), here).url == "tcp://a.example:2375"
    assert engine_address(Stack(), here).url == "unix:///run/other.sock"
    assert engine_address(Stack(), environment).url == "ssh://me@far.example"
    assert engine_address(Stack(), environment | {"DOCKER_CONTEXT": "default"}).url == USUAL
    assert engine_address(Stack(), {"DOCKER_CONFIG": str(tmp_path / "none")}).url == USUAL


def test_a_context_that_is_not_there_is_unknown(client):
    """The usual socket would be another engine's answer."""
    with pytest.raises(CouldNotCheck, match="names the Docker context 'gone', which is not there: set docker.host"):
        engine_address(Stack(), client("far", Host="ssh://far") | {"DOCKER_CONTEXT": "gone"})


def test_certificates_of_the_environment(tmp_path):
    """TLS belongs to tcp:// only."""
    environment = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path), "DOCKER_HOST": "tcp://a.example:2376"}
    found = engine_address(Stack(), environment)

    assert (found.certificates, found.verify) == (tmp_path, True)
    assert engine_address(Stack(), environment | {"DOCKER_HOST": USUAL}).certificates is None


@pytest.mark.parametrize(
    ("url", "remote"),
    [
        (USUAL, False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://localhost:2375", False),
        ("tcp://10.0.0.7:2375", True),
        ("ssh://me@far.example", True),
    ],
)
def test_another_machine_is_known_by_the_address(url, remote):
    """Its host is not ours, whatever our disks say."""
    found = engine_address(Stack(docker=Docker(host=url)), {})

    assert found.remote == remote
    assert "me@" not in found.shown


def test_host_looks_are_unknown_when_the_engine_is_elsewhere():
    """Never the wrong machine's: the target must say where the host is."""
    there = Docker(host="tcp://far.example:2375")

    assert "far.example, not here: set host.at" in why_unknown("memory", Stack(docker=there))
    assert "far.example" not in why_unknown("memory", Stack(docker=there, host=Host(at="ssh://me@127.0.0.1:1")))


def test_ssh_never_asks():
    """It runs beside forty other looks: nobody would answer."""
    words = ssh_command("ssh://me@far.example:2222")

    assert "BatchMode=yes" in words
    assert words[-5:] == ("--", "far.example", "docker", "system", "dial-stdio")
    assert words[words.index("-l") + 1] == "me"
    assert words[words.index("-p") + 1] == "2222"
