"""What the playbook tells to type heals: the steps quoted for a fault, typed on the stack under Docker.

One fault in `make test`, a few more in `make catalogue`; all of them, as a table: `make recovery`.
"""

import pytest

import stack.docker.lifecycle
from bench import recovery
from bench.playbook_execution import Typed, reason_to_leave
from oncall import playbook
from stack import faults
from stack.faults.tools import manual_fix as mending
from tests.faults.both import one_here
from tests.test_playbook import PAGE

CATALOGUE = faults.catalogue("docker")
PLACES = {each.place for each in vars(mending).values() if isinstance(each, mending.ManualFix)}
FEW = {
    "container-frontend-paused": "service-down",
    "container-frontend-disconnected": "container-network",
    "container-proxy-drops-upgrade": "websocket-down",
}


@pytest.fixture(scope="module")
def life():
    """Containers instead of ordinary processes."""
    return stack.docker.lifecycle


@pytest.mark.docker
@pytest.mark.parametrize("name", one_here(FEW))
def test_the_quoted_steps_heal(home, life, name):
    """Typed in their order, with what a person mends where they tell to, they end in a healthy run."""
    row = recovery.row(home, CATALOGUE[name])
    life.heal(home, lambda line: None)

    assert (FEW[name] in row.sections, bool(row.healed)) == (True, True), "\n".join(recovery.told(row))


def test_a_step_names_only_places_that_a_person_can_mend():
    """A slip in `- Edit:` would leave the fault as it is; a place that no step names would never be mended."""
    named = {place for section in PAGE.sections for step in section.recovery for place in step.edit}

    assert named == PLACES


@pytest.mark.parametrize(
    ("risk", "command", "reason"),
    [
        ("data loss", "docker volume rm data", "data loss"),
        ("restart", "sudo systemctl restart docker", "whole machine"),
        ("read-only", "systemctl status docker", ""),
        ("restart", "compose up -d SERVICE", "SERVICE is for a person to say"),
        ("restart", "compose restart backend", ""),
    ],
)
def test_what_would_harm_others_or_lose_data_is_not_typed(risk, command, reason):
    """The engine and the machine belong to others too."""
    step = playbook.Step("", command, risk, "test_it")

    assert reason_to_leave(Typed("backend-down", 1, risk, command), step) == reason


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_says_what_a_person_would_do(name):
    """What only a step that is never typed can heal needs no hand; what a step asks for stands in the playbook."""
    fault = CATALOGUE[name]

    assert not (fault.manual_fix and fault.heals != "yes")
    assert all(any(blank in step.command for section in PAGE.sections for step in section.recovery)
               for blank in fault.reads)  # fmt: skip
