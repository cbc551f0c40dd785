"""Secrets that the run has been told, found in a text in one pass, however many there are.

A secret that is short, or an ordinary word, or one of our own words, would eat half of a report: "postgres" is a
password on many a machine. It is masked only where it stands as a credential's value.
"""

import base64
import html
import json
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any
from urllib.parse import quote, quote_plus

from oncall.gate.patterns import Pattern, whole

SHORT = 8  # characters: what is shorter stands in too many texts by chance
PROSE = 16  # characters: up to here, letters alone may be a word, and signs without letters a number or a time
LONGEST = 4096  # characters of a secret that are looked for; an RSA key of 4096 bits in PEM has 3,300
MOST = 4000  # secrets; beyond them only the form of a text gives one away
CUT = 40  # characters: a shorter text has not been shortened
SCHEME = Pattern(r"(?i)[a-z][\w+.-]*(?::|%3a)")  # of an address: "postgres:", the beginning of many, tells nothing
BEFORE = Pattern(  # what stands before a credential's value
    r"(?i)(?:passw(?:or)?d|passwd|passphrase|pwd|secret|token|credentials?|key)s?\W{0,3}"
    r"(?:\b(?:is|was|of)\W{1,3})?[\"'(]{0,2}\z"
)


class LearnedSecrets:
    """All secrets of a run, as an index that is made anew when it has grown and is next asked.

    token: takes a secret, gives what stands in its place.
    own: text of ours; a secret that stands in it counts as an ordinary word.
    """

    def __init__(self, token: Callable[[str], str], own: str = "") -> None:
        self._token, self._own = token, own
        self._secrets: dict[str, str] = {}  # secret -> its token
        self.ordinary: dict[str, str] = {}  # as above: masked only as a credential's value
        self.left_out = 0
        self._index: _Index | None = None

    def add(self, secret: str) -> None:
        """From now on this value, and its usual encodings, leave no text."""
        secret = whole(secret[:LONGEST])
        if secret in self._secrets or secret in self.ordinary:
            return
        if len(self._secrets) + len(self.ordinary) >= MOST:
            self.left_out += 1
            return
        (self.ordinary if is_ordinary(secret) or secret in self._own else self._secrets)[secret] = self._token(secret)
        self._index = None

    def spare(self, own: str) -> None:
        """Further text of ours: what stands in it is no secret that could be hidden."""
        self._own += "\n" + own
        for secret in [one for one in self._secrets if one in own]:
            self.ordinary[secret] = self._secrets.pop(secret)
            self._index = None

    def __len__(self) -> int:
        return len(self._secrets) + len(self.ordinary)

    def masked(self, text: str, *, everywhere: bool = False) -> str:
        """The text without them. everywhere: without those alone that no sentence of ours can hold."""
        index = self._index = self._index or _Index(self._secrets, self.ordinary)
        text = index.masked(text)
        return text if everywhere else index.masked_values(text)


def is_ordinary(secret: str) -> bool:
    """Whether the value may stand in a text by chance."""
    if len(secret) < SHORT:
        return True
    letters = [sign for sign in secret if sign.isalpha()]
    if len(secret) < PROSE and not letters:
        return True
    case = secret.lower() if not secret[1:].isupper() else secret.upper()
    plain = all(sign.isalpha() or sign in " _.-" for sign in secret) and secret[1:] == case[1:]
    return plain and len(secret) < PROSE


class _Index:
    """The spellings of all secrets in an automaton (Aho-Corasick), and sorted for those that have been cut."""

    def __init__(self, secrets: dict[str, str], ordinary: dict[str, str]) -> None:
        written: dict[str, str] = {}
        for secret, token in secrets.items():
            for spelling in spellings(secret):
                written.setdefault(spelling, token)
        self._tokens = list(written.values())
        self._whole = _automaton(written)
        bare = {plain: token for spelling, token in written.items() if len(plain := _bare(spelling)) >= SHORT}
        self._bare_tokens = list(bare.values())
        self._bare = _automaton(bare)
        told = [spelling for spelling in written if len(spelling) >= SHORT]
        self._heads, self._tails = _Cut(told, written), _Cut([one[::-1] for one in told], written, backwards=True)
        self._values = _automaton(ordinary)
        self._value_tokens = list(ordinary.values())

    def masked(self, text: str) -> str:
        if self._whole is None:
            return text
        text = _replaced(text, self._tokens, self._whole.find_matches_as_indexes(text))
        pieces = _unbroken(text)
        if len(pieces) > 1 and (found := self._bare.find_matches_as_indexes("".join(pieces))):
            text = _replaced(text, self._bare_tokens, _placed(found, text))
        if len(text) >= CUT:
            text = self._tails.masked(self._heads.masked(text))
        return text

    def masked_values(self, text: str) -> str:
        if self._values is None:
            return text
        found = [
            (number, start, end)
            for number, start, end in self._values.find_matches_as_indexes(text)
            if not text[start - 1 : start].isalnum()
            and not text[end : end + 1].isalnum()
            and BEFORE.search(text[max(0, start - CUT) : start])
        ]
        return _replaced(text, self._value_tokens, found)


