"""A process that is stopped by a signal, goes on and is stopped again: whatever fails by chance, it is the cause."""

import pytest

from oncall.facts.containers import ContainerState
from tests.patient import until_calm
from tests.scoring import diagnose

SEEN, RUNS = 3, 12  # in a run of P1 alone all looks may fall into the second in which it goes on: 1 in 8


@pytest.fixture
def stop_and_go(home, life):
    """3 s stopped, 1 s going."""
    stack = life.running(home)
    words = ["python", "-m", "stack.faults.tools.stop_and_go", str(stack.pid("backend")), "3", "1"]
    stack.helper("stop-and-go", words)
    yield home
    life.heal(home, lambda line: None)


@pytest.mark.parametrize("options", [("-m", "p1"), ()], ids=["p1", "all"])
def test_it_is_named_and_nobody_else(stop_and_go, options):
    """Neither the login, nor the socket, nor the database, in no run."""
    named = 0
    for _ in range(RUNS):
        run = diagnose(stop_and_go.target, *options)
        if run.starved:
            until_calm()
            continue
        causes = [cause["component"] for cause in run.causes]
        assert causes in ([], ["backend"]), run.screen
        named += len(causes)
        if named == SEEN:
            break
    assert named == SEEN


@pytest.mark.parametrize(
    ("first", "looks", "stopped", "problem"),
    [
        ("S", 3, 0, ""),
        ("T", 3, 3, "is frozen: its process is stopped (state T)"),
        ("T", 3, 1, "is frozen now and then: a signal had stopped its process in 2 of 4 looks"),
        ("S", 3, 2, "is frozen now and then: a signal had stopped its process in 2 of 4 looks"),
        ("T", 0, 0, "is frozen: its process is stopped (state T)"),
    ],
)
def test_each_look_counts(first, looks, stopped, problem):
    """A hang that was seen in any of them is that process's."""
    state = ContainerState(
        id="1", name="api", status="running", exit_code=None, process_state=first, looks=looks, looks_stopped=stopped
    )

    assert state.problem == problem
