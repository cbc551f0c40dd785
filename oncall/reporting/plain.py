"""Text from outside, made harmless to show: what would steer a terminal or turn a line round is made visible.

Every output shows foreign text through `escape_control_chars` and evidence through `value`; neither of them ever
escapes HTML, which is the template's work.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

from oncall.finding import Value

QUOTES = ("'", '"')
LINE = 2_000  # characters of one text that a reader can still take in
UNSEEN = frozenset(
    ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
)  # controls, bidi and zero width, surrogates, no character
ASCII = {"→": "->", "…": "...", "–": "-", "·": "|"}  # the signs that the reports use by themselves


def escape_control_chars(text: str, limit: int = LINE, *, lines: bool = False) -> str:
    """The text with nothing hidden in it, shortened with a mark; `lines` keeps its line ends and tabs."""
    rest = len(text) - limit
    if rest > 0:
        text = text[:limit]
    if lines:
        text = text.replace("\r\n", "\n")
    if not text.isprintable():  # most are, and telling so is fast
        text = "".join(sign if _harmless(sign, lines) else _code(sign) for sign in text)
    return f"{text} … [{rest:,} more characters]" if rest > 0 else text


def command(text: str) -> str:
    """A command as it is typed: whole, for half of one is worse than none. It has no hidden signs (see `playbook`)."""
    return escape_control_chars(text, len(text), lines=True)


def told(evidence: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """The evidence in its order, without what says nothing."""
    return ((key, found) for key, found in evidence.items() if found is not None and str(found).strip())


def value(found: Value) -> str:
    """One value of the evidence, as people write it."""
    if found is None:
        return "none"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, float):
        return f"{found:.3f}".rstrip("0").rstrip(".") if 0.001 <= abs(found) < 1e15 else f"{found:g}"
    return escape_control_chars(str(found)) or "''"


def quoted(found: Value) -> str:
    """A key or a value, in quotes where one could not tell where it ends.

    In single ones where it has double ones itself; SQL has the others.
    """
    text = value(found)
    if not any(sign in text for sign in ",=") and text[:1] not in QUOTES and text[-1:] not in QUOTES:
        return text
    return f"'{text}'" if '"' in text and "'" not in text else f'"{text}"'


def encodable(line: str, encoding: str) -> str:
    """The line in signs that the stream can take: a diagnosis is never lost to a locale."""
    try:
        line.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        for sign, plain in ASCII.items():
            line = line.replace(sign, plain)
        return "".join(_code(sign) if ord(sign) > 0x7E else sign for sign in line)
    return line


def _harmless(sign: str, lines: bool) -> bool:
    return (lines and sign in "\n\t") or unicodedata.category(sign) not in UNSEEN


def _code(sign: str) -> str:
    """The sign as Python writes it: \\x1b for escape. Pictures of controls are left out: few fonts have them."""
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