class _Cut:
    """The beginnings of secrets where a text has been shortened; turned round, their ends at its beginning."""

    def __init__(self, told: list[str], tokens: dict[str, str], *, backwards: bool = False) -> None:
        self._sorted = sorted(told)
        self._tokens, self._backwards = tokens, backwards
        self._longest = max(map(len, told), default=0)
        self._heads = _automaton(dict.fromkeys(one[:SHORT] for one in told))

    def masked(self, text: str) -> str:
        if self._heads is None:
            return text
        turned = text[::-1] if self._backwards else text
        inner = turned.rstrip(".…")
        first = max(0, len(inner) - self._longest)
        for _, start, _ in self._heads.find_matches_as_indexes(inner[first:], True):
            piece = inner[first + start :]
            near = bisect_left(self._sorted, piece)
            if near == len(self._sorted) or not self._sorted[near].startswith(piece):
                continue
            whole = self._sorted[near][::-1] if self._backwards else self._sorted[near]
            scheme = None if self._backwards else SCHEME.match(whole)
            if scheme and len(piece) <= scheme.end():
                continue
            kept, rest = inner[: first + start], turned[len(inner) :]
            token = self._tokens[whole]
            return rest[::-1] + token + kept[::-1] if self._backwards else kept + token + rest
        return text


def _automaton(words: dict[str, Any]) -> Any:
    if not words:
        return None
    import ahocorasick_rs

    kind = ahocorasick_rs.MatchKind
    same = len({len(word) for word in words}) == 1  # then all places are wanted, also where they overlap
    return ahocorasick_rs.AhoCorasick(
        list(words),
        matchkind=kind.Standard if same else kind.LeftmostLongest,
        implementation=ahocorasick_rs.Implementation.ContiguousNFA,  # its table grows as the words do, a DFA's faster
    )


def _replaced(text: str, tokens: list[str], found: list[tuple[int, int, int]]) -> str:
    if not found:
        return text
    pieces, last = [], 0
    for number, start, end in found:
        if start >= last:
            pieces += [text[last:start], tokens[number]]
            last = end
    return "".join([*pieces, text[last:]])


def _bare(text: str) -> str:
    return "".join(_unbroken(text))


def _unbroken(text: str) -> list[str]:
    """The pieces between blanks, line ends and their escapes: a value may have been wrapped, or put together again."""
    for escape in ("\\n", "\\r", "\\t") if "\\" in text else ():
        text = text.replace(escape, "  ")
    return text.split()


def _placed(found: list[tuple[int, int, int]], text: str) -> list[tuple[int, int, int]]:
    """Places in the unbroken text, as places in the text."""
    for escape in ("\\n", "\\r", "\\t"):
        text = text.replace(escape, "  ")
    pieces = text.split()
    starts, at = [], 0
    for piece in pieces:
        at = text.index(piece, at)
        starts.append(at)
        at += len(piece)
    ends = list(accumulate(map(len, pieces)))

    def place(offset: int) -> int:
        number = bisect_left(ends, offset + 1)
        return starts[number] + offset - (ends[number - 1] if number else 0)

    return [(number, place(start), place(end - 1) + 1) for number, start, end in found]


def spellings(secret: str) -> Iterator[str]:
    """The secret itself and the ways in which programs write it: quoted, escaped, hexadecimal, base64."""
    yield secret
    if len(secret) < SHORT:
        return
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(secret)[1:-1])[1:-1]
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    raw = secret.encode("utf-8", "replace")
    yield raw.hex()
    yield raw.hex().upper()
    for offset in range(3):  # inside a longer text, base64 of a value depends on where it starts: keep what does not
        start, end = (0, 2, 3)[offset], ((offset + len(raw)) * 8 // 6)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(b"\0" * offset + raw).decode()[start:end]
            if len(core) >= SHORT:
                yield core
