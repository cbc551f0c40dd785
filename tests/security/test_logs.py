"""Hostile lines in a container's log: whatever is written there, it is read and judged in bounded time."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from oncall.probes.logs.accusations import Accused
from oncall.probes.logs.counting import bursts
from oncall.probes.logs.error_templates import error_templates
from oncall.probes.logs.judging import Written, signs
from oncall.probes.logs.last_words import last_words
from oncall.probes.logs.lines import Newest, parsed
from oncall.probes.logs.own_lines import Clock
from oncall.probes.logs.signatures import AUTHENTICATION, SIGNATURES, SOCKET

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEPT = 256 * 1024
PORT = 'Connect call failed (\'a\', connection to server at "a" port failed upstream: "a://'
FILLERS = {
    "port": PORT,
    "name": "lookup a could not be resolved getaddrinfo ENOTFOUND a.",
    "upstream": 'upstream timed out upstream: "a://',
    "dots": "a.-",
    "blanks": " ",
    "colours": "\x1b[31;1m",
    "controls": "\x01a",
    "stack": " at a:1:",
    "socket": "websocket socket ws ",
    "quotes": '"GET ',
    "levels": '"level": ',
    "accounts": "oncall-0123456789a ",
    "letters": "€𝄞",
    "errors": "ERROR 'a /b/c.d: Error: ",
    "everything": " ".join(one.text[:40] for one in SIGNATURES),
}


def judged(data):
    """Seconds for reading and judging a log of these bytes by everything that reads logs."""
    began = time.perf_counter()
    newest = Newest(KEPT, telling=True)
    newest.take(data)
    log = Written(list(parsed(newest.lines())))
    for component in ("backend", "frontend", "postgres"):
        signs(
            component,
            [log],
            now=NOW,
            recent=timedelta(minutes=15),
            up_since={},
            blame=lambda target, writer: Accused(target),
        )
    for kinds in (AUTHENTICATION, SOCKET):
        bursts([log], kinds, since=NOW - timedelta(minutes=15), failing_path="/login")
    error_templates([(log, NOW - timedelta(hours=1))], "backend", (), Clock())
    last_words([log], "backend")
    return time.perf_counter() - began


def log_of(line, length):
    """256 KiB of one line over and over."""
    text = f"2026-11-23T11:59:00.000000000Z {line}".encode()[:length]
    return (text + b"\n") * (KEPT // (len(text) + 1))


@pytest.mark.parametrize("name", FILLERS)
def test_worst_lines_are_judged_in_time(name):
    """21 lines of 12 kB that make a pattern try every beginning once held the interpreter for good."""
    judged(b"warm ENOSPC\n")
    filler = FILLERS[name]
    assert min(judged(log_of(filler * (12_000 // len(filler) + 1), 12_000)) for _ in range(2)) < 0.3


@pytest.mark.parametrize(
    "line",
    [
        "[" * KEPT,
        '{"message":' + "[" * 5000 + "]" * 5000 + "}",
        '{"message":' + "[" * 900 + "]" * 900 + "}",
        '{"error":' + '{"a":' * 900 + "1" + "}" * 900 + "}",
        '{"level":' + "9" * 5000 + "}",
        '{"status":1e999,"level":1e999}',
        json.dumps({"message": "\ud800", "error": ["x"] * 3000}),
        json.dumps({str(number): "ENOSPC" for number in range(20_000)}),
    ],
    ids=["open", "deep", "900", "objects", "number", "infinite", "surrogate", "wide"],
)
def test_json_of_any_shape_is_read(line):
    """Deep, wide and odd values cost no more than text, and crash nothing."""
    assert judged((line + "\n").encode("utf-8", "surrogatepass")) < 0.3
