"""One embedded stack for each file of faults: a file a component, so that two of them can run side by side."""

import os

import pytest

from stack import faults, lifecycle
from stack.state import StackError
from tests.patient import embedded, quiet
from tests.scoring import diagnose, differences


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A running stack, healed after each fault."""
    with embedded(tmp_path_factory.mktemp("stack")) as home:
        yield home


@pytest.fixture
def shows_exactly_its_lists(home):
    """Break the stack, diagnose it, compare; the stack is healed whatever comes of it."""

    def verify(fault):
        try:
            faults.inject(lifecycle.running(home), [fault], quiet)
        except StackError as refused:
            if os.geteuid() == 0:
                raise
            pytest.skip(f"as an ordinary user: {refused}")  # a small full file system takes a mount
        code, screen, verdicts = diagnose(home.target)

        assert not differences(fault, code, verdicts), screen

    yield verify
    lifecycle.heal(home, quiet)
