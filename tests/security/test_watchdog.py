"""One look holds the interpreter for ever: the budget, and a signal, hold all the same, and what is known is told."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

STUCK = """
import re

@probe()
def slots() -> Slots:
    return Slots(free=0, limit=10)

@probe(deadline=60)
def stuck() -> Slots:
    while not os.path.exists("judged"):
        time.sleep(0.05)
    open("holding", "w").close()
    re.match(r"(a+)+$", "a" * 40 + "b")
    return Slots(free=1, limit=10)

@probe(deadline=60)
def slow() -> Slots:
    time.sleep(60)
    return Slots(free=1, limit=10)
"""
CHECKS = """
import pytest
pytestmark = [pytest.mark.p1, pytest.mark.playbook("database-down")]

def test_slots(slots, finding):
    "Some requests fail."
    assert slots.free >= 1, finding(f"only {slots.free} slots are free", component="postgres")

def test_stuck(stuck, finding):
    "Others hang."
    assert stuck.free >= 1, finding("no slot", component="backend")

def test_slow(slow, finding):
    "Others are slow."
    assert slow.free >= 1, finding("no slot", component="frontend")
"""
JUDGED = """
@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if report.when == "call" and report.nodeid.endswith("test_slots"):
        open("judged", "w").close()
"""
FILES = ("--json=result.json", "--html=report.html", "--junitxml=junit.xml", "--save=snapshot.json")


@pytest.fixture
def stuck(suite, pytester):
    """Starts the suite whose look holds the interpreter as soon as another check has been judged."""
    suite("import os, pytest\n" + STUCK + JUDGED, CHECKS, "--collect-only")

    def start(*options):
        for left in ("judged", "holding"):
            (pytester.path / left).unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", *FILES, *options]
        return subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return start


def wait_for(file):
    until = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def a_start(pytester):
    """How long pytest takes on this machine, right now, to begin and end."""
    began = time.monotonic()
    pytester.runpytest_subprocess("--collect-only")
    return time.monotonic() - began


def assert_all_is_told(screen, folder):
    outcomes = {one["check"]: one for one in json.loads((folder / "result.json").read_text())["verdicts"]}

    assert "only 0 slots are free" in screen
    assert "PARTIAL: stuck holds the Python interpreter" in screen
    assert {check: one["outcome"] for check, one in outcomes.items()} == {
        "test_slots": "failed",
        "test_stuck": "unknown",
        "test_slow": "unknown",
    }
    assert outcomes["test_stuck"]["reason"] == "stuck did not come back: it holds the Python interpreter"
    assert "only 0 slots are free" in (folder / "report.html").read_text()
    assert 'tests="3"' in (folder / "junit.xml").read_text()
    assert '"free": 0' in (folder / "snapshot.json").read_text()
    assert "Traceback" not in screen


def test_budget_holds_although_a_look_holds_the_interpreter(stuck, pytester):
    """Budget and a second and a half, with every verdict so far, on the terminal and in all files; exit 1."""
    for _ in range(3):
        began = time.monotonic()
        process = stuck("--budget=3")
        screen, _ = process.communicate(timeout=60)
        seconds = time.monotonic() - began
        assert process.returncode == 1
        assert_all_is_told(screen, pytester.path)
        if seconds < 4.5 + a_start(pytester):
            return
    raise AssertionError(f"{seconds:.2f} s, three times")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_run_whose_interpreter_is_held(stuck, pytester, number):
    """A signal reaches no Python code, and still the run ends and tells what it knew."""
    process = stuck("--budget=60")
    wait_for(pytester.path / "holding")
    began = time.monotonic()
    process.send_signal(number)
    screen, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "interrupted" in screen
    assert_all_is_told(screen, pytester.path)
    assert time.monotonic() - began < 40  # the budget is 60


def test_run_that_comes_back_speaks_for_itself(suite, pytester):
    """A look that holds the interpreter for two seconds costs nothing but these; nobody else reports."""
    probes = "import re\n@probe()\ndef slots() -> Slots:\n    re.match(r'(a+)+$', 'a' * 26 + 'b')\n" + (
        "    re.match(r'(a+)+$', 'a' * 25 + 'b')\n    return Slots(free=3, limit=10)\n"
    )
    checks = CHECKS.partition("def test_stuck")[0]
    result = suite(probes, checks, "--budget=30")

    assert result.ret == 0
    assert "PARTIAL" not in result.stdout.str()
    assert result.stdout.str().count("diagnosis of") == 1


def test_plain_test_may_take_longer_than_the_budget(suite):
    """The budget is one for looks."""
    probes = "@probe()\ndef slots() -> Slots:\n    return Slots(free=3, limit=10)\n"
    checks = CHECKS.partition("def test_stuck")[0]
    checks += "\ndef test_plain():\n    import time\n    time.sleep(3)\n"
    result = suite(probes, checks, "--budget=1")

    result.assert_outcomes(passed=2)


def test_nothing_stays_behind(stuck, pytester):
    """The process that stood by ends with the run, also with one that was killed."""
    process = stuck("--budget=60")
    wait_for(pytester.path / "holding")
    standing_by = children(process.pid)
    process.kill()
    process.communicate(timeout=20)

    assert standing_by
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{each}") for each in standing_by):
        assert time.monotonic() < until
        time.sleep(0.05)


def children(parent):
    found = []
    for folder in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{folder}/stat") as file:
                words = re.sub(r".*\) ", "", file.read()).split()
        except OSError:
            continue
        if int(words[1]) == parent:
            found.append(int(folder))
    return found


def test_run_that_comes_back_is_told_once(suite):
    """Nobody speaks for it, and nobody makes ready to: one header, one diagnosis, however slow a probe is."""
    slow = "\n\n@probe()\ndef slots() -> Slots:\n    time.sleep(1.5)\n    return Slots(free=1, limit=2)\n"
    checks = "import pytest\n\n\n@pytest.mark.p1\ndef test_slots(slots):\n    assert slots.limit\n"
    screen = suite(slow, checks, "-v").stdout.str()

    assert screen.count("test session starts") == 1
    assert screen.count("end of diagnosis") == 1
