"""Lines of logs: cut, read, recognised and counted, without any container."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from oncall.probes.logs.accusations import Accused
from oncall.probes.logs.counting import bursts, fatal_lines
from oncall.probes.logs.judging import Written, recognised, signs
from oncall.probes.logs.lines import HEAD, Line, Newest, clean, parsed, read, stamp, whole_characters
from oncall.probes.logs.signatures import AUTHENTICATION, SIGNATURES, SOCKET

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RECENT = timedelta(minutes=15)
NGINX = 'while connecting to upstream, client: 172.18.0.1, server: , request: "GET /api HTTP/1.1", upstream: "http://'

SAID = [
    ("backend", "Error: connect ECONNREFUSED 172.18.0.2:5432", "refused", "172.18.0.2:5432"),
    ("backend", "connect ECONNREFUSED postgres:5432", "refused", "postgres:5432"),
    ("backend", "connect ECONNREFUSED ::1:5432", "refused", "::1:5432"),
    ("backend", "[Errno 111] Connect call failed ('10.0.0.2', 5432)", "refused", "10.0.0.2:5432"),
    ("backend", "dial tcp 10.0.0.2:5432: connect: connection refused", "refused", "10.0.0.2:5432"),
    ("backend", 'connection to server at "db" (10.0.0.2), port 5432 failed: Connection refused', "refused", "db:5432"),
    ("frontend", f'[error] connect() failed (111: Connection refused) {NGINX}10.0.0.3:3001/"', "refused",
     "10.0.0.3:3001"),
    ("frontend", '[emerg] 1#1: host not found in upstream "backend:3001" in x.conf:8', "proxy-name", "backend:3001"),
    ("frontend", f'[error] upstream timed out (110: Connection timed out) {NGINX}10.0.0.3:3001/"', "unanswered",
     "10.0.0.3:3001"),
    ("frontend", f'[error] connect() failed (113: No route to host) {NGINX}10.0.0.3:3001/"', "unreachable",
     "10.0.0.3:3001"),
    ("backend", 'connection to server at "db", port 5432 failed: No route to host', "unreachable", "db"),
    ("backend", "Error: connect EHOSTUNREACH 10.0.0.3:5432", "unreachable", "10.0.0.3:5432"),
    ("backend", "Can't reach database server at `postgres`:`5432`", "prisma-unreachable", "postgres"),
    ("backend", "Error: P1001: Can't reach database server at `db:5432`", "prisma-unreachable", "db:5432"),
    ("backend", "P1000: Authentication failed", "database-password", ""),
    ("backend", "Error: P3009", "failed-migration", ""),
    ("backend", "getaddrinfo ENOTFOUND postgres", "name", "postgres"),
    ("backend", 'could not translate host name "postgres" to address: Name or service not known', "name", "postgres"),
    ("backend", "Temporary failure in name resolution", "name-unsaid", ""),
    ("postgres", 'FATAL:  could not resize shared memory segment "/x": No space left on device', "shared-memory", ""),
    ("postgres", 'ERROR:  could not extend file "base/1/2": No space left on device', "disk-full", ""),
    ("backend", "ENOSPC: no space left on device, write", "disk-full", ""),
    ("backend", '{"level":50,"err":{"message":"EMFILE: too many open files"}}', "open-files", ""),
    ("backend", "Error: listen EADDRINUSE: address already in use :::3001", "port-taken", ""),
    ("backend", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "heap", ""),
    ("backend", "JwtStrategy requires a secret or key", "no-secret", ""),
    ("backend", "Error: secretOrPrivateKey must have a value", "no-secret", ""),
    ("postgres", "FATAL:  sorry, too many clients already", "no-slot", ""),
    ("backend", "the database system is shutting down", "database-starting", ""),
    ("postgres", "LOG:  server process (PID 12) was terminated by signal 9: Killed", "killed-worker", ""),
    ("backend", "redis.exceptions.OutOfMemoryError: command not allowed when used memory > 'maxmemory'.", "cache-full",
     ":6379"),
    ("backend", "ReplyError: OOM command not allowed when used memory > 'maxmemory'", "cache-full", ":6379"),
    ("backend", "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to", "cache-unsaved",
     ":6379"),
    ("backend", "UnhandledPromiseRejection: this error originated", "unhandled", ""),
    ("backend", "Segmentation fault (core dumped)", "segfault", ""),
    ("backend", "ERROR: invalid page in block 3 of relation base/1/2", "damaged-data", ""),
]  # fmt: skip


@pytest.mark.parametrize(("component", "text", "name", "target"), SAID, ids=lambda word: str(word)[:40])
def test_each_signature_is_recognised_in_the_words_of_its_program(component, text, name, target):
    """And with it the part that the line names."""
    found, named = recognised(read(text.encode(), NOW), component)

    assert (found.name, named) == (name, target)


@pytest.mark.parametrize(
    "text",
    [
        '{"level":30,"msg":"ECONNREFUSED a:1 was expected"}',
        '{"level":"info","message":"retrying after ENOSPC"}',
        '172.18.0.1 - - [23/Nov/2026] "GET /?q=ENOSPC HTTP/1.1" 200 12 "-" "-"',
        'INFO:     172.18.0.1:1 - "POST /EMFILE HTTP/1.1" 401 Unauthorized',
        "STATEMENT:  SELECT 'No space left on device'",
        "2026-11-23 LOG:  duration: 12 ms  statement: SELECT 'ENOSPC'",
    ],
)
def test_what_a_program_only_mentions_is_no_failure(text):
    """Information, requests and statements quote whatever somebody typed."""
    assert read(text.encode(), NOW).level == "quiet"


NGINX_REQUEST = '172.18.0.1 - - [23/Nov/2026] "GET /?q=1 HTTP/1.1" {} 12 "-" "-"'
UVICORN_REQUEST = 'INFO:     172.18.0.1:1 - "POST /login HTTP/1.1" {} Whatever'


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ('{"level":30,"msg":"request completed","status":200}', True),
        ('{"time": "12:00", "level": "info", "message": "request", "path": "/health", "status": 404}', True),
        ('{"level": "info", "message": "request", "path": "/api/auth/login", "status": 500}', False),
        ('{"level":30,"msg":"request completed","statusCode":503}', False),
        ('{"level":"info","msg":"unknown account oncall-0123456789ab"}', False),
        ('{"level":50,"err":{"level":"info","message":"EMFILE"}}', False),
        ('{"err":{"level":"info","message":"EMFILE"},"level":"error"}', False),
        ('{"msg":"ENOSPC \\"level\\": \\"info\\" ","level":"error"}', False),
        ('{"msg":"\\"GET / HTTP/1.1\\" 200 ENOSPC","level":"error"}', False),
        ('{"level":"info","msg":"cut', False),
        (NGINX_REQUEST.format(200), True),
        (NGINX_REQUEST.format(502), False),
        (UVICORN_REQUEST.format(401), True),
        (UVICORN_REQUEST.format(500), False),
        (f"connect() failed (111: Connection refused) {NGINX}10.0.0.3:3001/", False),
        *((text, False) for _, text, *_ in SAID),
    ],
)
def test_only_lines_that_tell_nothing_go_by(text, passes):
    """A line that is let go is one that would be read as quiet, and as no failure of the login."""
    newest = Newest(1 << 18, telling=True)
    newest.take(b"2026-11-23T12:00:00.000000000Z " + text.encode() + b"\n")

    assert (newest.lines() == [], newest.count) == (passes, 1)
    assert not passes or (read(text.encode(), NOW).level, read(text.encode(), NOW).status < 500) == ("quiet", True)


@pytest.mark.parametrize("text", ["everything is fine", "a lookup of it worked", "the job failed: see above", ""])
def test_ordinary_lines_are_not_recognised(text):
    """A line that no signature knows is nobody's fault."""
    assert recognised(read(text.encode(), NOW), "backend") is None


