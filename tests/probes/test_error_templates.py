"""Errors that no signature knows: what is the same in their lines, how many there are, and whose they are."""

from datetime import UTC, datetime, timedelta

import pytest

from oncall.probes.logs.database_lines import OURS, our_statements_marked
from oncall.probes.logs.error_templates import error_events, error_templates, template
from oncall.probes.logs.judging import Written
from oncall.probes.logs.lines import read
from oncall.probes.logs.own_lines import Clock
from oncall.probes.postgres import session
from oncall.probing.ledger import Request

NOW = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
BODY = 'client intended to send too large body: {0}0485761 bytes, client: 172.18.0.{0}, request: "POST /up{0} HTTP/1.1"'
FORWARDED = "ValidationError: The 'X-Forwarded-For' header is set but the Express 'trust proxy' setting is false"
A_DOZEN = {
    "backend-errno": "Error: EACCES: permission denied, mkdir '/data/x{0}'",
    "backend-pool": "PrismaClientKnownRequestError: P2024 Timed out fetching a new connection from the connection pool",
    "backend-pino": '{{"level":50,"time":{0},"msg":"P2024 Timed out fetching a new connection from the pool"}}',
    "frontend-body": "2026/11/30 18:00:00 [error] 30#30: *{0} " + BODY,
    "backend-429": '{{"level":"error","message":"Request {0} failed: 429 Too Many Requests"}}',
    "backend-logfmt": 'time=18:00:0{0} level=error msg="upload failed: 429 Too Many Requests" id={0}ab',
    "backend-syslog": "<3>upload[{0}]: 429 Too Many Requests",
    "backend-proxy": FORWARDED,
    "worker-plain": "ERROR: job {0}: no such file /srv/in/{0}.csv",
    "worker-nest": "[Nest] 1  - 11/30/2026, 6:00:0{0} PM   ERROR [Mailer] could not send to anna{0}@example.org",
}
QUIET = {
    "level": 'level=info msg="error {0} handled"',
    "json": '{{"level":"info","message":"error {0}"}}',
    "warning": "[18:00:0{0}] WARN  error in cache",
    "request": '172.18.0.1 - - [30/Nov/2026] "GET /error HTTP/1.1" 500 12 "-" "-"',
    "known": "Error: connect ECONNREFUSED 172.18.0.2:5432",
    "refusal": "ERROR auth: JsonWebTokenError: invalid signature",
    "expired": "ERROR auth: TokenExpiredError: jwt expired",
}


def log(*texts, **more):
    lines = [read(text.encode(), NOW - timedelta(seconds=len(texts) - number)) for number, text in enumerate(texts)]
    return Written(our_statements_marked(lines), **more)


def counted(*texts, role="backend", requests=()):
    return error_templates([(log(*texts), NOW - timedelta(minutes=15))], role, requests, Clock())


@pytest.mark.parametrize("name", A_DOZEN)
def test_a_dozen_of_one_error_is_one_template(name):
    """Whatever the logger, and whatever numbers and names change from line to line."""
    (found,) = counted(*(A_DOZEN[name].format(number % 10) for number in range(12)), role=name.partition("-")[0])

    assert found.count == 12
    assert found.line == read(A_DOZEN[name].format(1).encode(), NOW).shown


@pytest.mark.parametrize("name", QUIET)
def test_what_is_no_error_or_is_counted_elsewhere_is_left_out(name):
    """Information, warnings, traffic, known signatures and refusals."""
    assert counted(*(QUIET[name].format(number) for number in range(12))) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user 'anna' not found", "user 'bob' not found"),
        ("GET /api/tasks/17/files failed", "GET /api/users failed"),
        ("timeout after 12ms of 5f3a9c1e-0000-4000-8000-0123456789ab", "timeout after 9ms of 0"),
        ("mail to a@example.org", "mail to b.c@example.com"),
    ],
)
def test_what_changes_from_request_to_request_is_masked(one, other):
    """Quoted values, paths, numbers, identifiers, addresses."""
    assert template(one) == template(other)


def test_a_stack_trace_is_one_event():
    """Of Node, of Python with the exception at its end, of Java with its causes."""
    node = ["TypeError: x is not a function", "    at a (/app/a.js:1:2)", "    at b (/app/b.js:3:4)"]
    python = ["Traceback (most recent call last):", '  File "/app/a.py", line 3, in f', "    g()", "KeyError: 'x'"]
    logged = ["ERROR:root:job failed", *python]
    java = ["java.lang.IllegalStateException: x", "\tat a.B.c(B.java:1)", "Caused by: java.io.IOException: y"]

    events = error_events(log(*node, "ready", *python, *logged, *java), "backend", NOW - timedelta(hours=1))
    assert [event.line.words for event in events] == [node[0], python[-1], logged[0], java[0]]


def test_rounds_of_the_start_up_tell_nothing_of_what_a_round_leaves():
    """22 runs in a row after a start, a line each: those of the first 12 do not count, and the others are ours."""
    begins = [NOW - timedelta(seconds=44 - 2 * number) for number in range(22)]
    lines = [read(b"ERROR handshake was not completed", at + timedelta(milliseconds=20)) for at in begins]
    times = [at.timestamp() for at in begins]
    ours = [
        Request(id=str(at), kind="socket", place="x", round=str(at), began=at, ended=at, status=403) for at in times
    ]
    log = Written(our_statements_marked(lines))

    assert error_templates([(log, begins[12])], "backend", ours, Clock()) == ()
    assert error_templates([(log, begins[0])], "backend", ours, Clock()) == ()


def test_what_our_own_requests_have_caused_is_subtracted():
    """By count and time, whatever the line says; the lines of others stay."""
    at = NOW.timestamp()
    ours = [
        Request(id=str(n), kind="token", place="x", round="r", began=at - 12.5, ended=at - 0.1, status=403)
        for n in range(4)
    ]
    lines = ["ERROR Forbidden resource"] * 12

    assert counted(*lines)[0].count == 12
    assert counted(*lines, requests=ours) == ()
    (found,) = counted(*lines * 3, requests=ours)
    assert (found.count, found.own) == (24, 12)


def test_an_error_of_our_own_statement_is_not_counted():
    """The database writes a message and then the statement that it is about."""
    ours = ["[7] ERROR:  something is odd", "[7] STATEMENT:  SELECT /* oncall */ 1"]
    theirs = ["[8] ERROR:  something is odd", "[8] STATEMENT:  SELECT 1"]

    (found,) = counted(*ours * 12, *theirs * 3, role="postgres")
    assert (found.count, OURS) == (3, session.OURS)


def test_lines_from_before_a_moment_do_not_count():
    """Of an hour ago, or from before the last start."""
    assert error_templates([(log("ERROR x"), NOW + timedelta(seconds=1))], "backend", (), Clock()) == ()
