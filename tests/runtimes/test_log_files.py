"""Log files as a log: whatever form their times have, each line comes behind its own, in UTC."""

from datetime import UTC, datetime

import pytest

from oncall.probes.logs.lines import parsed
from oncall.runtimes.host_files import Read
from oncall.runtimes.log_files import merged

AT = datetime(2026, 11, 30, 15, 0, 5, tzinfo=UTC)


def read(*lines, modified=AT, path="/var/log/api.log"):
    return Read(path, "\n".join(lines).encode() + b"\n", modified=modified.timestamp())


@pytest.mark.parametrize(
    "line",
    [
        '{"time": "2026-11-30T15:00:05.000+00:00", "level": "error", "message": "x"}',
        '{"level":50,"time":1796050805000,"msg":"x"}',
        '{"ts": 1796050805.0, "msg": "x"}',
        "2026-11-30T15:00:05Z ERROR x",
        "2026-11-30 16:00:05,000 ERROR x",
        "2026-11-30 15:00:05.000 UTC [12] FATAL:  x",
        "2026/11/30 10:00:05 [error] 12#12: x",
        '127.0.0.1 - - [30/Nov/2026:16:00:05 +0100] "GET / HTTP/1.1" 500 1',
        "[Mon Nov 30 15:00:05 2026] [api:error] x",
        "Nov 30 15:00:05 host api[12]: x",
    ],
)
def test_a_time_is_read_whatever_its_form(line):
    """One without a zone was written when the file was, and so in that zone."""
    (one,) = parsed(merged([read(line)], 10))

    assert one.at == AT


def test_a_line_without_a_time_belongs_to_the_one_before():
    """A traceback; what stands before the first time has none, and is left out."""
    lines = list(parsed(merged([read("lost", "2026-11-30T15:00:00Z ERROR x", "  File", "2026-11-30T15:00:05Z y")], 10)))

    assert [line.words for line in lines] == ["ERROR x", "File", "y"] or [line.at.second for line in lines] == [0, 0, 5]


def test_a_file_without_times_is_as_old_as_its_last_change():
    """And only its end counts: what is above may be from last year."""
    lines = list(parsed(merged([read(*(f"line {number}" for number in range(50)))], 200)))

    assert len(lines) == 20
    assert {line.at for line in lines} == {AT}


def test_files_are_merged_by_time():
    """The newest lines of all of them, and of those the ones since a moment."""
    one = read("2026-11-30T15:00:00Z a", "2026-11-30T15:00:04Z c", path="/a")
    two = read("2026-11-30T15:00:02Z b", "2026-11-30T15:00:05Z d", path="/b")

    assert [line.rstrip()[-1:] for line in merged([one, two], 3)] == [b"b", b"c", b"d"]
    assert [line.rstrip()[-1:] for line in merged([one, two], 9, AT)] == [b"d"]


@pytest.mark.parametrize(
    "line", ["2026-13-45T99:00:00Z x", "0000-00-00 00:00:00 x", '{"time": 9e999}', '{"time": ["x"]}']
)
def test_what_is_no_time_is_none(line):
    """Foreign text decides nothing but its own words."""
    (one,) = merged([read(line)], 10)

    assert one.endswith(line.encode() + b"\n")
