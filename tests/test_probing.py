"""The door: looks run at once, each with a deadline; what they bring is judged as it arrives."""

import os
import signal
import subprocess
import sys
import time

import pytest

HEALTHY = """
@probe()
def slots() -> Slots:
    return Slots(free=3, limit=10)
"""
CHECK = """
import pytest
pytestmark = [pytest.mark.p1, pytest.mark.playbook("database-down")]

def test_slots(slots, finding):
    "Some requests fail."
    assert slots.free >= 1, finding(f"only {slots.free} slots are free", component="postgres")
"""


def test_healthy_fact_passes(suite):
    """A check on a healthy fact passes, and the run is green."""
    result = suite(HEALTHY, CHECK)

    assert result.ret == 0
    result.assert_outcomes(passed=1)


def test_sick_fact_fails_with_its_symptom(suite):
    """A check on a sick fact fails the run, and the symptom is on the screen."""
    result = suite(HEALTHY.replace("free=3", "free=0"), CHECK)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*only 0 slots are free*"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise CouldNotCheck('no privilege: GRANT pg_monitor')", "no privilege: GRANT pg_monitor"),
        ("return Slots(free=0, limit=0)", "no slot was seen"),
        ("time.sleep(60)", "slots did not answer within 0.5 s"),
    ],
)
def test_blindness_is_unknown_with_its_reason(suite, body, reason):
    """What could not be seen is unknown, says why, and fails the run."""
    result = suite(f"@probe(deadline=0.5)\ndef slots() -> Slots:\n    {body}\n", CHECK)

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{reason}*", "*1 unknown*"])


def test_declared_absence_is_skipped_and_alone_exits_5(suite):
    """A part that the target declares absent is skipped; a run that looked at nothing is not green."""
    result = suite("@probe()\ndef slots() -> Slots:\n    raise NotPart('no database here')\n", CHECK)

    assert result.ret == 5
    result.assert_outcomes(skipped=1)


@pytest.mark.parametrize(
    ("probes", "checks", "words"),
    [
        ("@probe()\ndef slots() -> Slots:\n    return {}['x']\n", CHECK, "probe slots crashed: KeyError"),
        (
            HEALTHY,
            CHECK.replace(', finding(f"only {slots.free} slots are free", component="postgres")', " + 9"),
            "an assertion without a finding",
        ),
        (HEALTHY.replace("free=3", "free=0"), CHECK.replace('"postgres"', '"postgras"'), "is not a component"),
        ("@probe()\ndef slots(nobody) -> Slots:\n    return 1\n", CHECK, "neither a probe nor a parameter"),
        ("@probe()\ndef slots(slots) -> Slots:\n    return 1\n", CHECK, "need each other in a circle"),
        ("@probe()\ndef slots() -> Slots:\n    return 1\n", CHECK, "probe slots crashed: ValidationError"),
    ],
)
def test_bug_in_the_suite_is_an_error_in_one_sentence(suite, probes, checks, words):
    """A bug of the suite's own is an ERROR that --fail-on cannot excuse, and no traceback."""
    checks = checks.replace("assert slots.free >= 1 + 9", "assert slots.free >= 10").replace(
        "pytest.mark.p1", "pytest.mark.p4"
    )
    result = suite(probes, checks, "--fail-on", "p1")

    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{words}*", "*1 error*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(("fine", "code"), [("True", 0), ("False", 1)])
def test_a_test_that_is_no_check_fails_the_run_beside_an_excused_finding(suite, fine, code):
    """--fail-on excuses findings by their severity; a plain test has none."""
    checks = CHECK.replace("pytest.mark.p1", "pytest.mark.p4") + f"\n\ndef test_plain():\n    assert {fine}\n"

    assert suite(HEALTHY.replace("free=3", "free=0"), checks, "--fail-on", "p1").ret == code


PLAIN = """

def test_plain():
    from pathlib import Path

    seen = Path("seen")
    assert seen.exists() or seen.touch()
"""


def test_waiting_goes_on_while_a_test_that_is_no_check_fails(suite):
    """It fails in the first round and passes in the second; the excused finding is there in both."""
    checks = CHECK.replace("pytest.mark.p1", "pytest.mark.p4") + PLAIN

    assert suite(HEALTHY.replace("free=3", "free=0"), checks, "--fail-on", "p1", "--wait", "20").ret == 0


def test_forty_looks_take_as_long_as_one(suite):
    """All looks of the selected checks run at the same time; deselected ones are not even started."""
    probes = HEALTHY.replace("slots()", "slots(who)").replace(
        "return", "time.sleep(1.5)\n    open(f'{who}.seen', 'w')\n    return"
    )
    checks = CHECK.replace(
        "def test_slots(", "@pytest.mark.parametrize('who', [f'n{i}' for i in range(40)])\ndef test_slots(who, "
    )
    started = time.monotonic()
    result = suite(probes, checks, "-k", "not n39")

    result.assert_outcomes(passed=39, deselected=1)
    assert time.monotonic() - started < 40
    assert not os.path.exists("n39.seen")


def test_ready_facts_are_judged_while_slow_looks_run(suite):
    """The order of judgement is the order of arrival, not that of the file."""
    probes = HEALTHY + "@probe()\ndef slow() -> Slots:\n    time.sleep(1)\n    return Slots(free=3, limit=10)\n"
    checks = CHECK.replace(
        "def test_slots(slots", "def test_first(slow, finding):\n    assert slow.free\ndef test_slots(slots"
    )
    result = suite(probes, checks, "-v")

    output = result.stdout.str()
    assert output.index("::test_slots PASSED") < output.index("::test_first PASSED")


