"""Attack A11: a target file that is large, deep or full of tricks. A10: one that wants what is not its own."""

import random
import re
import time

import msgspec
import pytest

from oncall import config
from oncall.target import TargetError, read_target


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a target file."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "oncall.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        return path

    return write


def problems_of(path):
    """The sentences, none where the file is a target; no other exception, nothing that a terminal would obey."""
    try:
        read_target(path)
    except TargetError as error:
        problems = error.problems
    else:
        return ()
    assert problems
    assert len(problems) <= 21
    assert all(len(problem) < 1000 and problem.isprintable() for problem in problems), problems
    return problems


def refused(path, seconds=2.0):
    """The sentences, which come soon."""
    began = time.process_time()
    problems = problems_of(path)
    took = time.process_time() - began

    assert took < seconds, f"{took:.2f} s"
    assert problems
    return problems


ENDPOINT = '[[backend.endpoints]]\nname = "{}"\npath = "/"\n'
ATTACKS = {
    "unknown keys": ("".join(f"key_{number} = 1\n" for number in range(60_000)), "and 59,980 more"),
    "unknown keys below": ("[backend]\n" + "".join(f"key_{number} = 1\n" for number in range(60_000)), "more"),
    "keys like known ones": ("".join(f"backend_url{number} = 1\n" for number in range(40_000)), "and 39,980 more"),
    "long keys": ("".join(f"{'k' * 9000}{number} = 1\n" for number in range(100)), "and 80 more"),
    "long key": (f"{'k' * 1_000_000} = 1\n", "is not a key"),
    "dotted key": (".".join(["a"] * 200_000) + " = 1\n", "line 1: has a key of more than 12 parts"),
    "dotted quoted key": ("\n" + ".".join(["'a b'"] * 100_000) + " = 1\n", "line 2: has a key of more than 12 parts"),
    "dotted key with blanks": (" . ".join(["a"] * 100_000) + " = 1\n", "more than 12 parts"),
    "dotted header": ("[" + ".".join(["a"] * 200_000) + "]\n", "more than 12 parts"),
    "dotted key in a table": ("a = { " + ".".join(["a"] * 200_000) + " = 1 }\n", "more than 12 parts"),
    "many dotted keys": ("".join(f"k{n}.{'.'.join('a' * 11)} = 1\n" for n in range(20_000)), "and 19,980 more"),
    "deep list": ("a = " + "[" * 400_000, "nested too deeply"),
    "deep table": ("a = " + "{a = " * 200_000, "nested too deeply"),
    "deep body": (f"[auth]\nlogin_extra = {{ a = {'[' * 300}{']' * 300} }}", "nested too deeply"),
    "endless number": ("a = " + "9" * 1_000_000, "too long"),
    "endpoints": ("".join(map(ENDPOINT.format, range(20_000))), "holds 20000 entries, more than 200"),
    "components": ("".join(f'[components.c{n}]\nservice = "s"\n' for n in range(20_000)), "more than 200"),
    "headers": (f"[backend.health]\nheaders = {{ {', '.join(f'h{n} = 1' for n in range(50_000))} }}", "more than 200"),
    "list": (f"[host]\nfilesystems = [{'1,' * 400_000}]", "holds 400000 entries, more than 200"),
    "long text": (f'name = "{"a" * 1_000_000}"', "longer than 8192 characters"),
    "address": (f'[backend]\nurl = "http://{"://:" * 2000}"', "backend.url"),
    "twice": (f"{'k' * 400_000} = 1\n{'k' * 400_000} = 2\n", "cannot overwrite"),
    "host in brackets": ('[docker]\nhost = "ssh://[abc"', "docker.host must have a valid host"),
    "host without end": ('[host]\nat = "ssh://[abc"', "host.at must"),
    "override": ('"a\u202eb" = 1', r'"a\u202eb" is not a key'),
    "control": ('"a\\u009b31mb" = 1', r'"a\u009b31mb" is not a key'),
    "value": ('name = "a\u202eb\u2066"', r"a\u202eb\u2066"),
    "word": ('ab\\u202e = "x"', "line 1"),
    "surrogate": (b'name = "\xed\xa0\x80"', "is not UTF-8"),
    "null": ('name = "a\\u0000"', "name must"),
    "nulls": (b"\0" * 1_000_000, "line 1"),
}


