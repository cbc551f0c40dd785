"""One stack of each kind for all files of faults that one worker runs; a file a component, so that several can."""

import os
from contextlib import ExitStack
from functools import cache

import pytest

import stack.lifecycle
from stack import faults
from stack.state import StackError
from tests.patient import quiet, running, until_calm
from tests.scoring import as_whom, asked_for, diagnose, differences, localisation

TRIES = 8  # until the machine is calm enough to judge by: what the suite says on an overloaded one is "not known"


@pytest.fixture(scope="module")
def life():
    """How the stack is started, healed and ended; the file of Docker's faults has another."""
    return stack.lifecycle


@pytest.fixture(scope="session")
def stack_of(tmp_path_factory):
    """The running stack of a kind, started when it is first wanted: each test heals it."""
    with ExitStack() as until_the_end:
        yield cache(lambda life: until_the_end.enter_context(running(tmp_path_factory.mktemp("stack"), life)))


@pytest.fixture(scope="module")
def home(stack_of, life):
    """A running stack, healed after each fault."""
    return stack_of(life)


@pytest.fixture
def diagnosed_with(home, life):
    """Break the stack with these faults, diagnose it; it is healed whatever comes of it."""

    def verify(*broken):
        try:
            faults.inject(life.running(home), broken, quiet)
        except StackError as refused:
            if os.geteuid() == 0:
                raise
            pytest.skip(f"as an ordinary user: {refused}")  # a small full file system takes a mount
        through = next(filter(None, map(as_whom, broken)), ())
        run = diagnose(home.target, *asked_for(broken), through=through)
        for _ in range(TRIES):
            if not run.starved or any(one.component == "host" for one in broken):
                break
            until_calm()
            run = diagnose(home.target, *asked_for(broken), through=through)
        return run

    yield verify
    life.heal(home, quiet)


@pytest.fixture
def shows_exactly_its_lists(diagnosed_with):
    """Break the stack, diagnose it, compare both with the fault's lists and with the one cause that it is."""

    def verify(fault):
        run = diagnosed_with(fault)

        assert not differences(fault, run.code, run.verdicts), run.screen
        assert not localisation([fault], run.result), run.screen

    return verify
