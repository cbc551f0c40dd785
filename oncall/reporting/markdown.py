"""Foreign text in Markdown: it stays on its line, and is never a heading, a link, markup or a mention."""

from __future__ import annotations

import re

from oncall.reporting import plain

LENGTH = 500  # characters of one text that a page for people has room for
SPECIAL = re.compile(r"[\\`*\[\]<>|~&$]|(?<!\w)_|_(?!\w)")
START = re.compile(r"^(\d*)([.)]|[-+=#])")
LINKED = re.compile(r"@|://|www\.", re.IGNORECASE)  # GitHub and others link these, and notify people, however escaped


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def prose(text: str) -> Markdown:
    """The text as words of a sentence; as a code span where words could be taken for a link or a mention."""
    shown = _line(text)
    if LINKED.search(shown):
        return code(text)
    escaped = SPECIAL.sub(lambda match: "\\" + match[0], shown)
    return Markdown(START.sub(r"\1\\\2", escaped))


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
    return " ".join(plain.visible(text, LENGTH).split())


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
