"""The catalogue as a whole: the healthy stack is green, and no check is without a fault that turns it red."""

from pathlib import Path

from stack import faults
from tests.scoring import covers, diagnose


def test_healthy_stack_is_green(home):
    """Nothing red, nothing unknown, exit 0."""
    run = diagnose(home.target)

    assert run.code == 0, run.screen
    assert {verdict["outcome"] for verdict in run.verdicts.values()} <= {"passed", "skipped"}
    assert run.causes == []


def test_every_check_has_a_fault(home):
    """A check that nothing turns red is not done; some are turned red in the catalogue of containers only."""
    verdicts = diagnose(home.target).verdicts
    both = [*faults.catalogue().values(), *faults.catalogue("docker").values()]
    must_fail = [entry for fault in both for entry in fault.must_fail]

    assert [name for name, it in verdicts.items() if it["outcome"] == "passed" and not covers(must_fail, name)] == []


def test_every_component_has_its_file():
    """A fault of a new component would not be run by anybody."""
    files = {file.stem.removeprefix("test_") for file in Path(__file__).parent.glob("test_*.py")}

    assert {fault.component for fault in faults.catalogue().values()} <= files
