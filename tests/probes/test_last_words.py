"""The last lines of what has ended or loops: which of them says why, signature or not."""

from datetime import UTC, datetime, timedelta

import pytest

from oncall.facts.containers import ContainerState
from oncall.probes.logs.judging import Written
from oncall.probes.logs.last_words import last_words
from oncall.probes.logs.lines import read

NOW = datetime(2026, 11, 30, 18, 0, tzinfo=UTC)
HEAP = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
NODE = ["node:internal/modules/cjs/loader:1080", "  throw err;", "  ^", "", "Error: config.port must be a number"]
NODE += [
    "    at Object.<anonymous> (/app/main.js:1:7)",
    "    at Module._compile (node:internal:1:2)",
    "}",
    "",
    "Node.js v22.1.0",
]
ENDS = [
    (["exec /entrypoint.sh: no such file or directory"], 0, ""),
    (["Error loading shared library libssl.so.1.1: No such file or directory (needed by /app/server)"], 0, ""),
    (["/app/server: error while loading shared libraries: libssl.so.3: cannot open shared object file"], 0, ""),
    (["starting", "/docker-entrypoint.sh: line 3: migrate: not found", "bye"], 1, ""),
    (["Traceback (most recent call last):", '  File "/app/a.py", line 3', "    f()", "ValueError: five"], 3, ""),
    (NODE, 4, ""),
    (["<--- Last few GCs --->", "[1:0x1] 1234 ms: Mark-Compact", HEAP, " 1: 0xb7 node::Abort() [node]"], 2,
     "its JavaScript heap is full"),
    (['{"level":"info","msg":"start"}', '{"level":"fatal","msg":"no login"}', '{"level":"info","msg":"bye"}'], 1, ""),
    (["INFO ready", "ERROR three", "four"], 1, ""),
    (["one", "cannot read the file", "two"], 1, ""),
    (["one", "two"], 1, ""),
    (["Error: P3009: migrate found failed migrations", "bye"], 0, "a failed migration blocks the others"),
    (["Error: in 18+, these Docker images are configured to store database data in a", "   format", "see also"], 0,
     "its volume is mounted at the old place"),
]  # fmt: skip


def said(texts, role="backend", *, by_itself=True, apart=0.1):
    lines = [read(text.encode(), NOW + timedelta(seconds=apart * number)) for number, text in enumerate(texts)]
    return last_words([Written(lines)], role, by_itself=by_itself)


@pytest.mark.parametrize(("texts", "telling", "meaning"), ENDS, ids=range(len(ENDS)))
def test_the_line_that_says_why_is_quoted(texts, telling, meaning):
    """The last that is fatal or known, else the last error or what the starter said, else what speaks of a failure."""
    words = said(texts, "postgres" if "18+" in texts[0] else "backend")

    shown = read(texts[telling].encode(), NOW).shown
    assert (words.telling, words.meaning) == (shown, meaning)
    assert words.ending == (f": {meaning}" if meaning else f"; last line: {shown[:90]}")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("ModuleNotFoundError: No module named 'bcrypt'", True),
        ("exec /app/server: exec format error", True),
        ('nginx: [emerg] unknown directive "servr" in /etc/nginx/nginx.conf:3', True),
        ("panic: no database", False),
        ("[UnhandledPromiseRejection: this error originated in an async function]", False),
        ("Error: P3009: migrate found failed migrations", False),
        ("No space left on device", False),
        ("ValueError: five", False),
    ],
)
def test_a_reason_of_its_own_is_told_from_how_it_ends(text, own):
    """A panic, or an exception that nobody caught, may well be about the part below."""
    words = said([text])

    assert words.own == own
    assert bool(words.corroboration) == own


@pytest.mark.parametrize(("end", "root"), [(-2, "migrations"), (-1, "data_volume"), (0, "")])
def test_what_is_known_better_elsewhere_names_the_fact(end, root):
    """A restart loop and the migration or the volume behind it are one cause."""
    assert said(ENDS[end][0], "postgres" if end == -1 else "backend").root == root


def test_an_error_of_long_before_the_end_is_not_why():
    """What belongs to an end stands within seconds of the last line."""
    assert said(["ERROR of an hour ago", "shutting down"], apart=60).telling == "shutting down"


@pytest.mark.parametrize(
    ("state", "by_itself"),
    [
        ({"status": "exited", "exit_code": 1}, True),
        ({"status": "exited", "exit_code": 0}, False),
        ({"status": "exited", "exit_code": 137}, False),
        ({"status": "exited", "exit_code": 143}, False),
        ({"status": "exited", "exit_code": None}, None),
        ({"status": "restarting", "exit_code": 0}, True),
    ],
)
def test_what_was_stopped_from_outside_does_not_say_why(state, by_itself):
    """A server that somebody stopped writes of sessions that it ends; where nobody knows, only what is fatal tells."""
    assert ContainerState(id="x", name="x", **state).by_itself is by_itself


def test_the_words_of_what_was_stopped_are_evidence_alone():
    """Its lines are shown; none of them is its reason."""
    words = said(["FATAL:  terminating connection due to administrator command"], by_itself=False)

    assert (words.telling, words.speaker, len(words.evidence)) == ("", "", 1)
    assert said(["ERROR x", '"GET / HTTP/1.1" 200'], by_itself=None).telling == ""
    assert said(["ready", "ValueError: x", "    at y"], by_itself=None).telling == "ValueError: x"
    assert said(["FATAL x", "ERROR y"], by_itself=None).telling == "FATAL x"


def test_a_fatal_line_that_others_followed_was_not_the_end():
    """The server refused a client while it started, worked, and was stopped by somebody."""
    quiet = ["LOG:  ready to accept connections", *["LOG:  checkpoint"] * 2, "LOG:  database system is shut down"]
    refused = ["FATAL:  the database system is starting up", *quiet]

    assert said(refused, "postgres", by_itself=None).telling == ""
    died = ["FATAL:  could not create lock file", "LOG:  database system is shut down"]
    assert said(died, "postgres", by_itself=None).telling.startswith("FATAL")


def test_a_unit_that_was_stopped_says_nothing_of_its_end():
    """Its last request is not why."""
    state = ContainerState(id="1", name="api.service", kind="unit", status="created", exit_code=None)

    assert state.by_itself is False
