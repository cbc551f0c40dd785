"""One reference stack for all of these tests; whoever breaks it has it healed afterwards."""

import pytest

from stack import lifecycle
from tests.integration.playbook_runs import Runs
from tests.patient import quiet, running


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A stack that runs; for tests that do it no harm."""
    with running(tmp_path_factory.mktemp("stack")) as home:
        yield home


@pytest.fixture
def patient(home):
    """The running stack, to be broken: it is healed when the test is over."""
    yield lifecycle.running(home)
    lifecycle.heal(home, quiet)


@pytest.fixture
def runs(tmp_path):
    """Runs the playbook; its files go into this test's folder."""
    return Runs(tmp_path)