def test_names_of_signatures_are_unique_and_their_symptoms_short():
    """A symptom is one line of less than 80 characters."""
    assert len({one.name for one in SIGNATURES}) == len(SIGNATURES)
    assert all(len(f"log of frontend: {one.meaning}") < 72 for one in SIGNATURES)


@pytest.mark.parametrize("filler", ["a", "socket ", "lookup ", "a.b-", "algorithm ", "failed: ", " at x", "€"])
def test_no_line_takes_long(filler):
    """A line of one word over and over makes some patterns try every beginning."""
    newest = Newest(1 << 18)
    newest.take((filler * 400_000).encode() + b"\n")
    started = time.process_time()
    for line in parsed(newest.lines()):
        recognised(line, "backend")
        bursts([Written([line])], (*AUTHENTICATION, *SOCKET), since=NOW)

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("size", [1, 7, 1000, 16384, 70000])
def test_a_stream_is_kept_at_its_newest_end(size):
    """Whatever the pieces are, the newest lines are whole and the memory is bounded."""
    lines = [f"2026-11-23T12:00:00.{number:09}Z line {number} äöü€𝄞" for number in range(3000)]
    data = ("\n".join(lines) + "\n").encode()
    newest = Newest(20_000)
    for at in range(0, len(data), size):
        newest.take(data[at : at + size])
    kept = [line.decode() for line in newest.lines()]

    assert kept == lines[-len(kept) :]
    assert 15_000 < sum(map(len, newest.lines())) <= 20_000
    assert (newest.cut, newest.seen) == (True, len(data))


