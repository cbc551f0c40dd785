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
    return faults.red_herrings(mode).items()


@pytest.mark.parametrize(("life", "herring"), both(cases), indirect=["life"])
def test_herring_alone_changes_nothing(diagnosed_with, herring):
    """Nothing red, nothing unknown, exit 0."""
    run = diagnosed_with(herring)

    assert not differences(herring, run.code, run.verdicts), run.screen
    assert run.causes == []


@pytest.mark.parametrize(("life", "herring"), both(cases), indirect=["life"])
def test_herring_is_not_named_beside_a_fault(diagnosed_with, herring):
    """The fault is the one cause, and nothing of what the herring shows stands in it."""
    fault = faults.catalogue(herring.mode)[herring.beside]
    run = diagnosed_with(herring, fault)

    assert not differences(fault, run.code, run.verdicts), run.screen
    assert not localisation([fault], run.result), run.screen
    assert list(mentioned(herring, run.causes)) == []


def test_a_herring_points_elsewhere():
    """Ten of them, none in a catalogue, each beside a fault of another component."""
    found = {name: each for mode in LIVES for name, each in faults.red_herrings(mode).items()}

    assert len(found) >= 10
    for name, herring in found.items():
        known = faults.catalogue(herring.mode)
        assert name not in known
        assert known[herring.beside].component != herring.component
        assert herring.words
