"""Foreign text is text: in a real browser nothing of it runs, opens or appears, wherever it stands."""

import pytest

from tests.browser.attacks import ATTACKS, assert_harmless
from tests.browser.pages import written
from tests.reporting import runs

pytestmark = pytest.mark.browser
HOSTILE_PROBES = """
ATTACKS = {attacks!r}


@probe(deadline=2.0)
def slots() -> Slots:
    import logging
    for attack in ATTACKS.values():
        logging.getLogger().warning(attack)
    return Slots(free=1, limit=2, note=ATTACKS["all"])


@probe(deadline=2.0)
def nothing() -> Slots:
    raise CouldNotCheck(ATTACKS["all"])


@probe(deadline=2.0)
def absent() -> Slots:
    raise NotPart(ATTACKS["all"])


@pytest.fixture
def loud():
    printable = ATTACKS["all"].encode(errors="replace").decode()
    print(printable)
    yield
    print(printable)
    print("z" * 10_000_000)
    sys.stdout.flush()
"""
HOSTILE_CHECKS = """
import sys
import pytest
from conftest import ATTACKS

pytestmark = [pytest.mark.p1]


@pytest.mark.parametrize("name", list(ATTACKS), ids=list(ATTACKS.values()))
def test_attack(name, slots, finding):
    text = ATTACKS[name]
    seen = {text: text, "note": slots.note}
    assert slots.free > 5, finding(text, evidence=seen, component="backend", blames="postgres")


def test_long(slots, finding, loud):
    sys.stderr.write("y" * 10_000_000)
    assert not slots.free, finding("x" * 10_000_000, evidence={"x" * 100_000: "x" * 10_000_000}, component="backend")


def test_unknown(nothing):
    assert nothing


def test_absent(absent):
    assert absent


def test_error(slots):
    raise RuntimeError(ATTACKS["all"])


def test_passed(slots, loud):
    assert slots.limit
"""


@pytest.mark.parametrize("policy", [True, False], ids=["with our policy", "without it"])
@pytest.mark.parametrize("run", [runs.HOSTILE, runs.ATTACKED], ids=["without a diagnosis", "with everything"])
def test_an_attack_in_every_field_of_a_run(visit, tmp_path, run, policy):
    """Names, reasons, evidence, logs, moments, containers, paths, queries; escaping alone must do."""
    report = written(run, tmp_path / "report.html")

    assert report.stat().st_size < 2_000_000
    assert_harmless(visit(report, policy=policy))


@pytest.mark.parametrize("policy", [True, False], ids=["with our policy", "without it"])
def test_a_foreign_suite_whose_every_text_is_an_attack(suite, pytester, monkeypatch, visit, policy):
    """A real run: ids of checks, findings, logs of probes, what is printed, a branch's name; the table is drawn."""
    monkeypatch.setenv("JENKINS_URL", "http://ci.example")
    monkeypatch.setenv("GIT_BRANCH", ATTACKS["script"] + ATTACKS["image"])
    monkeypatch.setenv("JOB_NAME", ATTACKS["leaves"])
    probes = "import sys\nimport pytest\n" + HOSTILE_PROBES.replace("{attacks!r}", repr(ATTACKS))
    result = suite(
        probes,
        HOSTILE_CHECKS,
        "--html=report.html",
        "--self-contained-html",
        "--tb=short",
        "--show-capture=no",
        "-p",
        "no:doctest",
        timeout=120,
    )
    report = pytester.path / "report.html"

    assert result.ret == 1
    assert report.stat().st_size < 2_000_000
    seen = visit(report, policy=policy)
    assert_harmless(seen)
    assert seen.page.locator("#results-table tbody").count() == len(ATTACKS) + 5
    assert seen.page.locator("#results-table tbody.passed").count() == 1
    assert ATTACKS["script"] in seen.page.locator("#results-table").inner_text()
    assert ATTACKS["script"] in seen.page.locator("#environment").inner_text()
