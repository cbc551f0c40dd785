"""The gate through which every value from outside becomes part of a fact: bounded first, then masked.

What a fact's own type spells out (the names of its fields, the words of its literals) is ours, whoever has sent it,
and stays as it is.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from oncall.finding import CouldNotCheck
from oncall.gate.patterns import whole

LONGEST_TEXT = 16_384  # characters of one value: four terminal pages, more than anybody reads at night
MOST_VALUES = 200_000  # in one fact: 5,000 log lines of 40 values
DEEPEST = 40  # levels: the deepest record of ours has 5

Redact = Callable[[str], str]


def gated(plain: Any, kind: type, redact: Redact) -> Any:
    """A record's plain data (as msgspec.to_builtins gives it) as it may be kept.

    Texts are cut to 16,384 characters. Raises CouldNotCheck when it is nested more than 40 deep or holds more than
    200,000 values.
    """
    return _Gate(kind, redact).value(plain, 0)


def clean(plain: Any, redact: Redact) -> Any:
    """Plain data with every text but the keys redacted, and without the lone surrogates that JSON cannot carry."""
    if isinstance(plain, str):
        return redact(whole(plain))
    if isinstance(plain, Mapping):
        return {whole(key) if isinstance(key, str) else key: clean(value, redact) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return type(plain)(clean(value, redact) for value in plain)
    return plain


class _Gate:
    def __init__(self, kind: type, redact: Redact) -> None:
        self.kind, self.redact, self.left = kind, redact, MOST_VALUES

    def value(self, plain: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise CouldNotCheck(f"the answer holds more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            raise CouldNotCheck(f"the answer is nested more than {DEEPEST} deep")
        if isinstance(plain, str):
            return self.text(plain)
        if isinstance(plain, Mapping):
            return {self.key(key): self.value(value, depth + 1) for key, value in plain.items()}
        if isinstance(plain, list | tuple):
            return [self.value(value, depth + 1) for value in plain]
        return plain

    def key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key

    def text(self, text: str) -> str:
        if len(text) > LONGEST_TEXT:
            text = text[:LONGEST_TEXT]
        text = whole(text)
        masked = self.redact(text)
        return text if masked != text and text in own_words(self.kind) else masked


@cache
def own_words(kind: Any) -> frozenset[str]:
    """The names and the words that a record's type spells out, those of the records in it among them."""
    return frozenset(_spelled(kind, set()))


def _spelled(kind: Any, seen: set[Any]) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind in seen:
            return
        seen.add(kind)
        for field in msgspec.structs.fields(kind):
            yield field.name
            yield from _spelled(field.type, seen)
    elif get_origin(kind) is Literal:
        yield from (word for word in get_args(kind) if isinstance(word, str))
    else:
        for part in get_args(kind):
            yield from _spelled(part, seen)
