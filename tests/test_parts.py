"""A check that is judged once for each part: one test for pytest, a verdict for each part that the run has found."""

import json

import pytest

PROBES = """
from oncall.api import Several
from msgspec import Struct


class Queue(Struct, frozen=True, kw_only=True):
    component: str
    waiting: int


class Queues(Several, frozen=True, kw_only=True):
    broker: str
    parts: tuple[Queue, ...] = ()

    def inconclusive_reason(self):
        return None if self.broker else "no broker was asked"


@probe()
def queue() -> Queues:
    waiting = {waiting}
    parts = tuple(Queue(component=name, waiting=number) for name, number in waiting)
    return Queues(broker="rabbit", parts=parts, unseen={unseen})
"""
CHECK = """
import pytest
pytestmark = [pytest.mark.p1, pytest.mark.playbook("queues")]

@pytest.mark.each("queue")
def test_queues_are_short(queue, finding):
    "Mails arrive hours late."
    assert queue.waiting < 500, finding(
        f"{queue.waiting} wait in {queue.component}", evidence={"waiting": queue.waiting}, component=queue.component
    )
"""
SEVERAL = {"orders": 799, "mails": 3, "bills": 900}


@pytest.fixture
def judged(suite, pytester):
    """Judges these queues; pytest's result, and the verdicts by name."""

    def judge(waiting, *options, unseen=None, check=CHECK, target='name = "shop"\n'):
        given = [*waiting.items()] if isinstance(waiting, dict) else waiting
        probes = PROBES.replace("{waiting}", repr(given)).replace("{unseen}", repr(unseen or {}))
        result = suite(probes, check, "--json=result.json", *options, target=target)
        said = json.loads((pytester.path / "result.json").read_text())
        return result, {verdict["check"]: verdict for verdict in said["verdicts"]}, said

    return judge


def test_each_part_has_a_verdict_and_the_test_fails_once(judged):
    """Two of three are too long: one failed test, two causes, three verdicts, all answered."""
    result, verdicts, said = judged(SEVERAL)

    assert result.ret == 1
    result.assert_outcomes(failed=1)
    assert {name: verdict["outcome"] for name, verdict in verdicts.items()} == {
        "test_queues_are_short[orders]": "failed",
        "test_queues_are_short[mails]": "passed",
        "test_queues_are_short[bills]": "failed",
    }
    assert {cause["component"]: cause["symptom"] for cause in said["causes"]} == {
        "orders": "799 wait in orders",
        "bills": "900 wait in bills",
    }
    result.stdout.fnmatch_lines(["*answered P1 3/3*"])


def test_parts_that_are_well_are_one_passed_test(judged):
    """Nothing is red, and each of them counts."""
    result, verdicts, _ = judged({"orders": 7, "mails": 3})

    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert {verdict["outcome"] for verdict in verdicts.values()} == {"passed"}
    assert {verdict["component"] for verdict in verdicts.values()} == {"orders", "mails"}


def test_without_a_part_the_test_is_the_verdict(judged):
    """Somebody looked, and there is none."""
    result, verdicts, _ = judged({})

    assert result.ret == 0
    assert verdicts["test_queues_are_short"]["outcome"] == "passed"


def test_a_part_that_could_not_be_looked_at_is_unknown(judged):
    """The others are judged all the same; the run is not green."""
    result, verdicts, _ = judged({"orders": 7}, unseen={"mails": "its statistics are off: set stats = true"})

    assert result.ret == 1
    assert verdicts["test_queues_are_short[orders]"]["outcome"] == "passed"
    assert verdicts["test_queues_are_short[mails]"]["reason"] == "its statistics are off: set stats = true"
    result.stdout.fnmatch_lines(["*1 unknown*"])


def test_a_replay_judges_the_same_parts(judged, pytester):
    """They come from the facts."""
    live, before, _ = judged(SEVERAL, "--save=facts.json")
    again, after, _ = judged({}, "--replay=facts.json")

    assert (again.ret, {**after}) == (live.ret, {**before})


