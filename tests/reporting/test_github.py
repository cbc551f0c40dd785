"""For GitHub: annotations that the runner reads back as they were meant, and an output that gives it no order."""

import io
import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from oncall.reporting import junit
from oncall.reporting.github import Disarmed, commands, step_summary
from tests.reporting import runs
from tests.reporting.incidents import HEALTHY, HOSTILE, OUTAGE, SLOW, UNKNOWN, diagnosed

ORDERS = {"error", "warning", "notice", "set-output", "set-env", "add-mask", "stop-commands", "group", "add-path"}


def understood(line):
    """What GitHub's runner makes of a line: the order, its properties and its text; None: it is no order.

    As in actions/runner, src/Runner.Common/ActionCommand.cs.
    """
    trimmed = line.lstrip()
    if trimmed.startswith("::") and (end := trimmed.find("::", 2)) >= 0:
        order, _, given = trimmed[2:end].partition(" ")
        if order in ORDERS:
            pairs = [pair.split("=", 1) for pair in given.strip().split(",") if "=" in pair]
            codes = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
            return order, {name: decoded(value, codes) for name, value in pairs}, decoded(trimmed[end + 2 :], codes)
    if (start := line.find("##[")) >= 0 and (end := line.find("]", start)) >= 0:
        order = line[start + 3 : end].partition(" ")[0]
        return (order, {}, line[end + 1 :]) if order in ORDERS else None
    return None


def decoded(text, codes):
    for code, sign in codes.items():
        text = text.replace(code, sign)
    return text


def test_every_cause_is_one_annotation():
    """P1 is an error with the check's place; what the suite cannot do is an error too; nothing else is said."""
    places = {runs.REACHABLE.nodeid: ("checks/p1/test_database.py", 12)}
    read = [understood(line) for line in commands(OUTAGE, places)]

    assert [(order, given) for order, given, _ in read] == [
        ("error", {"title": "P1 postgres", "file": "checks/p1/test_database.py", "line": "12"}),
        ("error", {"title": "test_clocks_agree"}),
    ]
    assert read[0][2].startswith("localhost:5432 refuses the connection; confirmed by test_database_is_reachable")


def test_lesser_causes_and_unknowns_are_warnings():
    """P3, P4 and what could not be looked at."""
    [slow] = map(understood, commands(diagnosed(runs.run(SLOW)), {}))
    [unknown] = map(understood, commands(UNKNOWN, {}))

    assert slow[:2] == ("warning", {"title": "P3 backend"})
    assert unknown[:2] == ("warning", {"title": "1 check without an answer"})
    assert unknown[2].startswith("test_database_accepts_the_login: the database was not reached")


def test_healthy_run_is_a_notice():
    """One line that says so."""
    assert commands(HEALTHY, {}) == ["::notice title=motel::Healthy: 1 check passed, 1 skipped"]


def test_foreign_text_gives_no_order_through_an_annotation():
    """Each line is one order of ours, read back to the very text, with the properties that we gave."""
    run = diagnosed(runs.run(replace(runs.REACHABLE, symptom="50%0A,a:b::error::x\n::set-env name=A::1 ##[error]y")))
    lines = [line for one in (run, HOSTILE) for line in commands(one, {})]

    for line in lines:
        order, given, text = understood(line)
        assert len(line.splitlines()) == 1
        assert order in ("error", "warning")
        assert set(given) == {"title"}
    assert understood(commands(run, {})[0])[2].startswith(
        "50%0A,a:b::error::x\\x0a::set-env name=A::1 ##[error]y; confirmed"
    )


@pytest.mark.parametrize(
    "pieces",
    [
        ["::error::x\n"],
        ["a\n", "  ::error::x\n"],
        ["a\r::error::x\n"],
        ["\u3000\xa0\t::error::x\n"],
        [":", ":error::x\n"],
        ["  ", "::error::x\n"],
        ["#", "#", "[error]x\n"],
        ["said ##[error]x\n"],
        ["##", "[error]x ##[warning]y\n"],
        ["::stop-commands::x\n", "::x::\n"],
        ["", "::", "error", "::", "x", "\n"],
    ],
    ids=ascii,
)
def test_no_other_output_is_an_order(pieces):
    """However it comes in pieces, whatever blanks stand before it."""
    stream = io.StringIO(newline="")
    disarmed = Disarmed(stream)
    for piece in pieces:
        disarmed.write(piece)

    assert [found for line in re.split(r"[\r\n]", stream.getvalue()) if (found := understood(line))] == []
    assert stream.getvalue().replace(" ", "") == "".join(pieces).replace(" ", "")


def test_other_output_stays_as_it_is():
    """Colons, sharps and IPv6 addresses are no orders."""
    stream = io.StringIO()
    Disarmed(stream).write("a::b ## [x] #1 ::\nevidence address=::1\n  : no\n")

    assert stream.getvalue() == "a::b ## [x] #1 ::\nevidence address=::1\n  : no\n"


