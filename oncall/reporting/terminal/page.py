"""Lines under the making: labels, hanging indents, colour, and how many rows of a screen they take."""

from __future__ import annotations

import textwrap
import unicodedata

from oncall.reporting import plain

INDENT = " " * 9  # as wide as the longest label and a blank
COLOURS = {"FAILED": "1;31", "UNKNOWN": "1;33", "unknown": "1;33", "ERROR": "1;35", "next": "1", "PROBLEM": "1;31"}
COLOURS |= {"p1": "1;31", "p2": "1;31", "p3": "1;33", "p4": "1;33", "title": "1"}


class Page:
    """A width of None wraps and cuts nothing: there is no terminal."""

    def __init__(self, width: int | None, colour: bool) -> None:
        self.width = max(width, 40) if width else None
        self.colour = colour
        self.lines: list[str] = []
        self.rows = 0

    def rule(self, words: str) -> None:
        self._add(f" {words} ".center(min(self.width or 80, 100), "-"))

    def gap(self) -> None:
        self._add("")

    def title(self, text: str, kind: str = "title", *, rows: int | None = None) -> None:
        """A line of its own, coloured by its severity; where it is folded, it hangs under its beginning."""
        first, *rest = self._folded(text, 3, rows)
        self._add(first, COLOURS[kind])
        for line in rest:
            self._add("   " + line, COLOURS[kind])

    def entry(self, label: str, text: str, tail: str = "", *, rows: int | None = None) -> None:
        """A label and a text that hangs beside it; the tail behind it, or below it where it does not fit.

        rows: a screen has no more room for it than this; without a terminal nothing is cut.
        """
        folded = self._folded(text, len(INDENT), rows)
        if tail and self.width and len(INDENT) + columns(folded[-1]) + 4 + columns(tail) > self.width:
            folded += self._folded(tail, len(INDENT), rows)
        elif tail:
            folded[-1] += " " * 4 + tail
        self._add(f"{label:<8} " + folded[0], COLOURS.get(label), len(label))
        for line in folded[1:]:
            self._add(INDENT + line)

    def command(self, label: str, text: str) -> None:
        """A command, whole, on lines of its own: it is copied, so it is never folded, cut or commented."""
        for line in plain.command(text).split("\n"):
            self._add(f"{label:<8} {line}", COLOURS.get(label), len(label))
            label = ""

    def block(self, text: str) -> None:
        """Several lines as they are, below a label."""
        for line in text.splitlines():
            self._add(INDENT + line)

    def fits(self, text: str) -> bool:
        """Whether it stands beside a label in one row."""
        return self.width is None or len(INDENT) + columns(text) <= self.width

    def blank(self) -> Page:
        """An empty page of the same width."""
        return Page(self.width, self.colour)

    def append(self, other: Page) -> None:
        """Another page, below this one."""
        self.lines += other.lines
        self.rows += other.rows

    def _folded(self, text: str, indent: int, rows: int | None) -> list[str]:
        """At blanks only, so that a name, a path or a number stays whole; what has no room ends with a mark."""
        if self.width is None:
            return [text]
        room = self.width - indent
        folded = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
        if rows is None or sum(_rows(line, room) for line in folded) <= rows:
            return folded
        if columns(text) == len(text):
            return textwrap.wrap(text, room, break_on_hyphens=False, max_lines=rows, placeholder=" …")
        return _pieces(text, room, rows)

    def _add(self, line: str, colour: str | None = None, painted: int | None = None) -> None:
        """One line; `painted`: how many of its characters the colour is for, None for all."""
        self.rows += _rows(line, self.width) if self.width else 1
        if self.colour and colour and line:
            end = len(line) if painted is None else painted
            line = f"\x1b[{colour}m{line[:end]}\x1b[0m{line[end:]}" if end else line
        self.lines.append(line)


def columns(text: str) -> int:
    """How wide a terminal shows it: signs of East Asia take two columns, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_columns(sign) for sign in text)


def _columns(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def shortened(text: str, room: int) -> str:
    """The text, or its beginning and a mark, in no more columns than these."""
    return text if columns(text) <= room else _pieces(text, room, 1)[0]


def _pieces(text: str, room: int, rows: int) -> list[str]:
    """As many full rows as there are, cut anywhere, the last one with a mark."""
    pieces = [""]
    for sign in text:
        if columns(pieces[-1]) + _columns(sign) > room:
            if len(pieces) == rows:
                break
            pieces.append("")
        pieces[-1] += sign
    while columns(pieces[-1]) > room - 2:
        pieces[-1] = pieces[-1][:-1]
    return [*pieces[:-1], pieces[-1].rstrip() + " …"]


def _rows(line: str, width: int) -> int:
    return max(1, -(-columns(line) // width))
