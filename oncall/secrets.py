"""Secrets come from the environment, then from a file of NAME=value lines; each one handed out is made known first.

    secrets["ONCALL_PASSWORD"]                       the value, or CouldNotCheck that says where to put it
    secrets.expand("Bearer ${METRICS_TOKEN}")        every ${NAME} filled in, $${ for the signs themselves

The file is read as Compose's `env_file` writes it, without its ${NAME}s filled in. python-dotenv is not used: it
fills them in, and cannot show a value as it was written, which the look at the backend's own secret needs.
"""

import re
from collections.abc import Callable, Mapping
from os.path import isabs, relpath
from pathlib import Path

from oncall.finding import CouldNotCheck

LARGEST_FILE = 1 << 20
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*(.*)")
QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
ESCAPE = re.compile(r"\\([nrt\"\\$])")
ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
REFERENCE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Secrets:
    """Looks secrets up by the names that the target file gives them; shows none of them."""

    def __init__(
        self,
        environ: Mapping[str, str],
        file: Path | None,
        learn: Callable[[str], None],
        token: Callable[[str], str] = lambda secret: "",
    ) -> None:
        self.learn = learn  # for what arises at run time, such as a token: call it before anything else
        self.token = token  # what stands for a secret in a fact: equal only for equal ones of one installation
        self._environ = environ
        self._file = file
        self._written, self._trouble = load(file) if file else ({}, "")

    def __repr__(self) -> str:
        return f"<Secrets of the environment{f' and {shown(self._file)}' if self._file else ''}>"

    def __getitem__(self, name: str) -> str:
        value = self.plain(name)
        self.learn(value)
        return value

    def plain(self, name: str) -> str:
        """A value that is no secret, such as an account's name: an account called "probe" must not mask that word."""
        found = [value for source in (self._environ, self._written) if (value := source.get(name)) is not None]
        for value in found:
            if value.strip():
                return value
        place = f"the environment or into {shown(self._file)}" if self._file else "the environment"
        if self._trouble and self._file:
            raise CouldNotCheck(
                f"{name} is {'empty' if found else 'not set'} in the environment, and {shown(self._file)} "
                f"cannot be read: {self._trouble}"
            )
        raise CouldNotCheck(f"{name} is {'empty' if found else 'not set'}: put it into {place}")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str) -> str | None:
        try:
            return self[name]
        except CouldNotCheck:
            return None

    def expand(self, text: str, **more: str) -> str:
        """The text with each ${NAME} filled in, from `more` first; raises CouldNotCheck for one that is not set."""

        def fill(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return str(escaped)
            if name in more:
                self.learn(more[name])
                return more[name]
            return self[name]

        return REFERENCE.sub(fill, text)


def parse_env_file(text: str) -> dict[str, str]:
    """Each name's value exactly as it is written after the =, quotes, comments, ${...} and all; the last one wins."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    return {found[1]: found[2] for line in lines if (found := ASSIGNMENT.fullmatch(line))}


def meant(written: str) -> str:
    """The value that is meant by what stands after the =: without quotes, escapes and comment."""
    if found := QUOTED.fullmatch(written):
        plain, escaped = found.groups()
        return plain if plain is not None else ESCAPE.sub(lambda match: ESCAPED.get(match[1], match[1]), escaped)
    return re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()


def read_env_file(file: Path) -> dict[str, str]:
    """The values of a file, none when it cannot be read."""
    return load(file)[0]


def load(file: Path) -> tuple[dict[str, str], str]:
    """A file's values, and why it cannot be read; a file that is not there is no trouble."""
    try:
        if file.is_dir():
            return {}, "it is a folder"
        if not file.is_file():
            return {}, "it is not a regular file" if file.exists() else ""
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            return {}, "it is larger than 1 MiB"
        return {name: meant(written) for name, written in parse_env_file(data.decode()).items()}, ""
    except PermissionError:
        return {}, "permission denied"
    except UnicodeDecodeError:
        return {}, "it is not UTF-8 text"
    except OSError as error:
        return {}, (error.strerror or "it is out of reach").lower()
    except ValueError:
        return {}, "its name is not a path"


def shown(file: Path) -> str:
    """The file as a person would name it from here."""
    near = relpath(file) if isabs(file) else str(file)
    return str(file) if near.startswith("..") else near
