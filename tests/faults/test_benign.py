"""What looks like a cause and is none leaves the stack green, and is not named beside a real fault."""

import pytest

from bench.scoreboard import mentioned
from stack import faults
from tests.faults.both import LIVES, both
from tests.scoring import differences, localisation


@pytest.fixture(scope="module")
def life(request):
    """How the stack of this kind is started, healed and ended."""
    return request.param


def cases(mode):
    return faults.benign_scenarios(mode).items()


@pytest.mark.parametrize(("life", "benign"), both(cases), indirect=["life"])
def test_benign_alone_changes_nothing(diagnosed_with, benign):
    """Nothing red, nothing unknown, exit 0."""
    run = diagnosed_with(benign)

    assert not differences(benign, run.code, run.verdicts), run.screen
    assert run.causes == []


@pytest.mark.parametrize(("life", "benign"), both(cases), indirect=["life"])
def test_benign_is_not_named_beside_a_fault(diagnosed_with, benign):
    """The fault is the one cause, and nothing of what the benign scenario shows stands in it."""
    fault = faults.catalogue(benign.mode)[benign.paired_with]
    run = diagnosed_with(benign, fault)

    assert not differences(fault, run.code, run.verdicts), run.screen
    assert not localisation([fault], run.result), run.screen
    assert list(mentioned(benign, run.causes)) == []


def test_a_benign_points_elsewhere():
    """Ten of them, none in a catalogue, each beside a fault of another component."""
    found = {name: each for mode in LIVES for name, each in faults.benign_scenarios(mode).items()}

    assert len(found) >= 10
    for name, benign in found.items():
        known = faults.catalogue(benign.mode)
        assert name not in known
        assert known[benign.paired_with].component != benign.component
        assert benign.words
