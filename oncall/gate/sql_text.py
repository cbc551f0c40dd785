"""Statements and messages of a database as people may see them: without the values that they hold, on one line, short.

    masked("SELECT * FROM users WHERE mail = 'a@b.example'")         SELECT * FROM users WHERE mail = ?
    error_text('invalid input syntax for type integer: "4711x"')     invalid input syntax for type integer: ?

One pass from left to right, because neither dollar quotes nor nested quotes are regular; its cost is linear. A value
that was cut off, as an activity view does it, is hidden to the end of the text.
"""

LONGEST = 10_000  # characters looked at; what is shown is far shorter
TAG = 63  # PostgreSQL's limit for a name, and so for the tag of a dollar quote
PREFIXES = "eEbBxXnN"  # of a quoted constant: E'...'
CONTRACTIONS = ("t", "s", "re", "ve", "ll", "d", "m")
ROWS = ("Failing row contains (", ")=(")  # what quotes a row's values: CHECK and NOT NULL, keys
STATEMENTS = ("STATEMENT:  ", "QUERY:  ", " statement: ", " execute ")  # what a log line quotes a statement after


def masked(sql: str, length: int = 200) -> str:
    """A statement with a ? in the place of each literal and without comments, on one line, at most so long."""
    return _short(hidden(_without_rows(sql[:LONGEST]), statement=True), length)


def error_text(text: str, length: int = 200) -> str:
    """A message or log line of the server without the values that it quotes; its numbers and times stay."""
    text = _without_rows(text[:LONGEST])
    found = [at + len(mark) for mark in STATEMENTS if (at := text.find(mark)) >= 0]
    start = min(found, default=len(text))
    return _short(hidden(text[:start], statement=False) + hidden(text[start:], statement=True), length)


def _short(text: str, length: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _without_rows(text: str) -> str:
    """Values in brackets may hold brackets: all is hidden up to the last one."""
    found = [at + len(mark) for mark in ROWS if (at := text.find(mark)) >= 0]
    if not found:
        return text
    start = min(found)
    end = text.rfind(")", start)
    return f"{text[:start]}?{text[end:] if end >= 0 else ''}"


def hidden(text: str, *, statement: bool) -> str:
    """The text with its literals hidden.

    statement: SQL, in which numbers and comments go as well; else a sentence about it.
    """
    parts: list[str] = []
    at = plain = 0  # what lies between them is copied as it is
    while at < len(text):
        sign, shown = text[at], "?"
        start, end = at, at + 1
        if sign == "'" and (statement or not _contraction(text, at)):
            start, end = _quoted(text, at)
        elif sign == '"':
            end = _closing(text, at + 1, '"')
            if statement or not _is_value(text, at):
                at = end
                continue
        elif sign == "$" and (found := _dollar_quoted(text, at)):
            end = found
        elif statement and sign.isdigit() and not _in_name(text, at):
            start, end = _number(text, at)
        elif statement and text.startswith(("--", "/*"), at):
            end, shown = _comment(text, at), " "
        else:
            at = end
            continue
        parts += [text[plain:start], shown]
        at = plain = end
    parts.append(text[plain:])
    return "".join(parts)


def _closing(text: str, at: int, quote: str) -> int:
    """The place after a closing quote, doubled ones passed over; the text's end where there is none."""
    while (at := text.find(quote, at)) >= 0:
        if not text.startswith(quote, at + 1):
            return at + 1
        at += 2
    return len(text)


def _quoted(text: str, at: int) -> tuple[int, int]:
    """Where a constant in single quotes begins, with its prefix, and where it ends."""
    start = at
    if at and text[at - 1] in PREFIXES and not _in_name(text, at - 1):
        start = at - 1
    elif text[max(0, at - 2) : at] in ("U&", "u&"):
        start = at - 2
    if start == at or text[start] not in "eE":
        return start, _closing(text, at + 1, "'")
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] != "'":
            at += 1
        elif text.startswith("'", at + 1):
            at += 2
        else:
            return start, at + 1
    return start, len(text)


def _dollar_quoted(text: str, at: int) -> int:
    """The end of $tag$...$tag$; 0: none begins here, as in $1."""
    if _in_name(text, at):
        return 0
    end = at + 1
    while end < len(text) and end - at <= TAG and (text[end].isalnum() or text[end] == "_"):
        end += 1
    if end >= len(text) or text[end] != "$" or text[at + 1].isdigit():
        return 0
    tag = text[at : end + 1]
    closing = text.find(tag, end + 1)
    return closing + len(tag) if closing >= 0 else len(text)


def _number(text: str, at: int) -> tuple[int, int]:
    start = at - 1 if at and text[at - 1] == "." and not _in_name(text, at - 1) else at
    while at < len(text) and (text[at].isalnum() or text[at] in "_." or (text[at] in "+-" and text[at - 1] in "eE")):
        at += 1
    return start, at


def _comment(text: str, at: int) -> int:
    closing = "\n" if text[at] == "-" else "*/"
    end = text.find(closing, at + 2)
    return end + len(closing) if end >= 0 else len(text)


def _in_name(text: str, at: int) -> bool:
    """Whether what stands here goes on with a name, a parameter or a number: t1, $1, a.b."""
    before = text[at - 1] if at else " "
    return before.isalnum() or before in "_$" or (before == "." and at > 1 and (text[at - 2].isalnum()))


def _contraction(text: str, at: int) -> bool:
    """Whether an apostrophe stands inside a word of a sentence: doesn't."""
    if not (at and text[at - 1].isalpha()):
        return False
    return any(text.startswith(end, at + 1) and not text[at + 1 + len(end) : at + 2 + len(end)].isalnum()
               for end in CONTRACTIONS)  # fmt: skip


def _is_value(text: str, at: int) -> bool:
    """Whether double quotes hold a value, no name: after a colon, as in `for type integer: "4711x"`, and a token."""
    before = text[max(0, at - 6) : at]
    return (before.endswith(": ") and before[-3:-2].isalnum() and not before[-3:-2].isupper()) or before == "Token "
