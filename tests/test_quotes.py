"""A line from the log beside the failed check that it tells the reason of."""

from oncall.diagnosis.causes import diagnose
from oncall.diagnosis.quotes import quotes
from oncall.facts.quotes import FailedRequestLogs, Quote
from oncall.target.graph import Graph
from oncall.testing import ended

GRAPH = Graph(
    near={"shop": ("api",), "api": ("db",)}, below={"shop": ("api", "db"), "api": ("db",)}, served={"login": "api"}
)
UNKNOWN_LINE = Quote(component="api", line="ERROR: five is no number")
KNOWN_LINE = Quote(component="api", line="lookup db: no such host", meaning="the name of db does not resolve")


def failed(component="api", manner="error answer", check="test_answers", **fields):
    return ended(check, "failed", component, manner=manner, **fields)


def causes(*verdicts, quote=KNOWN_LINE):
    fact = FailedRequestLogs(failed=1, quotes=(quote,))
    return diagnose(verdicts, {}, GRAPH, quotes([fact])).causes


def test_a_line_that_nobody_knows_is_evidence():
    """The symptom stays the headline."""
    (cause,) = causes(failed(evidence={"status": 500}), quote=UNKNOWN_LINE)
    assert (cause.symptom, cause.effect) == ("test_answers fails", "")
    assert cause.evidence == {"log of api meanwhile": "ERROR: five is no number", "status": 500}


def test_a_line_with_a_meaning_is_the_headline():
    """It says why, the check what comes of it."""
    (cause,) = causes(failed())
    assert (cause.symptom, cause.effect) == ("log of api: the name of db does not resolve", "test_answers fails")
    assert cause.evidence["log of api meanwhile"] == KNOWN_LINE.line


def test_a_login_is_told_by_whoever_serves_it():
    """It is an aspect of that part, and writes no log of its own."""
    (cause,) = causes(failed("login"))
    assert (cause.component, cause.symptom) == ("login", "log of api: the name of db does not resolve")


def test_a_quote_makes_no_cause_and_moves_none():
    """Alone it is nothing; beside the fault of another part, which explains the request, it is left out."""
    assert causes() == ()
    (cause,) = causes(failed(), failed("db", "absent", "test_runs", layer="exists"))
    assert (cause.component, cause.symptom, cause.evidence) == ("db", "test_runs fails", {})


def test_only_requests_that_were_read_have_a_reason_there():
    """What nobody listens to, and what is answered wrongly, leaves no error."""
    for manner, layer in (("refused", "reachable"), ("wrong answer", "correct"), ("config", "config")):
        (cause,) = causes(failed(manner=manner, layer=layer))
        assert (cause.symptom, cause.evidence) == ("test_answers fails", {})


def test_the_servers_own_words_stay():
    """What the part itself has answered tells more, and what was quoted already is not said twice."""
    (cause,) = causes(failed(statement="ERROR: five is no number at all", speaker="server"), quote=UNKNOWN_LINE)
    assert cause.symptom == "test_answers fails"
    assert cause.evidence == {"quoted": "ERROR: five is no number at all"}