@pytest.mark.parametrize("size", [1, 3, 4096, 16384])
@pytest.mark.parametrize("letter", ["a", "ä", "€", "𝄞"])
def test_of_a_long_line_both_ends_are_kept_at_whole_characters(letter, size):
    """A replacement character in the report would be our cut, not the program's words."""
    newest = Newest(1 << 18)
    data = ("ENOSPC " + letter * 60_000 + " the end\nshort\n").encode()
    for at in range(0, len(data), size):
        newest.take(data[at : at + size])
    first, second = (read(line, NOW) for line in newest.lines())

    assert first.words.startswith("ENOSPC " + letter)
    assert first.words.endswith("the end")
    assert "\ufffd" not in first.words
    assert len(first.words.encode()) < 2 * HEAD
    assert second.words == "short"


def test_times_in_the_middle_of_a_long_line_go():
    """Engines cut a long line into pieces and put a time before each."""
    time = b"2026-11-23T12:00:00.123456789Z "
    newest = Newest(1 << 18)
    newest.take(time + b"a" * 16384 + time + b"b" * 2000 + b"\n")

    assert b"2026" not in newest.lines()[0][len(time) :]


@pytest.mark.parametrize(
    ("piece", "left"),
    [
        ("aä".encode()[:-1], b"a"),
        ("€€".encode()[1:], "€".encode()),
        ("𝄞𝄞".encode()[1:-1], b""),
        (b"abc", b"abc"),
        (b"", b""),
        ("é".encode(), "é".encode()),
    ],
)
def test_characters_are_cut_whole(piece, left):
    """At either end, of any length."""
    assert whole_characters(piece) == left


def test_a_time_of_the_engine_is_taken_off():
    """With nanoseconds, with a zone, and not at all."""
    assert stamp(b"2026-11-23T12:00:00.123456789Z hi") == (NOW.replace(microsecond=123456), b"hi")
    assert stamp(b"2026-11-23T13:00:00+01:00 hi") == (NOW, b"hi")
    assert stamp(b"2026-99-23T12:00:00Z hi") == (None, b"2026-99-23T12:00:00Z hi")
    assert stamp(b"hi") == (None, b"hi")


def test_colours_and_control_characters_go():
    """A report is text."""
    assert clean("\x1b[31merror\x1b[0m\x00 bell\x07\r") == "error  bell"


