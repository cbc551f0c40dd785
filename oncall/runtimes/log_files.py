"""The ends of log files as a runtime hands on a log: each line behind its time, the newest last.

A file's lines have the time that their program writes, in its own form and often without a zone: the zone is the one in
which the file's last line was written when the file was. A line without a time has that of the line before. Of a file
without any times only the last lines count, as old as the file's last change.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from oncall.gate.patterns import Pattern
from oncall.runtimes.host_files import Read

UNTIMED = 20  # lines of a file without times
QUARTER = 900  # seconds: zones differ by whole ones of these
FAR = 15 * 3600  # no zone is as far from UTC
NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTHS = {name: number for number, name in enumerate(NAMES, 1)}
ISO = Pattern(
    r"(?P<day>\d{4}[-/]\d\d[-/]\d\d)[T ](?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{1,9}))?"
    r"(?: ?(?P<zone>Z\b|UTC\b|GMT\b|[+-]\d\d:?\d\d\b))?"
)
COMMON = Pattern(  # 30/Nov/2026:15:00:00 +0000
    r"(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})"
)
C_TIME = Pattern(r"(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d)(?:\.\d+)?(?: (?P<year>\d{4}))?")
EPOCH = Pattern(r"\"(?:time|ts|timestamp|t)\": ?(?P<number>\d{10,13}(?:\.\d+)?)\b")
HEAD = 160  # characters of a plain line in which its time stands
TIMES = ("time", "timestamp", "@timestamp", "ts", "date", "datetime")


def stamped(file: Read, lines: int) -> list[tuple[datetime, bytes]]:
    """The last lines of one file, each with its time; the first one may be cut and is left out when it is."""
    written = [line for line in file.data.split(b"\n") if line.strip()][-lines:]
    read = [(own_time(line), line) for line in written]
    changed = datetime.fromtimestamp(file.modified, UTC)
    zone = _zone([at for at, _ in read if at], changed)
    if not any(at for at, _ in read):
        return [(changed, line) for _, line in read[-UNTIMED:]]
    found: list[tuple[datetime, bytes]] = []
    last: datetime | None = None
    for at, line in read:
        if at:
            last = at if at.tzinfo else (at - zone).replace(tzinfo=UTC)
        if last:
            found.append((last, line))
    return found


def merged(files: list[Read], lines: int, since: datetime | None = None) -> Iterator[bytes]:
    """The last lines of all files together, oldest first, each behind its time."""
    every = [one for file in files if not file.problem for one in stamped(file, lines)]
    every.sort(key=lambda one: one[0])
    for at, line in every[-lines:]:
        if since is None or at >= since:
            yield at.astimezone(UTC).isoformat().encode("ascii") + b" " + line + b"\n"


def own_time(line: bytes) -> datetime | None:
    """The time that a line says; without a zone where it names none, None where it says no time."""
    head = line[:HEAD].decode("utf-8", "replace")
    if head.lstrip()[:1] == "{":
        return _structured(line, head)
    return _plain(head)


def _structured(line: bytes, head: str) -> datetime | None:
    try:
        plain = json.loads(line[: 64 * 1024])
    except (ValueError, RecursionError):
        return _epoch(found["number"]) if (found := EPOCH.search(head)) else _plain(head)
    if not isinstance(plain, dict):
        return None
    value = next((plain[name] for name in TIMES if name in plain), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _epoch(str(value))
    return _plain(str(value)[:HEAD]) if value is not None else None


def _epoch(number: str) -> datetime | None:
    seconds = float(number)
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _plain(text: str) -> datetime | None:
    try:
        if found := ISO.search(text):
            part = f".{found['part'][:6]:0<6}" if found["part"] else ""
            zone = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00"}.get(found["zone"] or "", found["zone"] or "")
            return datetime.fromisoformat(f"{found['day'].replace('/', '-')}T{found['clock']}{part}{zone}")
        if found := COMMON.search(text):
            return datetime.fromisoformat(
                f"{found['year']}-{_month(found['month']):02}-{found['day']}T{found['clock']}{found['zone']}"
            )
        if found := C_TIME.search(text):
            year = int(found["year"] or datetime.now(UTC).year)
            return datetime.fromisoformat(f"{year}-{_month(found['month']):02}-{int(found['day']):02}T{found['clock']}")
    except ValueError:
        return None
    return None


def _month(name: str) -> int:
    return MONTHS.get(name.lower(), 0)  # 0: no month, so no time


def _zone(times: list[datetime], changed: datetime) -> timedelta:
    """How far ahead of UTC the times without a zone are: the last of them was written when the file was changed."""
    bare = [at for at in times if not at.tzinfo]
    if not bare:
        return timedelta()
    ahead = (bare[-1] - changed.replace(tzinfo=None)).total_seconds()
    return timedelta(seconds=round(ahead / QUARTER) * QUARTER) if abs(ahead) < FAR else timedelta()