@pytest.mark.parametrize(("text", "words"), ATTACKS.values(), ids=ATTACKS)
def test_hostile_file_is_refused_soon_and_in_few_words(file, text, words):
    """Exit 4 within two seconds of computing, twenty sentences at most."""
    assert words in "\n".join(refused(file(text)))


HOSTILE_TEXTS = [
    piece * (8192 // len(piece)) + end
    for piece in (" ", "a", "://:", "a:", "token=", "token=$", '"token": "', "eyJ-", "eyJ-.eyJ", "${", "$${A", "-a")
    for end in ("", "\x01", "!", "@")
] + ["ssh://" + "a" * 8000 + "@", "http://" + "a." * 4000, "wss://" + "[" * 8000, "::" * 4000, "a:" + "1" * 8000]


def test_no_rule_for_a_text_takes_long():
    """The patterns of oncall/config.py run on Python's `re`, so none of them may try a text in many ways."""
    for name, kind in vars(config).items():
        for rule in (meta for meta in getattr(kind, "__metadata__", ()) if getattr(meta, "pattern", None)):
            pattern = re.compile(rule.pattern)
            for text in HOSTILE_TEXTS:
                began = time.process_time()
                pattern.search(text)
                took = time.process_time() - began
                assert took < 0.05, f"{name}: {took:.2f} s for {text[:20]!r}"


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=range(len(HOSTILE_TEXTS)))
def test_no_text_takes_long_in_any_key(file, text):
    """Each kind of key, with the longest text that is read at all."""
    value = msgspec.json.encode(text).decode()
    places = ["name", "backend.url", "host.at", "docker.host", "websocket.first_message", "frontend.path"]
    places += ["backend.health.headers.x-a", "auth.login_extra.a", "postgres.host", "websocket.origin"]
    places += ["postgres.password", "backend.health.status_key", "websocket.token_prefix", "host.backup_reader"]
    began = time.process_time()
    for place in places:
        problems_of(file(f"{place} = {value}"))
    assert time.process_time() - began < 2.0


WORDS = (
    *("backend", "auth", "host", "limits", "accepted", "components", "endpoints", "url", "name", "absent", "headers"),
    *(".", ".", "=", "=", "[", "]", "[[", "]]", "{", "}", ",", "\n", "\n", " ", '"', "'", '"""', "#", "\\", "\\u202e"),
    *('"x"', "1", "-1", "1e400", "inf", "nan", "true", "2026-01-01", "0001-01-01", "07:30:00", "[1]", "{ a = 1 }", "é"),
)


def test_random_files_end_in_a_target_or_in_sentences(file):
    """Nothing that a file may hold is a traceback."""
    dice = random.Random(20261129)
    for _ in range(1500):
        lines = [f"{dice.choice(WORDS)} = {dice.choice(WORDS)}\n" for _ in range(dice.randrange(3))]
        text = "".join(lines) + "".join(dice.choices(WORDS, k=dice.randrange(20)))
        problems_of(file(text))


KEYS = [field.name for field in msgspec.structs.fields(config.Stack)] + ["limits", "accepted"]
VALUES = [
    '"x"',
    "1",
    "-1",
    "1e400",
    "nan",
    "true",
    "2026-01-01",
    "07:30:00",
    "[]",
    "[[1]]",
    "{}",
    "{ a = { b = 1 } }",
    '""',
]


def test_any_type_at_any_place_ends_in_sentences(file):
    """Each table of the file, and each key of each table, with every type that TOML has."""
    for key in KEYS:
        kind = {"limits": config.Limits}.get(key) or getattr(config.Stack(), key, None)
        below = (
            [f"{key}.{field.name}" for field in msgspec.structs.fields(kind)]
            if hasattr(kind, "__struct_fields__")
            else []
        )
        for place in [key, *below]:
            for value in VALUES:
                problems_of(file(f"{place} = {value}"))
