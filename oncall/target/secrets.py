"""Secrets come from the environment, then from a file of NAME=value lines; each one handed out is made known first.

    secrets["ONCALL_PASSWORD"]                       the value, or CouldNotCheck that says where to put it
    secrets.expand("Bearer ${METRICS_TOKEN}")        every ${NAME} filled in, $${ for a literal ${

A target file names what it wants, and may come from anybody. Of the environment it reaches variables called ONCALL_*
and those that somebody allows outside of it (`--allow`, ONCALL_ALLOW); of the file that it names itself, all.

python-dotenv's parser finds where an assignment of the file begins and ends. What it means is read here: ${NAME}s are
not filled in, and the look at the backend's own secret needs each value as it was written.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from os.path import isabs, relpath
from pathlib import Path

from msgspec import Struct, field

from oncall.finding import CouldNotCheck
from oncall.gate.patterns import Match, Pattern
from oncall.gate.reading import Unreadable, read_regular

PEM = "-----BEGIN "  # a key; in quotes it may go over several lines
LARGEST_FILE = 256 << 10
OWN = "ONCALL_"  # variables that are ours by their name
ASSIGNMENT = Pattern(r"(?s)\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=[ \t]*(.*)")
ANOTHER = Pattern(r"[ \t](?:export[ \t]+)?([A-Z_][A-Z0-9_]*)=")  # a further assignment within an unquoted value
QUOTED = Pattern(r"""(?s)(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
BEGUN = Pattern(r"(?m)^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=")  # each assignment in what is none
ESCAPE = Pattern(r"\\([nrt\"\\$])")
ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
COMMENT = Pattern(r"(?:^|\s)#")
REFERENCE = Pattern(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
BLANKS = Pattern(r"[\s\x0b\x1c-\x1f\x{85}\pZ]{200}")  # the parser takes time with the square of such a run
SEVERAL = "shares a line with another variable: write one on each line"
UNQUOTED = "begins a text over several lines without quotes: only its first line would be read"
UNFINISHED = "has quotes that do not end where its value ends"


class EnvFile(Struct, frozen=True, kw_only=True):
    """What a file of variables says.

    written: each value exactly as it stands after the =, quotes, comment and all. problems: why the value of a name is
    not known, as words after the name. problem: why the file cannot be read; a file that is not there is no problem.
    """

    written: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def values(self) -> dict[str, str]:
        """Each value as it is meant."""
        return {name: meant(written) for name, written in self.written.items()}


class Secrets:
    """Looks secrets up by the names that the target file gives them; shows none of them."""

    def __init__(
        self,
        environ: Mapping[str, str],
        file: Path | None,
        learn: Callable[[str], None],
        token: Callable[[str], str] = lambda secret: "",
        refused: Collection[str] = (),
    ) -> None:
        self.learn = learn  # for what arises at run time, such as a token: call it before anything else
        self.token = token  # what stands for a secret in a fact: equal only for equal ones of one installation
        self._environ = environ
        self._refused = refused  # names in our environment that the target may not reach
        self._file = file
        self._env_file = load(file) if file else EnvFile()
        self._values = self._env_file.values

    def __repr__(self) -> str:
        return f"<Secrets of the environment{f' and {shown(self._file)}' if self._file else ''}>"

    def __getitem__(self, name: str) -> str:
        value = self.plain(name)
        self.learn(value)
        return value

    def plain(self, name: str) -> str:
        """A value that is no secret, such as an account's name: an account called "probe" must not mask that word."""
        found = [value for source in (self._environ, self._values) if (value := source.get(name)) is not None]
        for value in found:
            if value.strip():
                return value
        place = f"the environment or into {shown(self._file)}" if self._file else "the environment"
        if self._file and (problem := self._env_file.problems.get(name)):
            raise CouldNotCheck(f"{name} in {shown(self._file)} {problem}")
        if name in self._refused:
            raise CouldNotCheck(f"{name} {NOT_ALLOWED.format(name=name)}")
        if self._env_file.problem and self._file:
            raise CouldNotCheck(
                f"{name} is {'empty' if found else 'not set'} in the environment, and {shown(self._file)} "
                f"cannot be read: {self._env_file.problem}"
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

        def fill(match: Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return str(escaped)
            if name in more:
                self.learn(more[name])
                return more[name]
            return self[name]

        return REFERENCE.sub(fill, text)


NOT_ALLOWED = (
    "is not an ONCALL_ variable: rename it, put it into secrets_file, or allow it with --allow {name} or ONCALL_ALLOW"
)


def allowed_names(typed: Iterable[str], environ: Mapping[str, str]) -> frozenset[str]:
    """The variables that a target may reach beside ONCALL_*: what was typed, and what ONCALL_ALLOW holds."""
    words = ",".join([*typed, environ.get("ONCALL_ALLOW", "")])
    return frozenset(words.replace(",", " ").split())


def parted(
    environ: Mapping[str, str], wanted: Iterable[str], allowed: Collection[str]
) -> tuple[dict[str, str], frozenset[str]]:
    """The environment without what the target may not reach, and the names of that.

    wanted: the names that the target says. What a probe asks for by a name of its own is as trusted as the probe.
    """
    refused = {name for name in wanted if name in environ and not name.startswith(OWN) and name not in allowed}
    return {name: value for name, value in environ.items() if name not in refused}, frozenset(refused)


def parse_env_file(text: str) -> EnvFile:
    """What a file's text says; of a name that stands there twice, the last one counts."""
    from io import StringIO

    from dotenv.parser import parse_stream

    if BLANKS.search(text):
        return EnvFile(problem="it holds more than 200 blanks in a row")
    written: dict[str, str] = {}
    problems: dict[str, str] = {}
    for binding in parse_stream(StringIO(text.removeprefix("\ufeff"))):
        original = binding.original.string.rstrip("\r\n")
        if binding.error:
            problems |= {found[1]: UNFINISHED for found in BEGUN.finditer(original)}
        elif binding.value is not None and (found := ASSIGNMENT.fullmatch(original)):
            name, value = found[1], found[2]
            others = _others(name, value)
            written[name] = value
            problems.pop(name, None)
            if value.startswith(PEM) and "\n" not in value:
                problems[name] = UNQUOTED
            problems |= {one: SEVERAL for one in (name, *others) if others}
    return EnvFile(written={name: one for name, one in written.items() if name not in problems}, problems=problems)


def _others(name: str, value: str) -> list[str]:
    """The variables that are assigned within the value of another, as a shell would: A=1 B=2."""
    if not name.isupper() or value.startswith(("'", '"')):
        return []  # "dsn=host=db port=1" is one
    return [found[1] for found in ANOTHER.finditer(COMMENT.split(value, 1)[0])]


def meant(written: str) -> str:
    """The value that is meant by what stands after the =: without quotes, escapes and comment."""
    if found := QUOTED.fullmatch(written):
        plain, escaped = found.groups()
        return plain if plain is not None else ESCAPE.sub(lambda match: ESCAPED.get(match[1], match[1]), escaped)
    return COMMENT.split(written, 1)[0].strip()


def read_env_file(file: Path) -> dict[str, str]:
    """The values of a file, none when it cannot be read."""
    return load(file).values


def load(file: Path) -> EnvFile:
    """What a file says; of one that cannot be read, why."""
    try:
        return parse_env_file(read_regular(file, LARGEST_FILE).decode())
    except Unreadable as error:
        return EnvFile(problem="" if error.missing else str(error))
    except UnicodeDecodeError:
        return EnvFile(problem="it is not UTF-8 text")


def shown(file: Path) -> str:
    """The file as a person would name it from here."""
    near = relpath(file) if isabs(file) else str(file)
    return str(file) if near.startswith("..") else near
