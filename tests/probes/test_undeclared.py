"""Services that the target does not name, on the real engine; and the names that they get."""

import os
import signal
from types import SimpleNamespace

import pytest

from oncall.finding import CouldNotCheck
from oncall.probes.containers.parts import MOST_UNDECLARED, left_out, undeclared
from oncall.runtimes.runtime import Project
from oncall.target.kinds import Component
from oncall.target.schema import Backend, Docker, Limits, Postgres, Stack
from tests.probes.docker_patients import NO_ENGINE, docker, look, looks, patients, state, wait

STATES = Limits().restarts


def project(*services):
    """Containers of these services, as far as a name needs them."""
    found = [SimpleNamespace(service=service, short=f"{number:012x}") for number, service in enumerate(services)]
    return Project("shop", tuple(found))


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("worker", "worker"),
        ("mail_queue.v2", "mail_queue.v2"),
        ("docker", "docker.container"),
        ("redis", "redis.container"),
        ("", "000000000000"),
        ("worker; reboot", "000000000000"),
        ("--privileged", "000000000000"),
        ("w\x1b[31mrk", "000000000000"),
        ("a" * 64, "000000000000"),
    ],
)
def test_a_label_is_a_name_only_where_compose_allows_it(service, name):
    """What is none is called by the container's id; what is called like one of ours gets an ending."""
    stack = Stack(components={"redis": Component(service="cache")})

    assert [*undeclared(stack, project(service))] == [name]


def test_what_a_component_names_is_declared_and_what_is_absent_is_not():
    """`absent` says that there is no such API: a container of that name is there all the same."""
    stack = Stack(backend=Backend(absent=True), components={"cache": Component(service="redis")})

    assert [*undeclared(stack, project("postgres", "redis", "worker", "backend"))] == ["backend.container", "worker"]


def test_no_more_than_fifty_are_looked_at():
    """The rest is counted."""
    many = project(*(f"worker-{number:03}" for number in range(MOST_UNDECLARED + 12)), "postgres")

    assert len(undeclared(Stack(), many)) == MOST_UNDECLARED
    assert left_out(Stack(), many) == 12


