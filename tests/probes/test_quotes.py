"""What a part wrote while a request of ours failed: which of its lines is quoted, and when none is."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from oncall.probes.logs.accusations import Accused
from oncall.probes.logs.judging import Written
from oncall.probes.logs.lines import read
from oncall.probes.logs.own_lines import UNKNOWN, Clock
from oncall.probes.logs.quotes import errors, moment, quoted
from oncall.probing.ledger import Request
from oncall.target.schema import Limits

NOW, EXACT = datetime.now(UTC), Clock()
CAST = '{"level":"error","message":"request failed","stack":"Traceback (most recent call last):\\n'
CAST += '  File \\"a.py\\", line 3, in f\\n    g()\\nValueError: five\\nDETAIL: of six"}'
PLAIN = [
    "ERROR: task 5 failed",
    "Traceback (most recent call last):",
    '  File "a.py", line 3',
    "    f()",
    "KeyError: 'x'",
]
UPSTREAM = "2026/11/30 22:00:00 [error] 30#30: *4 orders could not be resolved (3: Host not found), client: 172.18.0.1"


def reader(role="backend"):
    places = SimpleNamespace(blame=lambda target, writer: Accused(target), unnamed=None)
    return SimpleNamespace(role=lambda component: role, limits=Limits(), up_since=dict, places=places)


def log(*texts, after=0.1, apart=0.01):
    """Lines that begin so many seconds after the request was sent."""
    return Written(
        [read(text.encode(), NOW + timedelta(seconds=after + number * apart)) for number, text in enumerate(texts)]
    )


def asked(seconds=0.3, clock=EXACT):
    began = NOW.timestamp()
    return moment(
        Request(id="1", kind="request", place="p", round="r", began=began, ended=began + seconds, status=500), clock
    )


def quote(*logs, clock=EXACT, role="backend"):
    return quoted("api", logs, [asked(clock=clock)], reader(role), clock)


def test_the_error_at_that_moment_is_quoted():
    """In whatever form: a level in the line, JSON, an exception; the last of them."""
    assert (
        quote(log("INFO start", "ERROR first", "ERROR the disk is gone", "INFO done")).line == "ERROR the disk is gone"
    )
    assert quote(log(CAST)).line == "request failed: ValueError: five"
    assert quote(log(*PLAIN)).line == "KeyError: 'x'"


def test_what_a_signature_knows_has_a_meaning():
    """One line of it is enough, and it comes before errors that nobody knows."""
    found = quote(log(UPSTREAM, "ERROR something else"))
    assert (found.line, found.meaning) == (UPSTREAM, "the name of orders does not resolve")
    assert found.symptom == "log of api: the name of orders does not resolve"
    assert quote(log("ERROR unknown words")).symptom == ""


@pytest.mark.parametrize("after", [-600, -3, 3, 600])
def test_what_was_written_at_another_time_is_not_quoted(after):
    """It is of another request."""
    assert quote(log("ERROR five", after=after)) is None


def test_the_clock_of_the_log_counts():
    """One that is ahead by a minute; one of which nobody knows how far it is off."""
    assert quote(log("ERROR five", after=60.1), clock=Clock(60.0, 0.1)).line == "ERROR five"
    assert quote(log("ERROR five"), clock=Clock(60.0, 0.1)) is None
    assert quote(log("ERROR near", "ERROR far", apart=4), clock=UNKNOWN).line == "ERROR near"


@pytest.mark.parametrize(
    "text",
    [
        "INFO all is well",
        "WARN slow",
        '172.18.0.1 - - [30/Nov/2026] "GET /api HTTP/1.1" 500 12 "-" "-"',
        "ERROR auth: JsonWebTokenError: invalid signature",
        "ERROR no such account oncall-0123456789ab",
    ],
)
def test_traffic_and_what_we_provoke_are_no_reason(text):
    """Refused tokens and logins of ours stand in the log at the same moment."""
    assert quote(log(text)) is None


def test_a_statement_of_ours_is_no_reason():
    """The database answers it with an error that concerns us alone."""
    line = read(b"ERROR:  permission denied for table users", NOW)
    assert errors([line], "postgres") == [line]
    assert errors([type(line)(line.at, line.words, line.shown, line.level, by_us=True)], "postgres") == []


def test_a_quote_is_bounded():
    """However long the line is."""
    assert len(quote(log("ERROR " + "x" * 100_000)).line) <= 200
