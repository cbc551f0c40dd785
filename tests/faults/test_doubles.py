"""Two faults at once are two causes, no more and no less."""

import pytest

from stack.faults.pairs import HELD_OUT, PAIRS, pairs
from tests.faults.both import both
from tests.scoring import localisation


@pytest.fixture(scope="module")
def life(request):
    """How the stack of this kind is started, healed and ended."""
    return request.param


def cases(mode):
    return [("+".join(fault.name for fault in pair), pair) for pair in pairs(mode) + pairs(mode, held_out=True)]


@pytest.mark.parametrize(("life", "pair"), both(cases), indirect=["life"])
def test_two_faults_are_two_causes(diagnosed_with, pair):
    """The right components, and every verdict under the cause to which it belongs."""
    run = diagnosed_with(*pair)

    assert run.code == 1, run.screen
    assert localisation(pair, run.result) == [], run.screen


def test_pairs_are_of_two_places():
    """Two faults of one component would prove little; fifteen pairs are enough to prove something."""
    found = [pair for mode in PAIRS for pair in pairs(mode)]
    held_out = [pair for mode in HELD_OUT for pair in pairs(mode, held_out=True)]

    assert len(found) >= 15
    assert len(held_out) >= 5
    found += held_out
    assert [pair for pair in found if pair[0].component == pair[1].component] == []
    assert [pair for pair in found if not (pair[0].must_fail and pair[1].must_fail)] == []