def test_fixtures_of_wider_scope_survive_the_order(suite):
    """A module's own fixtures are set up once, although checks of two files are judged in turns."""
    probes = (
        HEALTHY
        + "".join(
            f"@probe()\ndef slow{n}() -> Slots:\n    time.sleep({n / 5})\n    return Slots(free=3, limit=10)\n"
            for n in range(4)
        )
        + "import pytest\n@pytest.fixture(scope='session')\ndef once():\n"
        + "    print('SETUP', end='')\n    yield 1\n    print('DOWN')\n"
    )
    file = "import pytest\npytestmark = pytest.mark.p1\n" + "".join(
        f"def test_{{}}{n}(slow{n}, once, finding):\n    assert slow{n}.free\n" for n in range(4)
    )
    result = suite(probes, file.replace("{}", "a"), "-s", test_other=file.replace("{}", "b"))

    result.assert_outcomes(passed=8)
    assert result.stdout.str().count("SETUP") == 1
    assert result.stdout.str().count("DOWN") == 1


def test_budget_ends_the_run(suite):
    """Whatever hangs, the run ends with its budget, and every check is reported."""
    started = time.monotonic()
    result = suite("@probe(deadline=60)\ndef slots() -> Slots:\n    time.sleep(60)\n", CHECK, "--budget", "1")

    assert result.ret == 1
    assert time.monotonic() - started < 30
    result.stdout.fnmatch_lines(["*budget of 1 s*"])


def test_dependents_of_a_blind_look_give_its_reason(suite):
    """A probe whose need is unknown is unknown for the same reason; an optional need is handed over as exception."""
    probes = """
@client()
def session():
    raise CouldNotCheck("no route to the database")
@probe()
def slots(session) -> Slots:
    return Slots(free=3, limit=10)
@probe(optional=("session",))
def anyway(session) -> Slots:
    return Slots(free=3, limit=10, note=str(session))
"""
    checks = CHECK + "def test_anyway(anyway, finding):\n    assert anyway.note == 'no route to the database'\n"
    result = suite(probes, checks)

    result.stdout.fnmatch_lines(["*no route to the database*", "*1 passed, 1 unknown*"])


def test_clients_are_closed(suite, pytester):
    """A client written as a generator is closed at the end of the run."""
    probes = """
@client()
def session():
    yield "open"
    open("closed", "w")
@probe()
def slots(session) -> Slots:
    return Slots(free=3, limit=10)
"""
    suite(probes, CHECK)

    assert (pytester.path / "closed").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_waiting_and_reports(suite, pytester, number):
    """SIGTERM or Ctrl-C: what is known is reported at once, exit 2."""
    probes = HEALTHY + "@probe(deadline=60)\ndef slow() -> Slots:\n    open('waiting', 'w')\n    time.sleep(60)\n"
    suite(probes, CHECK + "def test_slow(slow, finding):\n    assert slow.free\n", "--collect-only")
    command = [sys.executable, "-m", "pytest", "--budget", "50", "--junitxml=junit.xml"]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.PIPE, text=True)
    while not (pytester.path / "waiting").exists():
        time.sleep(0.05)
    started = time.monotonic()
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)

    assert process.returncode == 2
    assert time.monotonic() - started < 20
    assert "slow had not answered when the run was interrupted" in output
    assert 'tests="2"' in (pytester.path / "junit.xml").read_text()


def test_inert_without_probes(pytester):
    """A project that uses no probe is not touched, whatever its tests do."""
    pytester.makepyfile("def test_plain():\n    assert 1 == 1\n")
    result = pytester.runpytest_subprocess("-p", "oncall.plugin")

    result.assert_outcomes(passed=1)
    assert "diagnosis" not in result.stdout.str().lower()


@pytest.mark.parametrize("option", ["--collect-only", "--setup-plan"])
def test_looking_at_the_list_looks_at_nothing(suite, pytester, option):
    """Listing checks starts no look."""
    suite("@probe()\ndef slots() -> Slots:\n    open('seen', 'w')\n    return Slots(free=3, limit=9)\n", CHECK, option)

    assert not (pytester.path / "seen").exists()


def test_check_file_that_does_not_import_is_an_error_and_the_rest_is_judged(suite):
    """One broken check file silences no other."""
    result = suite(HEALTHY, CHECK, "--continue-on-collection-errors", test_broken="import nothing_like_this\n")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*No module named 'nothing_like_this'*", "*1 passed*"])


def test_fixture_of_another_name_owner_is_no_probe(suite):
    """A project whose own fixture has a probe's name is not touched."""
    probes = HEALTHY + "import pytest\n@pytest.fixture\ndef slots():\n    return 'mine'\n"
    result = suite(probes, "def test_mine(slots):\n    assert slots == 'mine'\n")

    result.assert_outcomes(passed=1)
    assert "diagnosis" not in result.stdout.str()


def test_a_second_probe_of_one_name_is_refused(suite):
    """Which of the two a check stands on would be a matter of imports."""
    result = suite(HEALTHY + HEALTHY.replace("free=", "note='', free="), CHECK)

    assert result.ret == 4
    assert "a second probe is named slots: give one of them another name" in result.stderr.str()


def test_a_hook_that_fails_costs_nothing_else(suite):
    """An output from outside is told of in one line; report and exit code stay."""
    hook = "\ndef pytest_oncall_run(run):\n    raise RuntimeError(run.stack)\n"
    result = suite(HEALTHY + hook, CHECK, "--json=r.json")

    assert result.ret == 6
    result.stdout.fnmatch_lines(["*PROBLEM*the hook pytest_oncall_run failed: RuntimeError('shop')*"])
