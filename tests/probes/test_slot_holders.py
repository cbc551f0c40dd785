"""Who holds the slots when none is left for us: asked inside the server's container, where that is allowed."""

import subprocess

import pytest
from msgspec.structs import replace

from oncall.facts.postgres import ConnectionSlots, SlotHolder
from oncall.finding import NotPart
from oncall.probes.postgres import activity, from_inside
from oncall.runtimes.runtime import Answered, Container, Project
from oncall.target.schema import Docker, Postgres, Stack
from oncall.testing import look
from tests.probes.postgres_server import postgres

PASSWORD = {"ONCALL_DB_PASSWORD": "pw-oncall-1"}


class Runtime:
    """An engine whose one container runs psql on this machine."""

    def __init__(self, server):
        self.server, self.asked = server, []

    def containers(self, seconds):
        return Project("motel", (Container(id="d", name="motel-db", service="postgres", status="running"),))

    def run(self, container, *command, seconds):
        self.asked.append(command)
        place = [self.server.programs / "psql", "-h", "127.0.0.1", "-p", str(self.server.port)]
        done = subprocess.run([*command[: command.index("psql")], *place, *command[command.index("psql") + 1 :]],
                              capture_output=True, text=True, timeout=30, check=False)  # fmt: skip
        return Answered(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def inside(monkeypatch):
    """Put a runtime in the place of the engine."""

    def put(runtime):
        attempts = from_inside.PROBES["docker_attempt"], from_inside.PROBES["docker_client"]
        monkeypatch.setitem(
            from_inside.PROBES, "docker_attempt", replace(attempts[0], function=lambda stack: iter([1]))
        )
        monkeypatch.setitem(
            from_inside.PROBES, "docker_client", replace(attempts[1], function=lambda stack, attempt: runtime)
        )
        return runtime

    return put


@pytest.fixture(scope="module")
def server():
    with postgres() as running:
        running.run("CREATE ROLE app LOGIN PASSWORD 'pw-app-1'")
        yield running


def stack_of(server, **docker):
    return Stack(postgres=Postgres(host="127.0.0.1", port=server.port), docker=Docker(**docker))


def test_the_holder_of_all_slots_is_named(server, inside):
    """By psql over the reserved slots, when our own connection is refused."""
    runtime = inside(Runtime(server))
    held = [server.connect(user="app", password="pw-app-1", application_name="reporting-cron") for _ in range(17)]
    try:
        fact = look("connection_slots", stack_of(server), environment=PASSWORD)
    finally:
        for one in held:
            one.close()

    assert fact.refused
    assert (fact.limit, fact.used) == (17, 17)
    assert fact.symptom == "no connection slot is free: 17 of 17 held by reporting-cron"
    assert fact.evidence["holder 1"] == "17 x reporting-cron app 127.0.0.1 idle"
    assert "PGAPPNAME=oncall" in runtime.asked[0]


def test_where_nothing_may_be_run_inside_the_refusal_stands_alone(server, inside):
    """docker.exec = false is respected."""
    runtime = inside(Runtime(server))
    fact = activity._refused(stack_of(server, exec=False), "sorry, too many clients already")

    assert (fact.refused, fact.symptom, fact.holders) == (True, "no connection slot is free", ())
    assert runtime.asked == []
    with pytest.raises(NotPart):
        from_inside.asked_inside(stack_of(server, absent=True), "SELECT 1", 1)


def test_foreign_rows_are_left_out(server, inside):
    """What psql prints beside rows, and numbers that are none."""
    runtime = inside(Runtime(server))
    runtime.run = lambda *words, **more: Answered(
        0, "NOTICE: x\na\x1fb\x1fc\x1fidle\x1fmany\x1f9\na\x1fb\x1fc\x1fidle\x1f3\x1f9"
    )
    fact = activity._refused(stack_of(server), "sorry")

    assert [(one.application, one.count) for one in fact.holders] == [("a", 3)]


def test_the_largest_holder_is_named_only_when_it_has_most():
    """Half of the slots are no proof."""

    def symptom(*counts):
        holders = tuple(
            SlotHolder(application=f"a{number}", user="app", client="", state="idle", count=count)
            for number, count in enumerate(counts)
        )
        return ConnectionSlots(limit=10, used=9, free=1, by_state={}, holders=holders).symptom

    assert symptom(6, 3) == "only 1 of 10 connection slots are free: 6 of 10 held by a0"
    assert symptom(5, 4) == "only 1 of 10 connection slots are free"
