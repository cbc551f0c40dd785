"""No text makes a pattern hang: every pattern of the tree, found by itself, on texts made to be costly for it."""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest

import oncall
from oncall.gate import learned_secrets, redaction, secret_forms, sql_text
from oncall.gate.patterns import Pattern
from oncall.target import schema as config
from tests.security.worst_cases import LINEAR, SLACK, growth, texts

OURS = {"oncall.playbook.reading"}  # PLAYBOOK.md is part of the suite: whoever can write it can write the checks


def modules():
    for found in pkgutil.walk_packages(oncall.__path__, "oncall."):
        if found.name not in OURS:
            yield importlib.import_module(found.name)


def in_use(value, seen, depth=0) -> Iterator[object]:
    """The patterns that a module holds, also inside of its tables and records.

    seen: what was met, by id, and held: the id of what is gone is given to something else.
    """
    if id(value) in seen or depth > 4:
        return
    seen[id(value)] = value
    if isinstance(value, Pattern | re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset | set):
        for one in value:
            yield from in_use(one, seen, depth + 1)
    elif isinstance(value, dict):
        yield from in_use(list(value.values()), seen, depth + 1)
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from in_use(getattr(value, field.name), seen, depth + 1)
        if hasattr(type(value), "pattern"):  # compiled when first used
            yield from in_use(value.pattern, seen, depth + 1)


def rules(kind, seen) -> Iterator[str]:
    """The patterns that a target file's values are held against."""
    for meta in getattr(kind, "__metadata__", ()):
        if getattr(meta, "pattern", None):
            yield meta.pattern
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in seen:
            seen.add(kind)
            for field in msgspec.structs.fields(kind):
                yield from rules(field.type, seen)
    else:
        for part in get_args(kind):
            yield from rules(part, seen)


def every() -> dict[tuple[str, str, object], object]:
    seen: dict[int, object] = {}
    found = [pattern for module in modules() for pattern in in_use(list(vars(module).values()), seen)]
    found += [pattern for pattern in Pattern.EVERY if pattern not in found]
    named = {}
    for pattern in found:
        text = pattern.text if isinstance(pattern, Pattern) else pattern.pattern
        named[(type(pattern).__module__, repr(text), getattr(pattern, "flags", 0))] = pattern
    for rule in sorted({*rules(config.Stack, set()), *rules(config.Limits, set()), *rules(config.Accepted, set())}):
        named[("msgspec", repr(rule), 0)] = re.compile(rule)
    return dict(sorted(named.items(), key=repr))


EVERY = every()


def test_patterns_are_found():
    """An empty list would prove nothing."""
    assert len([key for key in EVERY if key[0] == "oncall.gate.patterns"]) > 30
    assert len([key for key in EVERY if key[0] == "msgspec"]) > 20


@pytest.mark.parametrize("key", EVERY, ids=[f"{number}-{key[0]}-{key[1][:40]}" for number, key in enumerate(EVERY)])
def test_cost_of_a_pattern_grows_as_the_text_does(key):
    """Searching once, and replacing everywhere, in texts that are bad for this very pattern."""
    pattern = EVERY[key]
    raw = pattern.text if isinstance(pattern, Pattern) else pattern.pattern
    plain = raw.decode("latin-1") if isinstance(raw, bytes) else raw

    def search(text):
        pattern.search(text.encode("latin-1", "replace") if isinstance(raw, bytes) else text)

    def replace(text):
        pattern.sub(
            b"" if isinstance(raw, bytes) else "", text.encode("latin-1", "replace") if isinstance(raw, bytes) else text
        )

    for make in texts(plain):
        for work in (search,) if key[0] == "msgspec" else (search, replace):
            ratio, seconds = growth(work, make)
            assert ratio <= LINEAR * SLACK, f"{work.__name__} in {make(60)!r}: {ratio:.1f} times, {seconds:.3f} s"
            assert seconds < 1.0, make(60)


SECRET = "AbCdEfGh12-" * 20
SCANNERS = {
    "secrets learned": lambda: _learned(),
    "forms": lambda: secret_forms.masked_forms,
    "redactor": lambda: _redactor(),
    "statement": lambda: functools.partial(sql_text.hidden, statement=True),
    "message": lambda: functools.partial(sql_text.hidden, statement=False),
}
TEXTS = {
    "letters": "a", "blanks": " ", "quotes": "'", "css": "/*a", "jwt": "/eyJ-", "jwt parts": "eyJhbGciOiJIUzI1NiJ9.",
    "sql": "'select ", "sql from": "select from ", "srcset": ",", "address": "a://b:", "at": "a@", "mail": "a@b.cc ",
    "secret": SECRET, "piece": SECRET[:8], "backwards": SECRET[::-1], "escapes": "\\n",
    "pem": "-----BEGIN PRIVATE KEY-----",
    "digits": "4", "phone": "+1", "names": "password", "pairs": "password=", "cookie": "cookie: ", "dollars": "$$",
    "umlauts": "ü", "key": "Key (", "row": "failing row contains ", "iban": "DE89", "upper": "AKIA",
}  # fmt: skip


def _learned():
    secrets = learned_secrets.LearnedSecrets(lambda secret: "<s>")
    secrets.add(SECRET)
    secrets.add("postgres")
    for number in range(50):
        secrets.add(f"{SECRET}{number}")
    return secrets.masked


def _redactor():
    redactor = redaction.Redactor(b"salt")
    redactor.learn(SECRET)
    return redactor


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("scanner", SCANNERS)
def test_cost_of_a_scanner_grows_as_the_text_does(scanner, text):
    """What is not one pattern: the passes over a text."""
    work, unit = SCANNERS[scanner](), TEXTS[text]
    ratio, seconds = growth(work, lambda length: unit * (length // len(unit)) + "\0")

    assert ratio <= LINEAR * SLACK, f"{ratio:.1f} times, {seconds:.3f} s"
    assert seconds < 1.0
