"""The network between real containers, and what the backend sees of it from inside."""

import pytest

from oncall.finding import CouldNotCheck
from oncall.probes.containers.network import wanted
from oncall.probes.containers.reach import first_that_is_there
from oncall.runtimes.runtime import Answered
from oncall.target.schema import Backend, Docker, Postgres, Stack
from tests.probes.asking import ask, door, why_unknown
from tests.probes.small_project import SmallProject, docker, needs_engine, until


@pytest.fixture
def small():
    """A project of its own, gone afterwards."""
    project = SmallProject()
    yield project
    project.gone()


@pytest.fixture
def trio(small):
    """Three services on one network; the database answers on its port."""
    network = small.network()
    small.start("postgres", "while :; do nc -l -p 5432 </dev/null >/dev/null; done", network=network)
    small.start("backend", network=network)
    small.start("frontend", network=network)
    return small


def peers(project, *services):
    with door(project.stack()) as answer:
        return [answer("peer_network", service=service) for service in services]


@pytest.mark.parametrize("service", ["postgres", "backend", "frontend"])
@pytest.mark.docker
@needs_engine[1]
def test_services_on_one_network_share_it(trio, service):
    """Each has an address there, and sees the service that it calls."""
    (fact,) = peers(trio, service)

    assert (fact.problem, fact.containers, fact.networks) == (None, 1, (f"{trio.name}_inside",))


@pytest.mark.docker
@needs_engine[1]
def test_a_container_off_the_network_is_the_one_that_is_named(trio):
    """One fault is told once: the others are unknown and point at it."""
    docker("network", "disconnect", f"{trio.name}_inside", f"{trio.name}-postgres-1")
    database, backend, frontend = peers(trio, "postgres", "backend", "frontend")

    assert database.problem == "is on no network"
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "peer_network[postgres]"):
        _ = backend.problem
    assert frontend.problem is None
    assert "peer_network[postgres]" in why_unknown("name_resolution", trio.stack())


@pytest.mark.docker
@needs_engine[1]
def test_networks_of_their_own_are_no_shared_one(small):
    """Both are on a network, but not on the same."""
    small.start("postgres", network=small.network("one"))
    small.start("backend", network=small.network("two"))
    database, backend = peers(small, "postgres", "backend")

    assert database.problem is None
    assert backend.problem == "shares no network with postgres"
    assert "peer_network[backend]" in why_unknown("port_from_inside", small.stack())


@pytest.mark.docker
@needs_engine[1]
def test_each_replica_is_looked_at(trio):
    """One of two without a network is half an outage."""
    trio.start("backend", "sleep 600", "--network=none", number=2)
    (fact,) = peers(trio, "backend")

    assert fact.problem == "is on no network (1 of 2 containers)"


@pytest.mark.docker
@needs_engine[1]
def test_the_name_resolves_and_the_port_answers(trio):
    """Asked from inside the backend, with the tools that it has."""
    with door(trio.stack()) as answer:
        name, port = answer("name_resolution"), answer("port_from_inside")

    assert (name.problem, name.tool, name.addresses) == (None, "nslookup", name.database)
    assert (port.problem, port.outcome, port.address) == (None, "open", "postgres:5432")


@pytest.mark.docker
@needs_engine[1]
def test_the_port_that_the_backend_really_uses_is_tried(small):
    """As its own variables say; a password in them leaves nowhere."""
    network = small.network()
    small.start("postgres", network=network)
    url = "DATABASE_URL=postgres://app:hunter2hunter@postgres:5999/motel"
    small.start("backend", "sleep 600", "-e", url, network=network)
    fact = ask("port_from_inside", small.stack())

    assert (fact.address, fact.problem, fact.blames) == ("postgres:5999", "refuses connections", "postgres")
    assert "hunter2" not in repr(fact)


