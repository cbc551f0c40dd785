"""Lines of a log as they come from an engine: bytes to lines, each with its time, its level and its words.

Pure: nothing here looks at anything. However long a line is, it is judged by its beginning and its end.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from oncall.gate.patterns import AnyOf, Pattern
from oncall.probes.logs.severity import ERRORS, continues, is_error

HEAD, END = 8 * 1024, 4 * 1024  # what is kept of a longer line; engines put times into a line at every 16 KiB
SHOWN = 200
COLOUR, COLOUR_NUMBERS = "\x1b[", "0123456789;?"
LONGEST_STAMP = 36  # 2026-11-23T12:00:00.123456789+01:00 and a blank
SKIPPED = " … ".encode()
PIECE_STAMP = Pattern(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) ")
LOUD = Pattern(r"\b(?:ERROR|ERR|FATAL|PANIC|CRITICAL|CRIT|ALERT|EMERG|WARN|WARNING|error|crit|emerg|warn)\b")
QUIET = Pattern(r"\b(?:INFO|DEBUG|TRACE|VERBOSE|info|debug|trace|notice)\b|\"level\": ?[123]0\b")
FATAL = Pattern(r"\b(?:FATAL|PANIC|CRITICAL|CRIT|ALERT|EMERG|fatal|panic|crit|emerg)\b")
A_LEVEL = AnyOf((LOUD, QUIET, FATAL))
REQUEST = Pattern(r"\"[A-Z]{3,7} (\S+) HTTP/[\d.]+\" (\d{3})\b")  # a line of an access log
ROUTINE = Pattern(rb"\"[A-Z]{3,7} \S+ HTTP/[\d.]+\" [1-4]\d\d\b")
ROUTINE_JSON = Pattern(  # a level of the whole line, not one further in
    rb"^[0-9TZ:.+-]* ?\{[^{}]*?\"level\": ?(?:\"(?i:info|debug|trace|verbose|http|silly|notice)\"|[123]0\b)"
)
OUR_ACCOUNT = Pattern(rb"\boncall-[0-9a-f]{12}\b")  # who refused_login claims to be: another one in each run
NOT_ROUTINE = Pattern(rb"\"status(?:_?[Cc]ode)?\": ?[5-9]\d\d\b|" + OUR_ACCOUNT.text)
A_ROUTINE = AnyOf((ROUTINE, ROUTINE_JSON, NOT_ROUTINE))
QUOTED_SQL = Pattern(r"\b(?:STATEMENT|QUERY|CONTEXT):  |\bLOG:  (?:statement|execute|duration|parameters)\b")
NO_TEXT = dict.fromkeys((*range(9), *range(10, 32), 127, 0xFFFE, 0xFFFF), " ")
MESSAGE_KEYS = ("message", "msg", "log", "event", "text")
PATH_KEYS = ("path", "url", "RequestPath")  # the last of each is Traefik's
STATUS_KEYS = ("status", "statusCode", "status_code", "DownstreamStatus")
REASON_KEYS = ("reason", "error", "err", "exception", "stack", "code", "cause", "detail")
LEVEL_KEYS = ("level", "severity", "levelname", "lvl", "log.level")
FATAL_WORDS = ("fatal", "panic", "crit", "alert", "emerg")
PYTHON_FRAME = '\n  File "'
Level = Literal["fatal", "loud", "quiet", "unsaid"]


class Line(Struct, frozen=True):
    """One line. words: what is searched; shown: what a person would quote; at: None when nobody knows.

    ours: the account that a run of ours made up, wherever the line names it.
    stated_error: of JSON, whether its level is error or worse; None: it is plain text, whose words tell.
    by_us: whether it is the database's answer to a statement of ours.
    """

    at: datetime | None
    words: str
    shown: str
    level: Level
    path: str = ""
    status: int = 0
    ours: str = ""
    stated_error: bool | None = None
    by_us: bool = False

    @property
    def error(self) -> bool:
        """Whether its own level is error or worse, or it begins with an exception."""
        if self.stated_error is not None:
            return self.stated_error
        return self.level != "quiet" and is_error(self.words)

    @property
    def continues(self) -> bool:
        """Whether it only goes on with what the line before it tells, as the frames of a stack trace do."""
        return self.stated_error is None and continues(self.words)


class Newest:
    """The newest lines of a stream, however much goes by and however long a line is.

    size: how many bytes of them are kept; of a long line only its beginning and its end.
    telling: lines that only tell of ordinary requests are let go, so that no traffic, ours neither, pushes others out.
    count: the lines that went by.
    """

    def __init__(self, size: int, *, telling: bool = False) -> None:
        self.size, self.seen, self.cut, self.telling = size, 0, False, telling
        self.count = 0
        self._lines: deque[bytes] = deque()
        self._kept = 0
        self._head, self._end = bytearray(), b""

    def take(self, piece: bytes) -> None:
        """Let a piece of the stream go by."""
        self.seen += len(piece)
        start = 0
        while (at := piece.find(b"\n", start)) >= 0:
            self._add(piece[start:at])
            self._finish()
            start = at + 1
        self._add(piece[start:])

    def _add(self, part: bytes) -> None:
        room = HEAD - len(self._head)
        self._head += part[:room]
        if rest := part[room:]:
            self._end = (self._end + rest)[-END:] if len(rest) < END else rest[-END:]

    def _finish(self) -> None:
        line = bytes(self._head)
        if self._end:
            self.cut = True
            line = whole_characters(line) + SKIPPED + whole_characters(PIECE_STAMP.sub(b"", self._end))
        self._head, self._end = bytearray(), b""
        if not line.strip():
            return
        self.count += 1
        if self.telling and routine(line):
            return
        self._lines.append(line)
        self._kept += len(line)
        while self._kept > self.size and len(self._lines) > 1:
            self._kept -= len(self._lines.popleft())
            self.cut = True

    def lines(self) -> list[bytes]:
        """Oldest first; the last one may not be finished."""
        if self._head:
            self._finish()
        return list(self._lines)


def routine(raw: bytes) -> bool:
    """Whether a line tells of ordinary work, and so is quiet and of no use: told by a glance, for there are many."""
    request, structured, not_routine = (number in A_ROUTINE.which(raw) for number in range(3))
    return (request or (structured and raw.endswith(b"}"))) and not not_routine


def parsed(raw: Iterable[bytes]) -> Iterator[Line]:
    """Each line read; one without a time of its own has that of the line before."""
    at: datetime | None = None
    for line in raw:
        found, rest = stamp(line)
        at = found or at
        yield read(rest, at)


def stamp(line: bytes) -> tuple[datetime | None, bytes]:
    """The time that the engine has put before a line, and the line without it."""
    first, _, rest = line[:LONGEST_STAMP].partition(b" ")
    if first[4:5] != b"-" or first[10:11] != b"T":
        return None, line
    try:
        at = datetime.fromisoformat(first.decode("ascii"))
        return (at.astimezone(UTC), rest + line[LONGEST_STAMP:]) if at.tzinfo else (None, line)
    except (ValueError, OverflowError):
        return None, line


def read(raw: bytes, at: datetime | None) -> Line:
    """One line: JSON of the usual loggers, or plain text."""
    named = OUR_ACCOUNT.search(raw) if b"oncall-" in raw else None
    ours = named[0].decode() if named else ""
    stripped = raw.strip()
    if stripped[:1] == b"{" and stripped[-1:] == b"}":
        try:
            plain = json.loads(stripped.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            plain = None
        if isinstance(plain, dict):
            return _structured(plain, at, ours)
    text = clean(raw.decode("utf-8", "replace")).strip("\ufffd")  # engines cut a long line anywhere
    request = REQUEST.search(text) if " HTTP/" in text else None
    quoting = "  " in (head := text[:400]) and QUOTED_SQL.search(head)
    level: Level = "quiet" if request or quoting else _said(text)
    path, status = (request[1], int(request[2])) if request else ("", 0)
    return Line(at, text, text[:SHOWN], level, path.partition("?")[0], status, ours)


def _said(text: str) -> Level:
    """The level that plain text begins with."""
    loud, quiet, fatal = (number in A_LEVEL.which(text[:120]) for number in range(3))
    if fatal and not quiet:
        return "fatal"
    if loud:
        return "loud"
    return "quiet" if quiet and QUIET.search(text[:80]) else "unsaid"


def _structured(plain: dict[str, Any], at: datetime | None, ours: str) -> Line:
    message = next((_words(plain[key]) for key in MESSAGE_KEYS if plain.get(key)), "")
    reasons = [f"code {words}" if key == "code" else words for key in REASON_KEYS if (words := _words(plain.get(key)))]
    words = clean(_middle(" ".join(filter(None, (message, *reasons))) or _words(plain)))
    raised = next((said for reason in reasons if (said := exception_of(reason)) and said not in message), "")
    first = raised or next((reason.splitlines()[0] for reason in reasons[:1] if reason not in message), "")
    shown = clean(f"{message}: {first}" if message and first else message or words)[:SHOWN]
    path = next((str(plain[key]) for key in PATH_KEYS if isinstance(plain.get(key), str)), "")
    status = next((plain[key] for key in STATUS_KEYS if _number(plain.get(key))), 0)
    return Line(at, words, shown, _level(plain), path.partition("?")[0], int(status), ours, _error(plain))


def exception_of(trace: str) -> str:
    """What a Python stack trace ends with, without the details that may follow; empty: it is none."""
    if PYTHON_FRAME not in trace:
        return ""
    behind = trace.rpartition(PYTHON_FRAME)[2].splitlines()[1:]
    return next((line for line in behind if line.strip() and not line[:1].isspace()), "")


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _level(plain: dict[str, Any]) -> Level:
    """pino counts (30 is info, 50 is error, 60 is fatal); the others say a word."""
    value = next((plain[key] for key in LEVEL_KEYS if plain.get(key) is not None), None)
    if isinstance(value, int) and not isinstance(value, bool):
        return "quiet" if value < 40 else "loud" if value < 60 else "fatal"
    word = str(value or "").lower()
    if word.startswith(("info", "debug", "trace", "verbose", "notice", "silly", "http")):
        return "quiet"
    if word.startswith(FATAL_WORDS):
        return "fatal"
    return "loud" if word else "unsaid"


def _error(plain: dict[str, Any]) -> bool:
    """Whether the line's own level is error or worse."""
    value = next((plain[key] for key in LEVEL_KEYS if plain.get(key) is not None), None)
    if isinstance(value, int) and not isinstance(value, bool):
        return value >= 50
    return str(value or "").lower().startswith(ERRORS)


