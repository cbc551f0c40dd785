"""A stack of other software, of which only the proxy is published: one cause for each fault, and the right one.

Asked twice: with every part declared, and with a worker and a cache that the target file does not name.
"""

import re
import subprocess
import time

import pytest

from tests.faults.both import REST
from tests.scoring import diagnose
from tests.strangers.faults import FAULTS
from tests.strangers.strangers import Strangers

pytestmark = pytest.mark.docker
TRIES = 30  # until this machine is calm enough to judge by
TARGETS = ("whole", "minimal")
SHOWN = ("db-stopped", "edge-stopped", "shop-api-paused")  # of each kind one; the others are the rest of the catalogue
ALIKE = ("-stopped", "-killed", "-paused", "cache-named-wrong")  # the same fault on the next part: make faults
MISTYPED = r"no such service|unknown (flag|command|shorthand)|syntax error|usage:"


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """The stack, healthy."""
    made = Strangers(tmp_path_factory.mktemp("strangers"))
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture
def broken(strangers):
    """A function that breaks it; afterwards it is as it was."""

    def harm(fault):
        used.append(fault)
        fault.bring_about(strangers)

    used = []
    yield harm
    if used:
        strangers.heal()


def judged(strangers, target):
    """A run while people ask for something, on a machine that is not too busy to judge."""
    for _ in range(TRIES):
        strangers.traffic()
        run = diagnose(strangers.target(target))
        if not run.starved:
            break
        time.sleep(1)
    return run


def each():
    """Every fault."""
    for fault in FAULTS:
        rest = REST if fault.name.endswith(ALIKE) else [pytest.mark.catalogue]
        marks = [] if fault.name in SHOWN else rest
        yield pytest.param(fault, id=fault.name, marks=marks)


@pytest.mark.parametrize("target", TARGETS)
def test_healthy_is_green(strangers, target):
    """Nothing red, nothing unknown: what this stack does not have, its target file says."""
    run = judged(strangers, target)

    assert run.code == 0, run.screen
    assert {verdict["outcome"] for verdict in run.verdicts.values()} <= {"passed", "skipped"}


@pytest.mark.parametrize("fault", [*each()])
def test_a_fault_is_one_cause_and_the_right_one(strangers, broken, fault):
    """Also of a part that nobody declared; in telling words, and what comes next can be typed."""
    broken(fault)
    runs = {target: judged(strangers, target) for target in TARGETS}

    for target, run in runs.items():
        assert [cause["component"] for cause in run.causes] == [fault.component], (target, run.screen)
        (cause,) = run.causes
        said = " ".join(map(str, (cause["symptom"], *cause["evidence"].values(), cause["because"])))
        assert re.search(fault.words, said, re.IGNORECASE), (target, cause)
        for command in cause["next"]["commands"]:
            typed(command)


def typed(command):
    """What is printed can be typed: the shell knows its words, and the tool its options."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode not in (2, 126, 127), (command, done.stderr)
    assert not re.search(MISTYPED, done.stderr, re.IGNORECASE), (command, done.stderr)