@pytest.mark.docker
@needs_engine[1]
def test_an_address_that_nobody_has_is_out_of_reach(small):
    """An address needs no resolving; the look does not wait for ever."""
    network = small.network()
    gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network)
    nobody = gateway.rpartition(".")[0] + ".250"
    small.start("backend", "sleep 600", "-e", f"PGHOST={nobody}", network=network)
    with door(small.stack()) as answer:
        assert answer("name_resolution").problem is None
        assert answer("port_from_inside").problem in ("does not answer", "is unreachable: there is no route to it")


SILENT = "printf '#!/bin/sh\\n{}\\n' > /bin/{}; /bin/busybox chmod +x /bin/{}; echo ready; sleep 600"


@pytest.mark.parametrize("tool", ["python3", "nc"])
@pytest.mark.parametrize("does", ["sleep 9", "exit 0", "exit 137"])
@pytest.mark.docker
@needs_engine[1]
def test_a_tool_that_says_nothing_proves_nothing(trio, tool, does):
    """It was too slow to begin with, or killed: that accuses neither the port nor the way to it."""
    if (tool, does) == ("nc", "exit 0"):
        pytest.skip("nc says so with its exit code alone")
    docker("rm", "-f", f"{trio.name}-backend-1")
    script = SILENT.format(does, tool, tool)
    if tool == "nc":
        script = f"/bin/busybox rm /bin/nc; {script}"  # a link to busybox itself
    name = trio.start("backend", script, network=f"{trio.name}_inside")
    until(lambda: docker("logs", name) == "ready")

    assert f"{tool} said nothing" in why_unknown("port_from_inside", trio.stack())


@pytest.mark.docker
@needs_engine[1]
def test_a_container_that_may_start_no_process_proves_nothing(trio):
    """The tool's own complaint is no answer of the network: "timeout: fork system call failed"."""
    docker("rm", "-f", f"{trio.name}-backend-1")
    script = SILENT.format(
        "echo timeout: fork system call failed: Resource temporarily unavailable; exit 125", *["nc"] * 2
    )
    name = trio.start("backend", f"/bin/busybox rm /bin/nc; {script}", network=f"{trio.name}_inside")
    until(lambda: docker("logs", name) == "ready")

    assert "it may start no further process" in why_unknown("port_from_inside", trio.stack())


@pytest.mark.docker
@needs_engine[1]
def test_a_name_is_only_unanswered_where_the_tool_itself_is_quick(trio):
    """getent has no time limit: what hangs also for an address hangs for want of a processor."""
    docker("rm", "-f", f"{trio.name}-backend-1")
    quick = "case $2 in 127.0.0.1) echo 127.0.0.1;; *) sleep 9;; esac"
    for number, (does, outcome) in enumerate([("sleep 9", "unknown"), (quick, "unanswered")], 1):
        script = SILENT.format(does.replace("'", ""), "getent", "getent")
        name = trio.start("backend", script, number=number, network=f"{trio.name}_inside")
        until(lambda name=name: docker("logs", name) == "ready")
        if outcome == "unknown":
            assert "getent said nothing" in why_unknown("name_resolution", trio.stack())
        else:
            assert ask("name_resolution", trio.stack()).problem == "gets no answer from the name server"
        docker("rm", "-f", name)


@pytest.mark.docker
@needs_engine[1]
def test_a_name_that_nobody_has_does_not_resolve(trio):
    """The backend was told a name that is on no network; the port then points here."""
    docker("rm", "-f", f"{trio.name}-backend-1")
    trio.start("backend", "sleep 600", "-e", "DB_HOST=database", network=f"{trio.name}_inside")
    with door(trio.stack()) as answer:
        name, port = answer("name_resolution"), answer("port_from_inside")

    assert (name.name, name.problem) == ("database", "does not resolve")
    with pytest.raises(CouldNotCheck, check=lambda error: error.root.startswith("name_resolution")):
        _ = port.problem


