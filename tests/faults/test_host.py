"""Every way to break host turns exactly the right checks red."""

import subprocess
import textwrap

import pytest

from stack import faults
from tests.faults.of import of
from tests.scoring import differences, localisation

LOADED = "host-cpu-overloaded"


@pytest.mark.parametrize("fault", [each for each in of("host") if each.id != LOADED])
def test_fault_shows_exactly_its_lists(shows_exactly_its_lists, fault):
    """Exit 1; what must fail fails, what cannot look is unknown, and nothing else is touched."""
    shows_exactly_its_lists(fault)


@pytest.mark.alone
def test_an_overloaded_host_shows_its_lists_and_a_next_command_that_can_be_typed(diagnosed_with):
    """As every fault; and as printed, the command runs, and shows the load and who makes it."""
    fault = faults.catalogue()[LOADED]
    run = diagnosed_with(fault)

    assert not differences(fault, run.code, run.verdicts), run.screen
    assert not localisation([fault], run.result), run.screen
    printed = run.screen.partition("\nnext ")[2].partition("\nthen ")[0]
    typed = subprocess.run(
        ["bash", "-c", textwrap.dedent(" " * 5 + printed)], capture_output=True, text=True, timeout=20
    )
    assert (typed.returncode, typed.stderr) == (0, "")
    assert "load average" in typed.stdout
    assert "python" in typed.stdout