@pytest.mark.parametrize(
    ("name", "left"), [("test_queues_are_short[orders]", {"bills"}), ("test_queues_are_short", set())]
)
def test_a_part_or_all_of_them_can_be_accepted(judged, name, left):
    """By the verdict's name, or the test's."""
    entry = f'[accepted]\n"{name}" = {{ reason = "Monday", until = 2099-01-01 }}\n'
    result, verdicts, said = judged(SEVERAL, target=f'name = "shop"\n{entry}')

    assert verdicts["test_queues_are_short[orders]"]["outcome"] == "accepted"
    assert {cause["component"] for cause in said["causes"]} == left
    assert result.ret == bool(left)


@pytest.mark.parametrize(
    ("waiting", "check", "words"),
    [
        ([("orders", 1), ("orders", 2)], CHECK, "queue has two parts that are called orders"),
        (SEVERAL, CHECK.replace('"queue")', '"other")'), "must name this probe, and its fact must be a Several"),
        (SEVERAL, CHECK.replace("queue.waiting < 500", "1 / (queue.waiting - 3)"), "ZeroDivisionError"),
        (SEVERAL, CHECK.replace("component=queue.component", "component='elsewhere'"), "is not a component"),
    ],
)
def test_a_bug_is_an_error(judged, waiting, check, words):
    """Two parts of one name would hide one another; what the check has judged before stays."""
    result, verdicts, _ = judged(waiting, check=check)

    assert result.ret == 1
    assert words in verdicts["test_queues_are_short"]["reason"]


def test_no_name_but_a_services_comes_out_of_a_snapshot(judged, pytester):
    """Whoever wrote it: a name is part of commands and pages."""
    judged(SEVERAL, "--save=facts.json")
    file = pytester.path / "facts.json"
    file.write_text(file.read_text().replace('"orders"', '"orders; reboot"'))
    _, verdicts, _ = judged({}, "--replay=facts.json")

    assert "names a part by what is no name" in verdicts["test_queues_are_short"]["reason"]


def test_waiting_looks_at_the_parts_again(judged):
    """A round of --wait begins without the parts of the one before."""
    result, verdicts, _ = judged(SEVERAL, "--wait=2")

    assert result.ret == 1
    assert len(verdicts) == 3


def test_junit_tells_of_each_part(judged, pytester):
    """One test case; each property ends with the part."""
    judged(SEVERAL, "--junitxml=junit.xml")
    said = (pytester.path / "junit.xml").read_text()

    assert 'failures="1"' in said
    assert 'name="symptom[orders]" value="799 wait in orders"' in said
    assert 'name="outcome[mails]" value="passed"' in said


OTHER = """
def test_slots(slots, finding):
    "Others hang."
    assert slots.free, finding("no slot", component="backend")
"""
STUCK = """
import os, re, time, pytest

@probe(deadline=60)
def slots() -> Slots:
    while not os.path.exists("judged"):
        time.sleep(0.05)
    re.match(r"(a+)+$", "a" * 40 + "b")
    return Slots(free=1, limit=10)

@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if report.when == "call" and report.nodeid.endswith("test_queues_are_short"):
        open("judged", "w").close()
"""


def test_who_speaks_for_a_stuck_run_knows_each_part(suite, pytester):
    """A look holds the interpreter for ever: what was judged of each part before is told all the same."""
    probes = PROBES.replace("{waiting}", repr([*SEVERAL.items()])).replace("{unseen}", "{}") + STUCK
    result = suite(probes, CHECK + OTHER, "--json=result.json", "--budget=2")
    verdicts = json.loads((pytester.path / "result.json").read_text())["verdicts"]

    assert {verdict["check"]: verdict["outcome"] for verdict in verdicts} == {
        "test_queues_are_short[orders]": "failed",
        "test_queues_are_short[mails]": "passed",
        "test_queues_are_short[bills]": "failed",
        "test_slots": "unknown",
    }
    result.stdout.fnmatch_lines(["*PARTIAL*"])
