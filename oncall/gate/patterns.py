r"""Patterns for text from outside: whatever a text holds, the cost of searching it grows linearly with its length.

They run on RE2, which cannot backtrack. Its syntax is Python's with three differences: there is no lookaround and no
backreference; the end of the text is `\z`; classes such as `\w`, `\d`, `\s` and `\b` know ASCII alone (say `\pL` for
any letter). Flags stand in the pattern: `(?i)`, `(?s)`, `(?m)`.

    HOST = Pattern(r"host=(\S{1,255})")
    if found := HOST.search(line):
        found[1]

Python's own `re` may only be used on text of ours; tests/test_house_rules.py says where.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

Text = TypeVar("Text", str, bytes)
Found = TypeVar("Found", str, bytes, covariant=True)


class Match(Protocol[Found]):
    """What a pattern found, as `re.Match` has it."""

    @property
    def string(self) -> Found: ...
    def __getitem__(self, group: int | str) -> Found: ...
    def group(self, *groups: int | str) -> Any: ...
    def groups(self, default: Any = None) -> tuple[Any, ...]: ...
    def groupdict(self, default: Any = None) -> dict[str, Any]: ...
    def start(self, group: int | str = 0) -> int: ...
    def end(self, group: int | str = 0) -> int: ...
    def span(self, group: int | str = 0) -> tuple[int, int]: ...


class Pattern(Generic[Text]):
    """One pattern, compiled when it is first used: most runs need few of them.

    text: in RE2's syntax; bytes for patterns that search bytes. A wrong one raises ValueError at its first use.
    EVERY: all patterns of the process, for the test that holds their cost.
    """

    EVERY: ClassVar["list[Pattern[Any]]"] = []

    def __init__(self, text: Text) -> None:
        self.text: Text = text
        Pattern.EVERY.append(self)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    @functools.cached_property
    def _compiled(self) -> Any:
        import re2

        options = re2.Options()
        options.log_errors = False
        if isinstance(self.text, bytes):
            options.encoding = re2.Options.Encoding.LATIN1
        try:
            return re2.compile(self.text, options)
        except re2.error as error:
            raise ValueError(f"{self.text!r} is no pattern of RE2: {error}") from None

    def search(self, text: Text) -> "Match[Text] | None":
        """The first place that fits."""
        return cast("Match[Text] | None", self._compiled.search(whole(text)))

    def match(self, text: Text) -> "Match[Text] | None":
        """As search(), at the text's beginning alone."""
        return cast("Match[Text] | None", self._compiled.match(whole(text)))

    def fullmatch(self, text: Text) -> "Match[Text] | None":
        """As search(), for the text as a whole."""
        return cast("Match[Text] | None", self._compiled.fullmatch(whole(text)))

    def finditer(self, text: Text) -> "Iterator[Match[Text]]":
        """All places that fit, from left to right; none overlaps another."""
        return cast("Iterator[Match[Text]]", self._compiled.finditer(whole(text)))

    def sub(self, put: "Text | Callable[[Match[Text]], Text]", text: Text) -> Text:
        r"""The text with each place that fits replaced; `put` may say \1 for a group."""
        return cast(Text, self._compiled.sub(put, whole(text)))

    def split(self, text: Text, maxsplit: int = 0) -> list[Text]:
        """The pieces between the places that fit, with the groups of each between them."""
        return cast(list[Text], self._compiled.split(whole(text), maxsplit))


class AnyOf(Generic[Text]):
    """Many patterns searched in one pass: which of them a text holds, without where.

    One pass costs as much as one pattern, so it goes before a table whose patterns rarely fit.
    """

    MEMORY = 32 << 20  # bytes, for the states that it has met: forgotten and built anew when that is too little

    def __init__(self, patterns: Iterable[Pattern[Text]]) -> None:
        self.patterns: tuple[Pattern[Text], ...] = tuple(patterns)

    @functools.cached_property
    def _compiled(self) -> Any:
        import re2

        options = re2.Options()
        options.log_errors, options.never_capture, options.max_mem = False, True, self.MEMORY
        if any(isinstance(pattern.text, bytes) for pattern in self.patterns):
            options.encoding = re2.Options.Encoding.LATIN1
        found = re2.Set.SearchSet(options)
        try:
            for pattern in self.patterns:
                found.Add(pattern.text)
            found.Compile()
        except re2.error as error:
            raise ValueError(f"{self!r}: {error}") from None
        return found

    def which(self, text: Text) -> list[int]:
        """The numbers of the patterns that fit somewhere, ascending."""
        return sorted(self._compiled.Match(whole(text)) or ()) if self.patterns else []


def whole(text: Text) -> Text:
    """The text without lone surrogates, which UTF-8 cannot carry, nor RE2, nor JSON."""
    if isinstance(text, bytes) or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