needs_engine = [pytest.mark.docker, pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")]
SCRIPT = ("sh", "-c")


@pytest.fixture(scope="module")
def ward():
    """One container in each state, none of them named by the target."""
    with patients("undeclared") as them:
        them.at_once(
            (("ended", *SCRIPT, "echo one; echo two; echo ERROR three; echo four; exit 3"), {}),
            (("silent", *SCRIPT, "exit 4"), {}),
            (("unread", *SCRIPT, "exit 5"), {"options": ["--log-driver", "none"]}),
            (("not-found", "/no/such/command"), {"fails": True}),
            (("paused", "sleep", "600"), {}),
            (("frozen", "sleep", "600"), {}),
            (("frozen-child", "sleep", "600"), {"options": ["--init"]}),
            (("job", *SCRIPT, "exit 0"), {"options": ["--restart", "on-failure"]}),
            (("asked", *SCRIPT, "exit 0"), {}),
            (("asks", "sleep", "600"), {"options": ["-e", "QUEUE_URL=amqp://asked:5672/"]}),
            (("pair", "sleep", "600"), {}),
            (("pair", *SCRIPT, "exit 0"), {"number": "2"}),
            (("tried", *SCRIPT, "exit 1"), {"oneoff": True}),
            (("full", *SCRIPT, "dd if=/dev/zero of=/dev/shm/x bs=1M count=30; sleep 600"), {"options": ["-m", "32m"]}),
            (("well", "sleep", "600"), {}),
        )
        docker("pause", them.names["paused"])
        docker("kill", "-s", "STOP", them.names["frozen"])
        inside = docker("top", them.names["frozen-child"], "-eo", "pid,comm").splitlines()
        os.kill(next(int(line.split()[0]) for line in inside if "sleep" in line), signal.SIGSTOP)
        for name in ("ended", "silent", "unread", "job", "asked"):
            wait(lambda name=name: state(them.names[name], "{{.State.Status}}") == "exited", name)
        yield them


@pytest.fixture(scope="module")
def facts(ward):
    """One look at all of them."""
    names = ["undeclared_service", "undeclared_service_stats", "undeclared_service_log"]
    stack = Stack(docker=Docker(project=ward.project), postgres=Postgres(absent=True))
    return dict(zip(names, looks(names, stack), strict=True))


def parts(fact):
    return {part.component: part for part in fact.parts}


class TestStates:
    pytestmark = needs_engine

    def test_what_is_sick_is_told_and_what_is_well_is_not(self, facts):
        """A job that is done, a pair of which one is done, what `run` has made: nothing to tell.

        What has ended with 0 as well, and another one asks at its address, is no job.
        """
        found = parts(facts["undeclared_service"])
        sick = {name: part.symptom(STATES) for name, part in found.items() if part.sick(STATES)}

        assert sick == {
            "asked": "asked has ended: exit code 0",
            "ended": "ended has ended: exit code 3; last line: ERROR three",
            "silent": "silent has ended: exit code 4",
            "unread": "unread has ended: exit code 5",
            "not-found": "not-found was created but never started: exit code 127, its command was not found",
            "paused": "paused is paused",
            "frozen": "frozen is frozen: its process is stopped (state T)",
            "frozen-child": "frozen-child is frozen: its process is stopped (state T)",
        }
        assert {"job", "pair", "well", "full"} <= found.keys()
        assert "tried" not in found

    def test_the_last_lines_are_quoted(self, facts):
        """The newest three, oldest first, each with its time; the loud one stands in the symptom."""
        ended = parts(facts["undeclared_service"])["ended"]

        assert [line.partition(" UTC ")[2] for line in ended.last_words.lines] == ["two", "ERROR three", "four"]
        assert ended.evidence(STATES)["last lines"] == " | ".join(ended.last_words.lines)

    def test_a_log_that_cannot_be_read_is_said_and_hides_no_state(self, facts):
        """The driver keeps none: the state is told without last words, and the log is unknown."""
        unread = parts(facts["undeclared_service"])["unread"]

        assert "does not support reading" in unread.evidence(STATES)["last lines not read"]
        assert "does not support reading" in facts["undeclared_service_log"].unseen["unread"]

    def test_a_declared_one_is_told_as_frozen_too(self, ward):
        """The same words from the same place."""
        stack = Stack(docker=Docker(project=ward.project), components={"frozen": Component(service="frozen")})
        (down,) = look("service_containers", stack, "frozen").not_running(STATES)

        assert down.problem == "is frozen: its process is stopped (state T)"

    def test_limits_are_measured_where_something_runs(self, facts):
        """A job that is done uses nothing; what is down cannot be measured."""
        stats = facts["undeclared_service_stats"]
        found = parts(stats)

        assert found["full"].over_memory(90)
        assert not found["well"].over_memory(90)
        assert len(found["pair"].containers) == 1
        assert stats.unseen["ended"] == "ended is not running"
        assert "job" not in {*found, *stats.unseen}

    def test_jobs_that_are_done_have_no_log_to_judge(self, facts):
        """Whatever they have written on their way."""
        logs = facts["undeclared_service_log"]

        assert "job" not in {*parts(logs), *logs.unseen}
        assert parts(logs)["well"].log.lines_read == 0


EACH = ["undeclared_service", "undeclared_service_health", "undeclared_service_log", "undeclared_service_stats"]
EACH += ["undeclared_error_bursts"]


@pytest.mark.docker
@pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")
@pytest.mark.parametrize("name", EACH)
def test_a_project_without_a_container_is_no_healthy_one(name):
    """A slip in its name must not be green; the key to set is named."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.setting == "docker.project"):
        look(name, Stack(docker=Docker(project="oncall-no-such-project")))


@pytest.mark.parametrize("name", EACH)
def test_an_engine_that_is_not_there_is_unknown(name):
    """And the engine's own check is where to read on."""
    with pytest.raises(CouldNotCheck, check=lambda error: error.root == "docker_engine"):
        look(name, Stack(docker=Docker(host="tcp://127.0.0.1:1")))