@pytest.mark.docker
@needs_engine[1]
def test_a_name_in_the_backends_own_hosts_file_is_nobody_elses_fault(small):
    """What its service says in extra_hosts, no network can mend."""
    network = small.network()
    small.start("postgres", network=network)
    small.start("backend", "sleep 600", "--add-host=other:192.0.2.9", network=network)
    assert (fact := ask("name_resolution", small.stack())).problem is None
    assert (fact.pinned, fact.blames) == ("", "network")
    small.start("backend", "sleep 600", "--add-host=postgres:192.0.2.10", network=network, number=2)
    docker("rm", "-f", f"{small.name}-backend-1")
    fact = ask("name_resolution", small.stack())

    assert (fact.pinned, fact.blames) == ("postgres:192.0.2.10", None)


@pytest.mark.docker
@needs_engine[1]
def test_a_name_taken_by_another_container_is_seen(trio):
    """Somebody else answers to the database's name."""
    docker("network", "disconnect", f"{trio.name}_inside", f"{trio.name}-postgres-1")
    docker("network", "connect", f"{trio.name}_inside", f"{trio.name}-postgres-1")
    trio.start("redis", "sleep 600", "--network-alias=postgres", network=f"{trio.name}_inside")
    fact = ask("name_resolution", trio.stack())

    assert "which is not the database" in fact.problem


@pytest.mark.docker
@needs_engine[1]
def test_nothing_is_run_inside_where_that_is_forbidden(trio):
    """docker.exec = false skips what needs it; inspecting goes on."""
    for name in ("name_resolution", "port_from_inside"):
        assert "docker.exec" in why_unknown(name, trio.stack(exec=False))
    assert ask("peer_network", trio.stack(exec=False), service="backend").problem is None


@pytest.mark.docker
@needs_engine[1]
def test_a_stopped_database_is_another_checks_matter(trio):
    """Its name resolves nowhere, and that is not the network's fault."""
    docker("stop", "-t", "0", f"{trio.name}-postgres-1")

    assert "service_containers.running[postgres]" in why_unknown("name_resolution", trio.stack())
    assert "service_containers.running[postgres]" in why_unknown("peer_network", trio.stack(), service="postgres")


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"DATABASE_URL": "postgresql://u:p%40@db:6543/x?schema=y"}, ("db", 6543)),
        ({"DATABASE_URL": '"postgres://u:p@db/x"'}, ("db", 5432)),
        ({"SPRING_DATASOURCE_URL": "jdbc:postgresql://db:5433/x"}, ("db", 5433)),
        ({"X_DSN": "postgresql+asyncpg://u:p@[fd00::1]:5432/x"}, ("fd00::1", 5432)),
        ({"PGHOST": "db", "PGPORT": "6000"}, ("db", 6000)),
        ({"DB_HOST": "db", "DB_PORT": "many"}, ("db", 5432)),
        ({"PGHOST": "/var/run/postgresql"}, ("/var/run/postgresql", 5432)),
        ({"DATABASE_URL": "mysql://u:p@db/x", "PATH": "/bin"}, None),
        ({}, None),
    ],
)
def test_the_backends_variables_name_the_database(environment, place):
    """In the spellings of the usual libraries."""
    assert wanted(environment) == place


class Toolbox:
    """A container with some tools, as the engine's answers show it."""

    def __init__(self, **tools):
        self.tools = tools

    def run(self, container, *command, seconds):
        return self.tools.get(command[0], Answered(127, "not found"))


@pytest.mark.parametrize(
    ("tools", "tool"),
    [
        ({"b": Answered(0, "yes")}, "b"),
        ({"a": Answered(1, "Usage: a HOST"), "b": Answered(2, "")}, "b"),
        ({"a": Answered(126, ""), "c": Answered(0, "")}, "c"),
    ],
)
def test_the_first_tool_that_works_is_used(tools, tool):
    """Missing, not executable, or of another make: the next one is tried."""
    assert first_that_is_there(Toolbox(**tools), None, [("a",), ("b",), ("c",)])[0] == tool


def test_parts_that_the_target_does_not_have_are_skipped():
    """No database, no backend: nothing to look at, and no engine is asked."""
    for stack in (
        Stack(postgres=Postgres(absent=True), docker=Docker(absent=True)),
        Stack(backend=Backend(absent=True), docker=Docker(absent=True)),
    ):
        assert "says that" in why_unknown("name_resolution", stack)
