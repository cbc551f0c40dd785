"""Foreign text in Markdown: it stays on its line, and is never a heading, a link, markup or a mention."""

from __future__ import annotations

from oncall.reporting import plain

LENGTH = 500  # characters of one text that a page for people has room for
SPECIAL = frozenset("\\`*[]<>|~&$")
STARTS = frozenset(".)-+=#")  # of a list or a heading, at the beginning of a line, a number before it or not
LINKED = ("@", "://", "www.")  # GitHub and others link these, and notify people, however escaped


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def prose(text: str) -> Markdown:
    """The text as words of a sentence; as a code span where words could be taken for a link or a mention."""
    shown = _line(text)
    if any(sign in shown.lower() for sign in LINKED):
        return code(text)
    start = len(shown) - len(shown.lstrip("0123456789"))
    starts = shown[start : start + 1] in STARTS
    signs = (f"\\{sign}" if _is_markup(shown, place) else sign for place, sign in enumerate(shown))
    escaped = "".join(signs)
    return Markdown(f"{escaped[:start]}\\{escaped[start:]}" if starts else escaped)


def _is_markup(text: str, place: int) -> bool:
    """Whether this sign would be markup; a _ inside of a word is none."""
    inside = all(sign.isalnum() or sign == "_" for sign in (text[place - 1 : place], text[place + 1 : place + 2]))
    return text[place] in SPECIAL or (text[place] == "_" and not inside)


def code(text: str) -> Markdown:
    """The text as it is, in a code span."""
    shown = _line(text) or "''"
    fence = "`" * (_longest(shown) + 1)
    room = " " if "`" in (shown[0], shown[-1]) else ""
    return Markdown(f"{fence}{room}{shown}{room}{fence}")


def block(text: str, language: str = "text") -> Markdown:
    """Several lines as they are, whole, to be copied."""
    shown = plain.command(text)
    fence = "`" * max(3, _longest(shown) + 1)
    return Markdown(f"{fence}{language}\n{shown}\n{fence}")


def _line(text: str) -> str:
    return " ".join(plain.escape_control_chars(text, LENGTH).split())


def _longest(text: str) -> int:
    longest = length = 0
    for sign in text:
        length = length + 1 if sign == "`" else 0
        longest = max(longest, length)
    return longest
