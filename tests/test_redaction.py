"""No secret leaves, however a program wrote it; no person's data either."""

import base64
import html
import json
import stat
from urllib.parse import quote, quote_plus

import pytest

from oncall.gate.redaction import Redactor, installation_salt, likely_secrets

SECRET = 'p@ss/w0rd: "Zürich"+9'
WAYS = {
    "plain": SECRET,
    "url": quote(SECRET, safe=""),
    "url-path": quote(SECRET),
    "form": quote_plus(SECRET),
    "json": json.dumps(SECRET),
    "json-unicode": json.dumps(SECRET, ensure_ascii=False),
    "html": html.escape(SECRET),
    "repr": repr({"password": SECRET}),
    "hex": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64-urlsafe": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "basic-auth": base64.b64encode(f"user:{SECRET}".encode()).decode(),
    "basic-auth-odd": base64.b64encode(f"users:{SECRET}!".encode()).decode(),
    "two-lines": SECRET[:9] + "\n    " + SECRET[9:],
    "escaped-newline": SECRET[:9] + "\\n" + SECRET[9:],
    "in-a-dsn": f"postgres://app:{SECRET}@db:5432/shop",
}


@pytest.fixture
def redact():
    redactor = Redactor(b"salt")
    redactor.learn(SECRET)
    return redactor


@pytest.mark.parametrize("way", WAYS)
def test_secret_leaves_in_no_spelling(redact, way):
    """Quoted, escaped, encoded or wrapped: at most a few letters of an encoding's edge remain."""
    text = redact(f"before {WAYS[way]} after")

    assert "<secret " in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    middle = len(WAYS[way]) // 2
    for piece in (SECRET[:6], SECRET[-6:], WAYS[way][middle - 3 : middle + 5]):
        assert piece not in text


def test_equal_secrets_have_equal_tokens_and_the_salt_decides(redact):
    """Two replicas with one secret can be seen to agree; two installations cannot be compared."""
    assert redact.token("a" * 32) == redact.token("a" * 32) != redact.token("b" * 32)
    assert Redactor(b"other").token("a" * 32) != redact.token("a" * 32)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer abc.def-123456", "abc.def"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig was refused", "eyJ"),
        ("login of jane.doe+shop@mail.example.com failed", "jane"),
        ("ALTER ROLE app PASSWORD 'hunter2'", "hunter2"),
        ("SELECT * FROM users WHERE email = 'x' AND pin = '4711'", "4711"),
        ("postgres://app:hunt@er2@db/shop", "er2"),
        ("GET /realtime?token=abcdef HTTP/1.1", "abcdef"),
        ('{"password": "hunter2"}', "hunter2"),
        ("password=2026-11-25 is refused", "2026-11-25"),
        ("password: 10:12:33x", "10:12"),
    ],
)
def test_personal_data_and_credentials_are_masked_by_their_shape(text, gone):
    """Nobody told us these secrets; their shape gives them away."""
    assert gone not in Redactor(b"salt")(text)


@pytest.mark.parametrize(
    "text",
    [
        "backend answers 503: database is 'error'",
        "ssh://deploy@shop.example is looked at",
        "only 3 of 100 connection slots are free (idle=97)",
        "test_jwt_secret_is_set",
        "JWT_SECRET is not set: put it into the environment or .env",
        "the database refuses its password=2026-11-25 10:12:33.123 UTC",
        "last refusal of the password: 10:12:33 UTC, token=2026-11-25T10:12:33Z",
        "held by=pid 257 (nightly-report), idle in transaction for 41 s: UPDATE tasks SET title = ? WHERE id = ?",
    ],
)
def test_what_people_must_read_stays(text):
    """A report that masks its own words helps nobody."""
    redact = Redactor(b"salt")
    redact.learn("test")

    assert redact(text) == text


@pytest.mark.parametrize("word", ["test", "postgres", "answered", "passed", "confirmed", "2026-11-29", "1234567"])
def test_ordinary_word_is_masked_as_a_credential_alone(word):
    """The playbook's own example password is 'test'; it must not eat half of the report."""
    redact = Redactor(b"salt")
    redact.learn(word, "SOME_TOKEN")

    for text in (f"password is {word}", f"password={word}", f'"secret": "{word}"', f"x://u:{word}@db"):
        assert word not in redact(text).replace("<", " ").split(), text
    for text in (f"the {word} of the run", f"test_{word}[{word}]", f"{word} {word}"):
        assert redact(text) == text


def test_beginning_of_an_address_is_no_secret():
    """A secret address begins as many do: a command that ends with a service's name stays whole."""
    redact = Redactor(b"salt")
    redact.learn("postgresql://app:hunter2-hunter2@db/motel")
    command = "docker-compose logs --tail=100 --timestamps postgres"

    assert redact(command) == command
    assert "app:hunter2" not in redact("cannot connect, the address was given as postgresql://app:hunter2")


def test_redacting_twice_changes_nothing(redact):
    """Facts are cleaned when they arrive, and again when they leave."""
    once = redact(f"{SECRET} and Bearer abcdefgh and jane@mail.example.com")

    assert redact(once) == once


def test_secrets_are_recognised_by_name_or_inside_an_address():
    """What the environment calls a secret is one, and so is the password of an address."""
    found = set(likely_secrets({"DATABASE_URL": "postgres://a:x%40y@z@db/d", "JWT_SECRET": "s3", "PORT": "3001"}))

    assert {("DATABASE_URL", "x%40y@z"), ("DATABASE_URL", "x@y@z"), ("JWT_SECRET", "s3")} <= found
    assert "3001" not in {value for _, value in found}


def test_salt_is_kept_private_and_stays_the_same(tmp_path):
    """One salt an installation, readable by its owner only."""
    salt = installation_salt(tmp_path / "state")

    assert installation_salt(tmp_path / "state") == salt
    assert stat.S_IMODE((tmp_path / "state" / "salt").stat().st_mode) == 0o600
