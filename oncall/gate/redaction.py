"""Secrets become salted tokens, personal data becomes a mask, in every value from outside, where it becomes a fact.

Only foreign values are masked, once, at that edge (`snapshot.through`, the reason of a probe that could not look, its
log): never our own words, keys, node ids, paths, commands or times. What is learned after a value has passed is taken
out of it at the end, by `known` alone, which touches nothing that a sentence of ours can hold.

Two secrets that are equal have equal tokens within one installation; the salt never leaves it.
"""

import hashlib
import hmac
import os
import secrets as randomness
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from oncall.gate.learned_secrets import LearnedSecrets
from oncall.gate.patterns import Pattern, whole
from oncall.gate.secret_forms import masked_forms

REMEMBERED = 2000  # longer texts are told once, and would fill the memory


class Redactor:
    """Takes secrets out of foreign text.

    salt: bytes of this installation; equal secrets get equal tokens only under the same salt.
    """

    def __init__(self, salt: bytes):
        self._salt = salt
        self._learned = LearnedSecrets(self.token)
        self._told: dict[str, str] = {}  # what texts became: a run says most of its texts many times
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}  # secret -> the variable that holds it

    def learn(self, secret: str, name: str = "") -> None:
        """From now on this value, and its usual encodings, leave no text. name: the variable that holds it.

        Of a value longer than 4,096 characters that much is learned, and 4,000 values at most.
        """
        if not secret.strip() or len(secret) < 3:
            return  # a blank or a single letter is no secret, and masking it would eat every text
        with self._lock:
            before = len(self._learned)
            self._learned.add(secret)
            if len(self._learned) > before:
                self._told = {}
                self._names[secret] = name

    def spare(self, own: str) -> None:
        """Text of ours, such as names of checks and of parts: a secret that stands in it counts as an ordinary word."""
        with self._lock:
            self._learned.spare(own)
            self._told = {}

    def token(self, secret: str) -> str:
        """What stands for a secret: `<secret 3fa91c>`."""
        digest = hmac.new(self._salt, secret.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        return f"<secret {digest[:6]}>"

    def __call__(self, text: str) -> str:
        """A foreign text without secrets, taught or known by their form. Costs what the text is long."""
        told = self._told
        if text in told:
            return told[text]
        with self._lock:
            masked = self._learned.masked(whole(text))
        masked = masked_forms(masked)
        if len(text) < REMEMBERED and len(told) < 10_000:
            told[text] = masked
        return masked

    def known(self, text: str) -> str:
        """The text without those secrets alone that were taught and that no sentence of ours can hold by chance."""
        with self._lock:
            return self._learned.masked(whole(text), everywhere=True)

    @property
    def ordinary(self) -> tuple[str, ...]:
        """The variables whose secrets are short or ordinary words, so that they are masked as a credential alone."""
        return tuple(sorted({name for secret in self._learned.ordinary if (name := self._names.get(secret, ""))}))

    @property
    def left_out(self) -> int:
        """How many secrets were too many to be learned."""
        return self._learned.left_out


def installation_salt(folder: Path | None = None) -> bytes:
    """This installation's salt, mode 0600; a random one for this run where no file can be kept."""
    try:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        file = (folder or Path(state) / "pytest-oncall") / "salt"
    except RuntimeError:  # no HOME, and a user whom nobody knows, as in many containers
        return randomness.token_bytes(32)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as new:
            new.write(randomness.token_bytes(32))
    except FileExistsError:
        pass
    except OSError:
        return randomness.token_bytes(32)
    try:
        return file.read_bytes() or randomness.token_bytes(32)
    except OSError:
        return randomness.token_bytes(32)


NAMED_SECRET = Pattern(r"(?i)secret|passw|token|api_?key|private|credential|salt|dsn|database_url|_pw$|_pass$")
IN_ADDRESS = Pattern(r"(?s)\A\w[\w+.-]*://[^/:@\s]*:(.+)@[^@]*\z")


def likely_secrets(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The name and the value of NAME=value pairs that are secrets by their name, or that an address carries."""
    for name, value in variables.items():
        value = value.strip().strip("'\"")
        if found := IN_ADDRESS.search(value) if "://" in value else None:
            yield name, found[1]
            yield name, unquote(found[1])
        if NAMED_SECRET.search(name) and value and not Path(value).is_absolute():
            yield name, value