def test_json_of_the_usual_loggers_is_understood():
    """Message, level, reason, path and status, wherever they put them."""
    line = read(json.dumps({"level": "error", "msg": "boom", "err": {"stack": "Error: x\n  at y"}}).encode(), NOW)
    assert (line.level, line.shown) == ("loud", "boom: Error: x")
    trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nKeyError: 5\nDETAIL: none'
    line = read(json.dumps({"level": "error", "msg": "boom", "error": "KeyError", "stack": trace}).encode(), NOW)
    assert line.shown == "boom: KeyError: 5"
    line = read(b'{"level":30,"message":"request","path":"/api/auth/login?x=1","status":503}', NOW)
    assert (line.level, line.path, line.status) == ("quiet", "/api/auth/login", 503)
    assert read(b'{"not json', NOW).words == '{"not json'
    assert read(b"[" * 100_000, NOW).level == "unsaid"
    assert read(b"{" + b'"a":{' * 5000 + b"}", NOW).level == "unsaid"


def at(seconds, text):
    return replace(read(text.encode(), NOW + timedelta(seconds=seconds)), level="loud")


def judge(lines, component="backend", *, started=-3600, looping=False, up_since=None, blame=None):
    written = Written(lines, NOW + timedelta(seconds=started), looping)
    known = blame or (lambda target, writer: Accused(target, "postgres" if "5432" in target else ""))
    return signs(component, [written], now=NOW, recent=RECENT, up_since=up_since or {}, blame=known)


REFUSED = "connect ECONNREFUSED postgres:5432"


def test_what_counts_is_recent_and_of_this_life():
    """Older lines, and those from before the last start, are evidence."""
    counting, past = judge([at(-16 * 60, REFUSED), at(-400, "EMFILE"), at(-12, REFUSED), at(-2, REFUSED)], started=-300)

    assert [(sign.name, sign.count, sign.blames) for sign in counting] == [("refused", 2, "postgres")]
    assert {sign.name for sign in past} == {"refused", "open-files"}
    assert (counting[0].first, counting[0].last) == (NOW - timedelta(seconds=12), NOW - timedelta(seconds=2))


def test_a_start_up_may_complain_unless_it_never_ends():
    """For twenty seconds the others may not be there yet; a container in a crash loop says the same for ever."""
    early = [at(-290, REFUSED)]

    assert judge(early, started=-300)[0] == ()
    assert judge([at(-290, "JwtStrategy requires a secret")], started=-300)[0]
    assert judge(early, started=-1, looping=True)[0]


def test_what_the_accused_said_before_its_own_start_is_over():
    """After the database was restarted, the backend's complaints about it are history; later ones are not."""
    lines = [at(-200, REFUSED), at(-95, REFUSED)]
    up = {"postgres": NOW - timedelta(seconds=100)}

    assert judge(lines, up_since=up)[0] == ()
    assert judge([*lines, at(-6, REFUSED)], up_since=up)[0][0].count == 1
    assert judge([at(-200, "ENOSPC")], up_since={"host": NOW})[0]  # only what may end by itself


def test_a_name_without_an_address_accuses_whoever_is_not_there():
    """Docker forgets the name of a container that does not run; one that runs has lost its network."""
    lines, blame = [at(-9, "getaddrinfo ENOTFOUND postgres")], lambda target, writer: Accused(target, target)

    assert judge(lines, blame=blame)[0][0].blames == "postgres"
    assert judge(lines, blame=blame, up_since={"postgres": NOW - RECENT})[0][0].blames == "network"


def test_the_worst_comes_first():
    """What does not end by itself, then the order of the table."""
    counting, _ = judge(
        [at(-9, REFUSED), at(-8, "EMFILE"), at(-7, "ENOSPC"), at(-6, "Traceback (most recent call last)")]
    )

    assert [sign.name for sign in counting] == ["disk-full", "open-files", "refused"]


def test_literals_of_the_databases_own_lines_are_masked():
    """A snapshot is made to be mailed."""
    counting, _ = judge([at(-9, "ERROR: could not extend file for key 'anna': No space left")], "postgres")

    assert "anna" not in counting[0].line


