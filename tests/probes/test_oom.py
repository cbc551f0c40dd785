"""Kills for lack of memory, by the real kernel."""

import time

import pytest

from oncall.facts.oom import OomKill, OomKills
from tests.probes.docker_patients import NO_ENGINE, docker, look, patients, state, wait

pytestmark = [pytest.mark.docker]
engine = pytest.mark.skipif(bool(NO_ENGINE), reason=NO_ENGINE or "there is one")

GREEDY = ["tail", "-c", "100m", "/dev/zero"]
SMALL = ["-m", "16m", "--memory-swap", "16m"]


def _known_to_be_killed(name):
    """Whether the engine has marked it; one that it has seen end before it heard of the kill is started once more."""
    if state(name, "{{.State.OOMKilled}}") == "true":
        return True
    if state(name, "{{.State.Running}}") == "false":
        docker("start", name)
    return False


@pytest.fixture(scope="module")
def ward():
    """First processes, a child, a loop, and one that was only killed by hand."""
    with patients("oom") as them:
        them.at_once(
            (("postgres", *GREEDY), {"options": SMALL}),
            (("frontend", "sh", "-c", "tail -c 100m /dev/zero; sleep 600"), {"options": SMALL}),
            (("looping", *GREEDY), {"options": [*SMALL, "--restart", "always"]}),
            (
                ("again", "sh", "-c", "test -e /tmp/x && exec sleep 600; true >/tmp/x; exec tail -c 100m /dev/zero"),
                {"options": SMALL},
            ),
            (("backend", "sleep", "600"), {}),
            (("healthy", "sleep", "600"), {"options": SMALL}),
        )
        docker("kill", them.names["backend"])
        wait(lambda: _known_to_be_killed(them.names["postgres"]), "a kill")
        wait(lambda: int(state(them.names["looping"], "{{.RestartCount}}")) >= 2, "a loop")
        wait(lambda: state(them.names["again"], "{{.State.Running}}") == "false", "an end")
        time.sleep(2.1)
        docker("start", them.names["again"])
        yield them


@engine
def test_victims_are_named(ward):
    """A first process, one of its children, one in a loop: each confirmed; killed by hand is not."""
    fact = look("oom_kills", ward.stack())
    recent = {one.component: one for one in fact.recent(15)}

    assert set(recent) == {"postgres", "frontend", "looping"}
    assert recent["postgres"].victim == "postgres"
    assert recent["frontend"].victim == "a process in frontend"
    assert any(ward.names["backend"] in one for one in fact.unproven)
    assert fact.sources["container state"] == fact.sources["engine event"] == "read"


@engine
def test_a_start_by_hand_makes_it_history(ward):
    """Docker 20.10 keeps the mark for ever; it is evidence then, not a failure."""
    fact = look("oom_kills", ward.stack())
    old = [one for one in fact.kills if one.component == "again"]

    assert old
    assert not any(one.counts(15) for one in old)
    assert any("before its last start" in text for text in fact.evidence.values())


@engine
def test_a_local_engine_s_counters_need_no_permission_and_no_exec(ward):
    """The child's kill stands in its cgroup even when events are forgotten and dmesg is forbidden."""
    fact = look("oom_kills", ward.stack(exec=False))

    assert ("frontend", "cgroup counter") in {(one.component, one.source) for one in fact.kills}


def test_nothing_read_is_no_good_news():
    """Unknown only when no trace can be read at all."""
    assert "can be read" in OomKills(sources={"kernel log": "permission denied"}).inconclusive_reason()
    assert (
        OomKills(sources={"kernel log": "permission denied", "container state": "read"}).inconclusive_reason() is None
    )


def kill(**more):
    known = dict(component="backend", service="backend", name="a", id="1", source="engine event")
    return OomKill(**known | more)


def test_what_counts():
    """Down because of it: always. Otherwise recent, not before the last start by hand, and not of unknown age."""
    assert kill(age_seconds=60).counts(15)
    assert not kill(age_seconds=1000).counts(15)
    assert kill(age_seconds=100000, whole=True, down=True).counts(15)
    assert not kill(age_seconds=60, superseded=True).counts(15)
    assert kill(longest_seconds=60, source="cgroup counter").counts(15)
    assert not kill(longest_seconds=5000, source="cgroup counter").counts(15)
    assert not kill().counts(15)


def test_one_container_is_one_finding():
    """Four traces of one kill are one victim; who is down comes first."""
    kills = (kill(age_seconds=5), kill(longest_seconds=9), kill(id="2", age_seconds=50, whole=True, down=True))
    fact = OomKills(kills=kills, sources={"engine event": "read"})

    assert [one.id for one in fact.recent(15)] == ["2", "1"]
