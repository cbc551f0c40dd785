"""One stack for each file of faults: a file a component, so that two of them can run side by side."""

import os

import pytest

import stack.lifecycle
from stack import faults
from stack.state import StackError
from tests.patient import quiet, running
from tests.scoring import as_whom, diagnose, differences, localisation


@pytest.fixture(scope="module")
def life():
    """How the stack is started, healed and ended; the file of Docker's faults has another."""
    return stack.lifecycle


@pytest.fixture(scope="module")
def home(tmp_path_factory, life):
    """A running stack, healed after each fault."""
    with running(tmp_path_factory.mktemp("stack"), life) as home:
        yield home


@pytest.fixture
def shows_exactly_its_lists(home, life):
    """Break the stack, diagnose it, compare; the stack is healed whatever comes of it."""

    def verify(fault):
        try:
            faults.inject(life.running(home), [fault], quiet)
        except StackError as refused:
            if os.geteuid() == 0:
                raise
            pytest.skip(f"as an ordinary user: {refused}")  # a small full file system takes a mount
        run = diagnose(home.target, through=as_whom(fault))

        assert not differences(fault, run.code, run.verdicts), run.screen
        assert not localisation([fault], run.result), run.screen

    yield verify
    life.heal(home, quiet)
