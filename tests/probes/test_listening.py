"""Who listens inside of real containers, and whether packets get there."""

import json
import os
import shutil
import subprocess

import pytest
from msgspec import convert

from oncall.facts.listening import Ears, Listening
from oncall.finding import CouldNotCheck, NotPart
from oncall.probes.containers.listening import unreached
from oncall.runtimes.compose_records import container
from oncall.runtimes.engine_answers import Inspected
from tests.probes.asking import ask, why_unknown
from tests.probes.small_project import SmallProject, docker, needs_engine, until

SERVES = "while :; do nc -l -p 3001 </dev/null >/dev/null; done"


@pytest.fixture
def small():
    """A project of its own, gone afterwards."""
    project = SmallProject()
    yield project
    project.gone()


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Nobody waits until a container is old enough."""
    monkeypatch.setattr("oncall.probes.containers.listening.FRESH", 0.0)


def ears(**more):
    return Ears(id="1", name="api", command="sleep infinity", wanted=(3001,), **more)


def said(**more):
    return Listening(service="api", containers=(ears(**more),)).symptom


def test_the_sentences():
    """Nothing, another port, itself only, a firewall; and who is well."""
    assert said() == "nothing in api listens on 3001; it runs sleep infinity"
    assert said(published=True, elsewhere=("0.0.0.0:8080",)).endswith("listens on 3001, only on 0.0.0.0:8080")
    assert "listens on 127.0.0.1:3001 only" in said(own=("127.0.0.1:3001",))
    assert "time out on the way" in said(open=("0.0.0.0:3001",), unreached="172.18.0.3:3001")
    assert said(open=("[::]:3001",)) == ""


def test_a_port_that_is_merely_exposed_may_be_served_elsewhere():
    """The image says 80, the configuration 8080: its peers know."""
    assert said(elsewhere=("0.0.0.0:8080",)) == ""


def test_a_firewall_is_the_networks():
    """What a part does not listen to is its own."""
    dropped = Listening(service="api", containers=(ears(open=("0.0.0.0:3001",), unreached="172.18.0.3:3001"),))
    asleep = Listening(service="api", containers=(ears(),))

    assert (dropped.blames, dropped.manner) == ("network", "silent")
    assert (asleep.blames, asleep.manner, asleep.corroboration) == (None, "refused", "")


@pytest.mark.docker
@needs_engine[1]
@pytest.mark.parametrize(("script", "words"), [(SERVES, ""), ("sleep 600", "nothing in backend listens on 3001")])
def test_a_container_that_serves_and_one_that_sleeps(small, script, words):
    """Its port is exposed; what listens is read from this machine's /proc."""
    small.start("backend", script, "--expose=3001")

    fact = ask("listening", small.stack(), service="backend")
    assert fact.symptom.startswith(words)
    assert bool(fact.symptom) == bool(words)


@pytest.mark.docker
@needs_engine[1]
def test_asked_inside_where_the_kernel_is_not_ours(small, monkeypatch):
    """With `cat`, which most images have."""

    def far(container):
        raise CouldNotCheck("its cgroup cannot be found from here")

    monkeypatch.setattr("oncall.runtimes.compose.inside", far)
    small.start("backend", "sleep 600", "--expose=3001")

    assert "it runs sleep 600" in ask("listening", small.stack(), service="backend").symptom
    assert "docker.exec" in why_unknown("listening", small.stack(exec=False), service="backend")


@pytest.mark.docker
@needs_engine[1]
def test_a_worker_without_a_port_is_no_claim(small):
    """Nobody asks it."""
    small.start("backend")

    with pytest.raises(NotPart):
        ask("listening", small.stack(), service="backend")


@pytest.mark.docker
@needs_engine[1]
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("iptables"), reason="needs root and iptables")
def test_packets_that_are_dropped_time_out(small):
    """Asked once more from this machine's end of the bridge; a part that is reached there is not accused."""
    name = small.start("backend", SERVES, "--expose=3001", network=small.network())
    (seen,) = json.loads(docker("inspect", name))
    one = container(convert(seen, Inspected, strict=False))
    until(lambda: unreached(one, 3001) == "")

    rule = ["iptables", "-A", "INPUT", "!", "-i", "lo", "-p", "tcp", "--dport", "3001", "-j", "DROP"]
    subprocess.run(["nsenter", "-t", str(seen["State"]["Pid"]), "-n", *rule], check=True, timeout=15)
    assert unreached(one, 3001).endswith(":3001")
