"""The tags and texts of an HTML page in one pass from left to right, as the standard's tokenizer finds them.

Python's own parser takes minutes for 100 kB of `<a `, and ends with an AssertionError at `<![`; parsers that build a
tree can be made to repeat a page's formatting elements for each of its paragraphs. Nothing here looks back, and what
is never closed ends the page, as in a browser.
"""

import html
from collections.abc import Container, Iterator

from msgspec import Struct

from oncall.gate.patterns import Pattern

LONGEST_TAG = 64 << 10  # characters; a longer one carries a picture within itself, and names nothing to fetch
MOST_STEPS = 20_000  # tags, and attributes that are read: a large page has 3,000
RAW = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")  # tags do not count inside
ATTRIBUTE = Pattern(r"""([^\s"'/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>][^\s>]*)))?""")
NAME = Pattern(r"[A-Za-z][^\s/>]*")
LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Tag(Struct):
    """One tag. attributes: of a start tag that is read; names in lower case, the first of each, escapes resolved."""

    name: str
    ends: bool = False
    attributes: dict[str, str] = {}  # msgspec gives each its own


class Text(Struct):
    """What stands between two tags, its escapes resolved."""

    text: str


class Tags:
    """The tokens of a page. read: the names of the tags whose attributes are wanted."""

    def __init__(self, page: str, read: Container[str]) -> None:
        self.page, self.read = page, read
        self._lower = page.translate(LOWER)  # of the same length, which str.lower() does not promise
        self._next = {">": -1, '"': -1, "'": -1}
        self._steps = 0

    def __iter__(self) -> Iterator[Tag | Text]:
        at, end = 0, len(self.page)
        while at < end and self._steps < MOST_STEPS:
            self._steps += 1
            start = self._find("<", at)
            if start > at:
                yield Text(html.unescape(self.page[at:start]))
            if start >= end:
                return
            following = self.page[start + 1 : start + 3]
            if following[:1].isalpha() and following[:1].isascii():
                at = self._tag_end(start + 1)
                if at > end:
                    return
                tag = self._tag(start + 1, at - 1)
                yield tag
                if tag.name in RAW:
                    at, inner = self._raw_end(tag.name, at)
                    yield Text(inner)
            elif following[:1] == "/" and following[1:].isalpha() and following.isascii():
                at = self._tag_end(start + 2)
                if at > end:
                    return
                yield self._tag(start + 2, at - 1, ends=True)
            elif following[:1] in ("!", "?", "/"):
                at = self._comment_end(start)
            else:
                yield Text("<")
                at = start + 1

    def _find(self, sign: str, at: int) -> int:
        """Where a sign comes next, or the page's end."""
        found = self.page.find(sign, at)
        return len(self.page) if found < 0 else found

    def _cached(self, sign: str, at: int) -> int:
        """As _find, for places that only grow: no part of the page is searched twice for one sign."""
        if self._next[sign] < at:
            self._next[sign] = self._find(sign, at)
        return self._next[sign]

    def _tag_end(self, at: int) -> int:
        """Behind the > that ends a tag, quoted values let go by; behind the page's end when there is none."""
        end, since = len(self.page), at
        while True:
            closes = self._cached(">", at)
            quote = min(self._cached('"', at), self._cached("'", at))
            if closes <= quote:
                return closes + 1
            if self.page[since:quote].rstrip().endswith("="):
                at = self._find(self.page[quote], quote + 1) + 1
                if at > end:
                    return end + 1
            else:
                at = quote + 1
            since = at

    def _tag(self, start: int, end: int, ends: bool = False) -> Tag:
        inside = self.page[start : min(end, start + LONGEST_TAG)]
        found = NAME.match(inside[:64])
        name = found[0].translate(LOWER) if found else ""
        attributes: dict[str, str] = {}
        if not ends and name in self.read and end - start <= LONGEST_TAG:
            for each in ATTRIBUTE.finditer(inside[len(name) :]):
                self._steps += 1
                if self._steps > MOST_STEPS:
                    break
                value = next((group for group in each.groups()[1:] if group is not None), "")
                attributes.setdefault(each[1].translate(LOWER), html.unescape(value))
        return Tag(name, ends, attributes)

    def _raw_end(self, name: str, at: int) -> tuple[int, str]:
        """Where the end tag of a raw element begins, and what stands before it."""
        end = at
        while (end := self._lower.find(f"</{name}", end)) >= 0:
            behind = end + 2 + len(name)
            if self.page[behind : behind + 1] in (" ", "\t", "\n", "\r", "\f", "/", ">"):
                break
            end = behind
        if end < 0:
            end = len(self.page)
        inner = self.page[at:end]
        return end, html.unescape(inner) if name in ("title", "textarea") else inner

    def _comment_end(self, start: int) -> int:
        """Behind a comment, a doctype, or what a browser takes for a comment."""
        if not self.page.startswith("<!--", start):
            return self._find(">", start) + 1
        for empty in ("<!-->", "<!--->"):
            if self.page.startswith(empty, start):
                return start + len(empty)
        found = self.page.find("-->", start + 4)
        return len(self.page) if found < 0 else found + 3