RUN = ["invalid signature", "invalid signature", "invalid algorithm", "jwt malformed", "jwt expired"]


def runs_of_ours(count, apart, *, named):
    lines = []
    for number in range(count):
        start = -count * apart + number * apart
        account = f"oncall-{number:012x}"
        refused = {
            True: "login refused {}",
            False: "login refused",
            "beside": '{{"msg": "login refused", "account": "{}"}}',
        }
        lines += [at(start, refused[named].format(account)), *(at(start + 0.5, f"token refused {why}") for why in RUN)]
    return lines


def burst(lines, kinds=AUTHENTICATION, **more):
    found = bursts([Written(lines)], kinds, since=NOW - RECENT, **more)
    return found[0].count if found else 0


@pytest.mark.parametrize(
    ("count", "apart", "named"),
    [(20, 4, True), (20, 1, True), (20, 1, "beside"), (200, 1.3, "beside"), (6, 120, False), (1, 5, False)],
)
def test_runs_of_this_suite_are_no_burst(count, apart, named):
    """Each forges tokens and makes up an account; twenty runs in a row must not look like an attack."""
    assert burst(runs_of_ours(count, apart, named=named)) <= 1


@pytest.mark.parametrize("apart", [0.05, 0.5, 3, 30])
def test_a_burst_among_our_runs_is_still_seen(apart):
    """Quick or slow, with our own refusals in between."""
    lines = [at(-apart * number - 1, "login failed: invalid password for bob") for number in range(28)]

    assert burst([*runs_of_ours(3, 100, named=True), *lines]) >= 10


def test_refreshing_browsers_are_no_burst():
    """Tokens expire all day; nobody is thrown out for it."""
    assert burst([at(-number, "jwt expired") for number in range(100)]) == 0


def test_a_failing_login_route_is_counted_from_its_requests():
    """Also where requests are logged as information."""
    line = Line(NOW, "request", "request", "quiet", "/api/auth/login", 500)

    assert burst([line] * 12, failing_path="/api/auth/login") == 12
    assert burst([line] * 12, failing_path="/other") == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("WebSocket error: read ECONNRESET", 12),
        ("socket refused: jwt expired", 0),
        ("socket refused: origin", 12),
        ("too many sockets", 12),
        ("socket hang up", 12),
        ("connection to server on socket /run/.s.PGSQL.5432 failed", 0),
        ("socket opened", 0),
        ("socket.accept() out of system resource socket: <asyncio.TransportSocket fd=4>: OSError", 0),
    ],
)
def test_socket_errors_are_counted(text, count):
    """Errors around sockets, not sockets."""
    assert burst([at(-60 - number * 10, text) for number in range(12)], SOCKET) == count


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b"FATAL: no such table", "fatal"),
        (b"2026-11-30 [crit] 7#7: pread() failed", "fatal"),
        (b"level=fatal msg=gone", "fatal"),
        (b'{"level":60,"msg":"gone"}', "fatal"),
        (b'{"level":"CRITICAL","message":"gone"}', "fatal"),
        (b'{"severity":"alert","message":"gone"}', "fatal"),
        (b"INFO: recovered from a fatal state", "quiet"),
        (b"ERROR: no such table", "loud"),
        (b'{"level":50,"msg":"gone"}', "loud"),
        (b"it is critical to stretch", "unsaid"),
    ],
)
def test_a_line_that_calls_itself_fatal_is_told_from_an_error(line, level):
    """By a level of the usual loggers; the words of a message alone say nothing."""
    assert read(line, None).level == level


def test_fatal_lines_are_counted_whatever_they_say():
    """Each of them, the newest quoted; an error is none."""
    lines = [read(b"FATAL: " + words, NOW - timedelta(seconds=age)) for words, age in ((b"new", 1), (b"old", 9))]
    found = fatal_lines([Written(lines=[*lines, read(b"ERROR: other", NOW)])])

    assert (found.count, found.line) == (2, "FATAL: new")