def test_orders_of_ours_begin_their_line():
    """Also behind a line that was not ended."""
    stream = io.StringIO()
    disarmed = Disarmed(stream)
    disarmed.write("half a line")
    disarmed.commands(["::notice title=a::b"])
    disarmed.write("::error::c\n")

    assert stream.getvalue() == "half a line\n::notice title=a::b\n: :error::c\n"


@pytest.mark.parametrize("run", [OUTAGE, HEALTHY, UNKNOWN, HOSTILE], ids=["outage", "healthy", "unknown", "hostile"])
def test_summary_is_harmless_markdown(run):
    """One heading, no markup and no link from foreign text."""
    tokens = [token for outer in MarkdownIt().parse(step_summary(run)) for token in (outer, *(outer.children or ()))]
    kinds = [token.type for token in tokens]

    assert kinds.count("heading_open") == 1
    assert not set(kinds) & {"html_block", "html_inline", "link_open", "image", "table_open"}


def test_junit_properties_say_what_and_whose():
    """Severity, outcome, symptom, component, whom it blames, evidence, section; what has no value is left out."""
    assert dict(junit.properties(runs.SUB_CHECK)) == {
        "severity": "p1",
        "outcome": "failed",
        "symptom": "backend answers 503: database is 'error'",
        "component": "backend",
        "blames": "postgres",
        "evidence": 'database="error, since 20:20"',
        "playbook": runs.SUB_CHECK.playbook,
    }
    assert dict(junit.properties(runs.ACCEPTED))["accepted"] == "until 2026-12-31: swap is small here"
    assert dict(junit.properties(runs.UNKNOWN[0]))["reason"].startswith("the database was not reached")


def test_unknown_is_told_from_failed():
    """An error of type UNKNOWN, a failure of type FAILED; pytest's own counts follow."""
    end = ElementTree.Element("failure", message='failed on setup with "UNKNOWN: no way"')
    writer = SimpleNamespace(
        stats={"failure": 1, "error": 0}, node_reporter=lambda report: SimpleNamespace(nodes=[end])
    )
    junit.label(writer, SimpleNamespace(oncall_outcome="unknown", longrepr="UNKNOWN: no way"))

    assert (end.tag, end.attrib) == ("error", {"message": "UNKNOWN: no way", "type": "UNKNOWN"})
    assert writer.stats == {"failure": 0, "error": 1}


HOSTILE_CHECKS = """
import pytest

ATTACK = "<b>&\\x00\\x1b[31m\\x0b\\ud800\\ufffe]]>\\n::error::owned\\n##[error]owned\\r::set-env name=A::1"
pytestmark = [pytest.mark.p1, pytest.mark.component("postgres")]


def test_sick(slots, finding):
    \\"\\"\\"People notice.\\"\\"\\"
    assert False, finding(ATTACK, evidence={"said": ATTACK, ATTACK: 1}, component="postgres", blames="backend")


def test_blind(blind):
    \\"\\"\\"People notice.\\"\\"\\"


def test_bug(slots):
    \\"\\"\\"People notice.\\"\\"\\"
    raise KeyError(ATTACK)
""".replace('\\"', '"')
PROBES = """
@probe()
def slots() -> Slots:
    return Slots(free=1, limit=2)


@probe()
def blind() -> Slots:
    raise CouldNotCheck("<b>&\\x00\\x1b\\ud800\\n::error::owned\\n  ##[error]owned")
"""


@pytest.mark.parametrize("tracebacks", ["--tb=no", "--tb=short", "-v"])
def test_hostile_run_gives_valid_xml_and_no_foreign_order(suite, pytester, monkeypatch, tmp_path, tracebacks):
    """A real run: the JUnit file parses, every line that the runner would obey is one of ours."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (tmp_path / "summary.md").write_text("earlier\n")
    run = suite(PROBES, HOSTILE_CHECKS, "--junitxml=junit.xml", tracebacks)
    found = [order for line in re.split(r"[\r\n]", run.stdout.str()) if (order := understood(line))]
    cases = {case.get("name"): case for case in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")}
    told = {name: {one.get("name"): one.get("value") for one in case.iter("property")} for name, case in cases.items()}

    assert run.ret == 1
    assert sorted((order, given["title"]) for order, given, _ in found) == [
        ("error", "P1 backend"),
        ("error", "test_bug"),
        ("warning", "1 check without an answer"),
    ]
    assert (tmp_path / "summary.md").read_text().startswith("earlier\n### shop: ")
    assert {name: case[-1].get("type") for name, case in cases.items()} == {
        "test_sick": "FAILED",
        "test_blind": "UNKNOWN",
        "test_bug": "ERROR",
    }
    assert sorted(case[-1].tag for case in cases.values()) == ["error", "error", "failure"]
    assert told["test_sick"]["blames"] == "backend"
    assert told["test_sick"]["evidence"].startswith("said=")
    assert told["test_blind"]["outcome"] == "unknown"
    assert cases["test_blind"][-1].get("message").startswith("UNKNOWN: <b>&")
