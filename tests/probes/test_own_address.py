"""A database whose port is not published: reached at its container's own address, or told how to be."""

import pytest
from msgspec.structs import replace

from oncall.finding import CouldNotCheck
from oncall.probes.containers import own_address
from oncall.probes.containers.own_address import not_asked
from oncall.runtimes.runtime import Attachment, Container, Project
from oncall.target.schema import Docker, Postgres, Stack
from tests.probes.asking import ask, why_unknown
from tests.probes.patients import free_port
from tests.probes.postgres_server import postgres

PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}
NET = {"motel_default": Attachment(network_id="n", address="127.0.0.1", aliases=("db",))}


class Runtime:
    """An engine with one container of the database's."""

    def __init__(self, local=True, **more):
        self.local, self.one = (
            local,
            Container(
                **{"id": "d", "name": "motel-db-1", "service": "db", "status": "running", "networks": NET, **more}
            ),
        )

    def containers(self, seconds):
        return Project("motel", (self.one,))


@pytest.fixture
def engine(monkeypatch):
    """Put a runtime in the place of the engine."""

    def put(runtime):
        def client(stack, attempt):
            if runtime is None:
                raise CouldNotCheck("the Docker engine does not answer", root="docker_engine")
            return runtime

        for name, function in {"docker_attempt": lambda stack: iter([1]), "docker_client": client}.items():
            monkeypatch.setitem(own_address.PROBES, name, replace(own_address.PROBES[name], function=function))

    return put


def stack_of(port=5432, host="localhost", **docker):
    return Stack(postgres=Postgres(host=host, port=port, service="db"), docker=Docker(**docker))


def test_from_container_reaches_what_is_not_published(engine):
    """The address is the container's own, on this machine's engine."""
    engine(Runtime())
    with postgres() as server:
        fact = ask("database_connection", stack_of(server.port, "from-container"), PASSWORD)

    assert (fact.outcome, fact.address) == ("accepted", f"127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        (Runtime(local=False), "the engine is on another machine"),
        (Runtime(status="exited"), "postgres is not running service_containers.running"),
        (Runtime(networks={}), "postgres has no address on any network peer_network"),
        (None, "the Docker engine does not answer docker_engine"),
    ],
)
def test_from_container_without_an_address(engine, runtime, words):
    """Unknown, with what stands in the way."""
    engine(runtime)

    assert words in why_unknown("database_connection", stack_of(host="from-container"), PASSWORD)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("db", "db is a Compose name, known between containers alone; its port is not published"),
        ("localhost", "the container motel-db-1 does not publish its port here, so localhost:"),
    ],
)
def test_nothing_answers_where_nothing_is_published(engine, host, words):
    """No outage is told of a database that was not asked."""
    engine(Runtime())
    stack = stack_of(free_port(), host)
    with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "postgres.host") as raised:
        ask("database_connection", stack, PASSWORD)

    assert words in str(raised.value)
    assert str(raised.value).endswith('set postgres.host = "from-container"')


def test_a_strangers_refusal_is_no_finding(engine):
    """Another server listens at localhost; ours is in a container that publishes nothing."""
    engine(Runtime())
    with postgres() as server:
        assert "does not publish its port here" in why_unknown(
            "database_login", stack_of(server.port), {"ONCALL_DB_PASSWORD": "of another server"}
        )


@pytest.mark.parametrize(
    "runtime",
    [Runtime(ports={"5432/tcp": ("0.0.0.0:5432", "[::]:5432")}), Runtime(status="exited"), Runtime(local=False),
     Runtime(network_mode="host"), None],
)  # fmt: skip
def test_what_may_be_ours_is_judged(engine, runtime):
    """It publishes the port, does not run, uses the host's network, or the engine is elsewhere or silent."""
    engine(runtime)

    assert not_asked(stack_of(), "localhost", 5432) is None
    assert not_asked(stack_of(absent=True), "localhost", 5432) is None
