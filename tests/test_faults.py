"""Every way to break the stack turns exactly the right checks red; the healthy stack keeps all of them green."""

import os

import pytest

from stack import faults, lifecycle
from stack.state import Home, StackError
from tests.scoring import covers, diagnose, differences

CATALOGUE = faults.catalogue()


def quiet(line):
    """The stack tells what it does; a test has no use for it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One embedded stack for all faults; healed after each."""
    home = Home(tmp_path_factory.mktemp("stack") / "home")
    lifecycle.up(home, quiet)
    yield home
    lifecycle.down(home, quiet)


@pytest.fixture
def broken(home):
    """Break the stack; heal it whatever the test says."""

    def inject(*names):
        try:
            faults.inject(lifecycle.running(home), faults.named(names), quiet)
        except StackError as refused:
            if os.geteuid() == 0:
                raise
            pytest.skip(f"as an ordinary user: {refused}")  # a small full file system takes a mount
        return home.target

    yield inject
    lifecycle.heal(home, quiet)


def test_healthy_stack_is_green(home):
    """Nothing red, nothing unknown, exit 0."""
    code, screen, verdicts = diagnose(home.target)

    assert code == 0, screen
    assert {verdict["outcome"] for verdict in verdicts.values()} <= {"passed", "skipped"}


@pytest.mark.parametrize("name", CATALOGUE)
def test_fault_shows_exactly_its_lists(broken, name):
    """Exit 1; what must fail fails, what cannot look is unknown, and nothing else is touched."""
    code, screen, verdicts = diagnose(broken(name))

    assert not differences(CATALOGUE[name], code, verdicts), screen


def test_every_check_has_a_fault(home):
    """A check that nothing turns red is not done."""
    _, _, verdicts = diagnose(home.target)
    must_fail = [entry for fault in CATALOGUE.values() for entry in fault.must_fail]

    assert [check for check in verdicts if not covers(must_fail, check)] == []
