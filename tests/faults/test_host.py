"""Every way to break host turns exactly the right checks red."""

import subprocess
import textwrap

import pytest

from stack import faults
from tests.faults.of import of


@pytest.mark.parametrize("fault", of("host"))
def test_fault_shows_exactly_its_lists(shows_exactly_its_lists, fault):
    """Exit 1; what must fail fails, what cannot look is unknown, and nothing else is touched."""
    shows_exactly_its_lists(fault)


@pytest.mark.alone
def test_the_next_command_of_an_overloaded_host_can_be_typed(diagnosed_with):
    """As printed, it runs, and shows the load and who makes it."""
    run = diagnosed_with(faults.catalogue()["host-cpu-overloaded"])

    printed = run.screen.partition("\nnext ")[2].partition("\nthen ")[0]
    typed = subprocess.run(
        ["bash", "-c", textwrap.dedent(" " * 5 + printed)], capture_output=True, text=True, timeout=20
    )
    assert (typed.returncode, typed.stderr) == (0, "")
    assert "load average" in typed.stdout
    assert "python" in typed.stdout