def _words(value: Any, depth: int = 0) -> str:
    """All texts in a value, two levels deep."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and depth < 2:
        return " ".join(filter(None, (_words(inner, depth + 1) for inner in list(value.values())[:40])))
    if isinstance(value, list) and depth < 2:
        return " ".join(filter(None, (_words(inner, depth + 1) for inner in value[:20])))
    return str(value) if _number(value) else ""


def whole_characters(piece: bytes) -> bytes:
    """UTF-8 that was cut somewhere, without what is left of a character at either end."""
    start, end = 0, len(piece)
    while start < min(3, end) and piece[start] & 0xC0 == 0x80:
        start += 1
    for back in range(1, min(4, end) + 1):
        byte = piece[-back]
        if byte & 0xC0 != 0x80:
            length = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            end -= back if length > back else 0
            break
    return piece[start:end]


def _middle(text: str) -> str:
    return text if len(text) <= HEAD + END else f"{text[:HEAD]} … {text[-END:]}"


def clean(text: str) -> str:
    """Without colours and control characters; blanks of any kind become one line."""
    if text.isprintable():
        return text.rstrip()
    first, *others = text.split(COLOUR)
    return (first + "".join(map(_uncoloured, others))).translate(NO_TEXT).rstrip()


def _uncoloured(rest: str) -> str:
    """What stands behind the beginning of a colour: its numbers and a letter are no text."""
    after = rest.lstrip(COLOUR_NUMBERS)
    return after[1:] if after[:1].isascii() and after[:1].isalpha() else COLOUR + rest
