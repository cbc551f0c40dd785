"""Secrets become salted tokens, personal data becomes a mask: in every fact, and once more in every output.

Two secrets that are equal have equal tokens within one installation; the salt never leaves it.
"""

import base64
import hashlib
import hmac
import html
import json
import os
import re
import secrets as randomness
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

SHORT = 8  # a shorter secret is masked as a whole word only: "test" must not eat the middle of "latest"
REMEMBERED = 2000  # longer texts are told once, and would fill the memory
CUT = 40  # a shorter text has not been shortened
SCHEME = re.compile(r"[a-z][\w+.-]*(?=:|%3a)", re.IGNORECASE)  # of an address, as it is and as a query writes it
BREAK = re.compile(r"(?:\s|\\[rnt])+")  # where a value is wrapped, in a text or in an escape, or was put together again

PATTERNS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"\beyJ[\w-]{5,}\.[\w-]{2,}(?:\.[\w-]*)?", "<jwt>"),
        (r"(?i)\b(bearer|basic)(\s+|%20)[\w.~+/=-]{6,}", r"\1\2<token>"),
        (r"(://[^\s/:@'\"<>]*:)[^\s/'\"<>]+(@)", r"\1<password>\2"),
        (
            r"(?i)(\b(?:password|passwd|pgpassword|client_secret|api_?key|access_token|refresh_token)['\"]?\s*[=:]\s*)"
            r"(['\"]?)[^\s'\",;&<>]+",
            r"\1\2<secret>",
        ),
        (r"(?i)([?&](?:token|key|secret|password|code)=)[^\s&'\"<>]+", r"\1<secret>"),
        (r"(?i)(\bpassword\s+(?:E)?)'(?:[^']|'')*'", r"\1'<secret>'"),
        (r"(?<![\w.+/-])[\w.+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", "<e-mail>"),
    )
)
SQL = re.compile(
    r"(?i)\b(?:select\b.*\bfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|copy\s+\S+\s+(?:from|to)"
    r"|(?:alter|create)\s+(?:role|user|table|database))\b"
)
LITERAL = re.compile(r"'(?:[^'\n]|'')*'")


class Redactor:
    """Takes secrets out of text.

    salt: bytes of this installation; equal secrets get equal tokens only under the same salt.
    """

    def __init__(self, salt: bytes):
        self._salt = salt
        # spelling -> token, longest first, and what texts became under them: a run says most of its texts many times.
        # Replaced as a whole and together, so reading needs no lock.
        self._known: tuple[dict[str, str], dict[str, str]] = {}, {}
        self._lock = threading.Lock()

    def learn(self, secret: str) -> None:
        """From now on this value, and its usual encodings, leave no text."""
        if not secret.strip() or len(secret) < 3:
            return  # a blank or a single letter is no secret, and masking it would eat every text
        with self._lock:
            tokens, _ = self._known
            if secret not in tokens:
                new = dict.fromkeys(spellings(secret), self.token(secret)) | tokens
                self._known = {spelling: new[spelling] for spelling in sorted(new, key=len, reverse=True)}, {}

    def token(self, secret: str) -> str:
        """What stands for a secret: `<secret 3fa91c>`."""
        digest = hmac.new(self._salt, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return f"<secret {digest[:6]}>"

    def __call__(self, text: str) -> str:
        tokens, told = self._known
        if text in told:
            return told[text]
        masked = _masked(text, tokens)
        if len(text) < REMEMBERED and len(told) < 10_000:
            told[text] = masked
        return masked


def _masked(text: str, tokens: Mapping[str, str]) -> str:
    """The text with every spelling replaced by its token, and every pattern by its mask."""
    unwrapped = BREAK.sub("", text)
    for spelling, token in tokens.items():
        if spelling in text:
            text = text.replace(spelling, token) if len(spelling) >= SHORT else _word(spelling).sub(token, text)
        if len(spelling) < SHORT:
            continue
        bare = _bare(spelling)
        if bare in unwrapped and len(bare) >= SHORT:
            text = _wrapped(bare).sub(token, text)
        if len(text) >= CUT and (spelling[:SHORT] in text or spelling[-SHORT:] in text):
            text = _ends(text, spelling, token)
    for pattern, mask in PATTERNS:
        text = pattern.sub(mask, text)
    if "'" in text and SQL.search(text):
        text = "".join(LITERAL.sub("'?'", line) if SQL.search(line) else line for line in text.splitlines(True))
    return text


def _ends(text: str, spelling: str, token: str) -> str:
    """The text without the piece of a spelling at its end or beginning, where somebody has shortened it."""
    inner = text.rstrip(".…")
    at = inner.rfind(spelling[:SHORT], max(0, len(inner) - len(spelling)))
    scheme = SCHEME.match(spelling)  # "postgres", the beginning of many addresses, tells nothing
    if at >= 0 and spelling.startswith(inner[at:]) and len(inner) - at > (scheme.end() if scheme else 0):
        text = text[:at] + token + text[len(inner) :]
    inner = text.lstrip(".…")
    end = inner.find(spelling[-SHORT:], 0, len(spelling)) + SHORT
    if end >= SHORT and spelling.endswith(inner[:end]):
        text = text[: len(text) - len(inner)] + token + inner[end:]
    return text


@lru_cache(2048)
def _bare(spelling: str) -> str:
    return BREAK.sub("", spelling)


@lru_cache(256)
def _word(spelling: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(spelling)}(?!\w)")


@lru_cache(256)
def _wrapped(spelling: str) -> re.Pattern[str]:
    return re.compile(f"(?:{BREAK.pattern})?".join(map(re.escape, spelling)))


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


def installation_salt(folder: Path | None = None) -> bytes:
    """This installation's salt, mode 0600; a random one for this run where no file can be kept."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    file = (folder or Path(state) / "pytest-oncall") / "salt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:
            new.write(randomness.token_bytes(32))
    except FileExistsError:
        pass
    except (OSError, RuntimeError):
        return randomness.token_bytes(32)
    try:
        return file.read_bytes() or randomness.token_bytes(32)
    except OSError:
        return randomness.token_bytes(32)


NAMED_SECRET = re.compile(r"(?i)secret|passw|token|api_?key|private|credential|salt|dsn|database_url|_pw$|_pass$")


def likely_secrets(variables: Mapping[str, str]) -> Iterator[str]:
    """The values among NAME=value pairs that are secrets by their name, or that an address carries as its password."""
    for name, value in variables.items():
        value = value.strip().strip("'\"")
        password = _password_in(value)
        if password:
            yield password
            yield unquote(password)
        if NAMED_SECRET.search(name) and value and not Path(value).is_absolute():
            yield value


def _password_in(address: str) -> str | None:
    found = re.match(r"\w[\w+.-]*://[^/:@\s]*:(.+)@[^@]*$", address, re.DOTALL)
    return found.group(1) if found else None
