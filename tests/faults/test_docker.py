"""Every way to break the stack under Docker turns exactly the right checks red.

`make test` takes one of each class of cause that the embedded stack does not show, `make catalogue` what shows each
check that is left, and ONCALL_ALL_FAULTS=1 (`make faults`) all of them.
"""

import os
import subprocess

import pytest

import stack.docker.lifecycle
from stack import faults
from tests.patient import running
from tests.scoring import covers, diagnose

pytestmark = pytest.mark.docker
CATALOGUE = faults.catalogue("docker")


def shows(fault):
    """What a fault is an example of."""
    return {fault.cause_class, *(entry.partition("[")[0] for entry in fault.must_fail)}


def few(catalogue):
    """Names of faults that together are examples of everything, the most telling ones first."""
    chosen, missing = [], set().union(*map(shows, catalogue))
    while missing:
        best = max(catalogue, key=lambda fault: len(shows(fault) & missing))
        chosen.append(best.name)
        missing -= shows(best)
    return chosen


def marks():
    """For each fault where it runs: the first of a class in `make test`, the rest of the few in `make catalogue`."""
    chosen, classes = few(CATALOGUE.values()), {fault.cause_class for fault in faults.catalogue().values()}
    for name in chosen:
        cause_class = CATALOGUE[name].cause_class
        yield name, [pytest.mark.catalogue] if cause_class in classes else []
        classes.add(cause_class)
    for name in CATALOGUE.keys() - set(chosen):
        yield name, REST


REST = [
    pytest.mark.slow,
    pytest.mark.skipif("ONCALL_ALL_FAULTS" not in os.environ, reason="one of each kind; all of them: make faults"),
]
MARKS = dict(marks())
FAULTS = [pytest.param(fault, id=name, marks=MARKS[name]) for name, fault in CATALOGUE.items()]


@pytest.fixture(scope="module")
def life():
    """Containers instead of ordinary processes."""
    return stack.docker.lifecycle


@pytest.fixture(scope="module")
def home(tmp_path_factory, life):
    """A running stack, healed after each fault, of which nothing is left in the end."""
    with running(tmp_path_factory.mktemp("stack"), life) as home:
        yield home
        project = home.read()["project"]
    assert left_of(project) == []


def test_healthy_stack_is_green(home):
    """Nothing red, nothing unknown, exit 0; and between the two catalogues no check is left that nothing turns red."""
    run = diagnose(home.target)
    must_fail = [entry for fault in known() for entry in fault.must_fail]

    assert run.code == 0, run.screen
    assert {verdict["outcome"] for verdict in run.verdicts.values()} <= {"passed", "skipped"}
    assert run.causes == []
    looked = [check for check, verdict in run.verdicts.items() if verdict["outcome"] == "passed"]
    assert [check for check in looked if not covers(must_fail, check)] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_shows_exactly_its_lists(shows_exactly_its_lists, fault):
    """Exit 1; what must fail fails, what cannot look is unknown, and nothing else is touched."""
    shows_exactly_its_lists(fault)


def known():
    return [*CATALOGUE.values(), *faults.catalogue().values()]


def left_of(project):
    """Every container, network and volume that carries the project's label or that of what faults start beside it."""
    found = []
    for kind in (("container", "ls", "--all"), ("network", "ls"), ("volume", "ls")):
        for label in ("com.docker.compose.project", "oncall.stack"):
            command = ["docker", *kind, "--quiet", "--filter", f"label={label}={project}"]
            found += subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return found
