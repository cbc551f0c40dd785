"""A TOML table becomes a record of oncall/target/schema.py, or one sentence for every key that is wrong.

Leaves are judged by msgspec; this file walks, finds the words, and keeps secrets out of the file and out of the words.
A file may be hostile: what is read and what is said of it are bounded, and what is shown of it is escaped.
"""

import functools
import string
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import FieldInfo, fields, replace

from oncall.gate.patterns import Pattern
from oncall.target.kinds import KINDS
from oncall.target.schema import Part

WRONG: Any = object()
Place = tuple[str | int, ...]

MOST_PROBLEMS = 20  # sentences; the others are counted
LONGEST_TEXT = 8192  # characters of one value
MOST_ITEMS = 200  # of a list or a table whose keys are free
DEEPEST = 16  # parts of a place within a JSON body
LONGEST_GUESS = 64  # characters of a key that "did you mean" compares

SECRET_KEY = Pattern(r"(?i)(^|[_-])(pass|passwd|password|passphrase|pwd|secret|token|dsn|(api|private)[_-]?key)\z")
SECRET_NAME = Pattern(r"(?i)authorization|cookie|pass(word|wd|phrase)|secret|token|dsn|credential|api[_-]?key")
IN_ADDRESS = Pattern(r"://[^\s/@:\[]*:\d*(?:[^\s@/\d][^\s@]*)?@")  # a number and a slash after the colon: a port
IN_TEXT = Pattern(  # a value, up to a quote, an & or the end, that holds no ${NAME}
    r"""(?i)(?:password|passwd|secret|token|api_?key)(?:=|["']\s*:\s*["'])"""
    r"""(?:(?:[^\s"'&$]|\$+[^"'&{$])(?:[^"'&$]|\$+[^"'&{$])*\$*|\$+)(?:["'&]|\z)"""
)
CREDENTIAL = Pattern(r"(?i)^(bearer|basic|token)\s+\S")
JWT = Pattern(r"\beyJ[\w-]{8,}\.eyJ[\w-]+")
REFERENCE = Pattern(r"\$\$\{|\$\{[A-Za-z_][A-Za-z0-9_]*\}")
BLANKS = Pattern(r"[\s\x00-\x1f\x7f\\]")
NO_HOST = Pattern(r"[<>\"{}|^`$%,;()]")
OTHER_WORDS = {"database": "postgres", "db": "postgres", "api": "backend", "ui": "frontend", "ws": "websocket"}


class TargetValidator:
    """Reads one file's tables; `problems` holds (key, sentence) of the first wrong ones, `more` counts the others."""

    def __init__(self, root: type) -> None:
        self.root = root
        self.problems: list[tuple[str, str]] = []
        self.more = 0

    @functools.cached_property
    def everywhere(self) -> list[Place]:
        """Every key that the file may hold."""
        return known_keys(self.root)

    def wrong(self, at: Place, sentence: str) -> Any:
        if self.full:
            self.more += 1
        else:
            self.problems.append((dotted(at), f"{dotted(at)} {sentence}"))
        return WRONG

    @property
    def full(self) -> bool:
        """Whether enough has been said, so that no further words need to be found."""
        return len(self.problems) >= MOST_PROBLEMS

    def record(self, kind: type, table: Any, at: Place) -> Any:
        """The struct `kind` from a table; wrong keys keep their defaults."""
        if not isinstance(table, dict):
            return self.wrong(
                at, f"must be a table: write {'{ ... }' if isinstance(at[-1], int) else f'[{dotted(at)}]'}"
            )
        known = {field.name: field for field in fields(kind)}
        found: dict[str, Any] = {}
        for key, field in known.items():
            if key in table:
                found[key] = self.value(field.type, table[key], (*at, key))
            elif field.required:
                article = "an" if key[0] in "aeiou" and key != "url" else "a"
                found[key] = self.wrong(at, f"needs {article} {key}: it must {words(field.type)}")
        for key in table:
            if key not in known:
                self.unknown(key, known, at)
        kept = {key: value for key, value in found.items() if value is not WRONG}
        return WRONG if any(known[key].required for key in found.keys() - kept.keys()) else kind(**kept)

    def value(self, kind: Any, value: Any, at: Place) -> Any:
        base = bare(kind)
        if base is Part:
            return self.part(value, at)
        if is_record(base):
            return self.record(base, value, at)
        if get_origin(base) is tuple:
            return self.list_of(kind, value, at)
        if get_origin(base) is dict:
            return self.table_of(kind, value, at)
        if base is object:
            return self.payload(value, at)
        return self.leaf(kind, value, at)

    def part(self, table: Any, at: Place) -> Any:
        """A component: its own `kind` says which keys it may have; without one it is a container."""
        if not isinstance(table, dict):
            return self.wrong(at, f"must be a table: write [{dotted(at)}]")
        name = table.get("kind", "container")
        if not isinstance(name, str) or name not in KINDS:
            choice = tuple(sorted(KINDS))
            said = f"must be one of {', '.join(choice)}{but_not(name, (*at, 'kind'), choice)}"
            return self.wrong((*at, "kind"), said)
        keys = {key: value for key, value in table.items() if key != "kind"}
        read = self.record(KINDS[name].keys, keys, at)
        return replace(read, service=at[-1]) if read is not WRONG and not read.service else read

    def list_of(self, kind: Any, value: Any, at: Place) -> Any:
        if not isinstance(value, list):
            return self.wrong(at, f"must {words(kind)}{but_not(value, at)}")
        if not value and rule(kind, "min_length"):
            return self.wrong(at, f"is empty; it must {words(kind)}")
        if len(value) > MOST_ITEMS:
            return self.wrong(at, f"holds {len(value)} entries, more than {MOST_ITEMS}")
        item = get_args(bare(kind))[0]
        items = [self.value(item, one, (*at, number)) for number, one in enumerate(value, 1)]
        return tuple(one for one in items if one is not WRONG)

    def table_of(self, kind: Any, value: Any, at: Place) -> Any:
        if not isinstance(value, dict):
            return self.wrong(at, f"must {words(kind)}{but_not(value, at)}")
        if len(value) > MOST_ITEMS:
            return self.wrong(at, f"holds {len(value)} entries, more than {MOST_ITEMS}")
        key_kind, value_kind = get_args(bare(kind))
        found = {}
        for key, one in value.items():
            if len(key) > LONGEST_TEXT or not fits(key_kind, key):
                self.wrong((*at, key), f"must have another name: it must {words(key_kind)}")
            elif (read := self.value(value_kind, one, (*at, key))) is not WRONG:
                found[key] = read
        return found

    def payload(self, value: Any, at: Place) -> Any:
        """A member of a JSON body: whatever JSON can say."""
        if len(at) > DEEPEST:
            return self.wrong(at, "is nested too deeply")
        if isinstance(value, dict):
            return {key: self.payload(one, (*at, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self.payload(one, (*at, number)) for number, one in enumerate(value, 1)]
        if isinstance(value, date | time) or value in (float("inf"), -float("inf")) or value != value:
            return self.wrong(at, "must be text, a number, true, false, a list or a table, as it goes into JSON")
        if isinstance(value, str) and (sentence := too_long(value) or secret_in(value, at, True) or unfilled(value)):
            return self.wrong(at, sentence)
        return value

    def leaf(self, kind: Any, value: Any, at: Place) -> Any:
        extra = rule(kind, "extra", {})
        if isinstance(value, str):
            if sentence := too_long(value) or secret_in(value, at, "fills" in extra):
                return self.wrong(at, sentence)
            if not value.strip() and not fits(kind, value):
                return self.wrong(at, f"is empty; it must {words(kind)}")
        if not fits(kind, value):
            return self.wrong(at, f"must {words(kind)}{but_not(value, at, literals(kind))}")
        form = extra.get("form")
        if form and value and (sentence := misformed(form, value)):
            return self.wrong(at, sentence)
        if "fills" in extra and (sentence := unfilled(value)):
            return self.wrong(at, sentence)
        read = msgspec.convert(value, kind)
        return read.rstrip("/") if form == "base" else read

    def _wrong_kind(self, key: str, at: Place, having: list[str]) -> None:
        named = " or ".join(f'"{name}"' for name in having)
        self.wrong((*at, key), f"is not a key of this kind; components of kind {named} have it")

    def unknown(self, key: str, known: dict[str, FieldInfo], at: Place) -> None:
        """An unknown key is named with the right one; its value is never shown: it may be a secret."""
        if self.full:
            self.more += 1
            return
        variables = [name for name in known if name.endswith("_variable")]
        near = nearest_of(key.lower(), known, 0.7)
        if SECRET_KEY.search(key) and not (near and near[0].lower() == key.lower()):
            whole = "url_variable" if "dsn" in key.lower() and "url_variable" in known else f"{key.lower()}_variable"
            nearest = nearest_of(whole, variables, 0.3)
            mend = (
                f"put its variable's name into {dotted((*at, *nearest))}" if nearest else "put it into the environment"
            )
            if not nearest and "headers" in known:
                mend = f"say ${{NAME}} in {dotted((*at, 'headers'))}, and put NAME into the environment"
            self.wrong((*at, key), f"looks like a secret: secrets must not be stored in this file; {mend}")
            return
        if not near and len(at) == 2 and at[0] == "components":
            having = [one.name for one in KINDS.values() if key in one.keys.__struct_fields__]
            if having:
                self._wrong_kind(key, at, having)
                return
        if not near:
            same = [place for place in self.everywhere if place[-1] == OTHER_WORDS.get(key.lower(), key.lower())]
            near = [dotted(place) for place in same[:1]]
            near = near or nearest_of(dotted((*at, key)), [dotted(place) for place in self.everywhere], 0.8)
        else:
            near = [dotted((*at, near[0]))]
        if near:
            mend = f"; did you mean {near[0]}?"
        elif at:
            mend = "" if len(known) > 12 else f"; {dotted(at)} has {', '.join(known)}"
        else:
            mend = f"; a further part of yours goes under [components.{dotted((key,))}]"
        self.wrong((*at, key), f"is not a key{mend}")


def nearest_of(word: str, choice: Iterable[str], likeness: float) -> list[str]:
    """The one word that is most like this one, or none; of a long one, or among many, none is looked for."""
    from difflib import get_close_matches

    near = (
        [one for one in choice if abs(len(one) - len(word)) <= LONGEST_GUESS // 2] if len(word) <= LONGEST_GUESS else []
    )
    return get_close_matches(word, near[:1000], 1, likeness)


def dotted(at: Place) -> str:
    """backend.endpoints[2].name"""
    text = ""
    for part in at:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            head = part[:LONGEST_GUESS]
            name = part if head and not head.translate(PLAIN) and part.isprintable() else quoted(part)
            text += f".{shortened(name)}" if text else shortened(name)
    return text


PLAIN = {ord(sign): None for sign in string.ascii_letters + string.digits + "_-[]"}  # what a key needs no quotes for


def shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def quoted(value: Any) -> str:
    """As JSON, with what is not printable escaped: a control character, a mark that turns the writing around."""
    if isinstance(value, str):
        value = value[:LONGEST_TEXT]
    text = msgspec.json.encode(value).decode(errors="replace")
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def too_long(text: str) -> str:
    return f"is longer than {LONGEST_TEXT} characters" if len(text) > LONGEST_TEXT else ""


def bare(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind


def rule(kind: Any, name: str, default: Any = None) -> Any:
    """What the outermost Meta of a type says."""
    values = (getattr(meta, name) for meta in reversed(getattr(kind, "__metadata__", ())))
    return next((value for value in values if value is not None), default)


def is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def literals(kind: Any) -> tuple[str, ...]:
    if get_origin(bare(kind)) is Literal:
        return get_args(bare(kind))
    return tuple(word for part in get_args(bare(kind)) for word in literals(part))


def words(kind: Any) -> str:
    """What a value must be: the end of "<key> must ..."."""
    said = rule(kind, "description", None)
    if said is None and (choice := [quoted(word) for word in literals(kind)]):
        return f"be {', '.join(choice[:-1])} or {choice[-1]}"
    return str(said or "be right")


def fits(kind: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def but_not(value: Any, at: Place, choice: tuple[str, ...] = ()) -> str:
    """', not "fast"', or less where the value may be a secret."""
    names = {str(part).lower() for part in at}
    if isinstance(value, str) and (near := nearest_of(value.lower(), [word.lower() for word in choice], 0.6)):
        right = next(word for word in choice if word.lower() == near[0])
        return f"; did you mean {quoted(right)}?"
    if isinstance(value, str):
        telling = SECRET_NAME.search(str(at[-1])) or names & {"headers", "login_headers", "login_extra"}
        hidden = telling or any(sign.search(value) for sign in (SECRET_NAME, IN_ADDRESS, CREDENTIAL, JWT))
        return "" if hidden else f", not {shortened(quoted(value))}"
    if isinstance(value, dict | list):
        return f", not {'a table' if isinstance(value, dict) else 'a list'}"
    if SECRET_NAME.search(str(at[-1])):
        return f", not {'a number' if isinstance(value, int | float) else 'a date'}"
    if isinstance(value, date | time | datetime):
        return f", not {value.isoformat()}"
    return (
        f", not {shortened(repr(value).lower())}"
        if isinstance(value, float) or abs(value) < 10**40
        else ", not so large a number"
    )


def secret_in(text: str, at: Place, fills: bool) -> str:
    """The rest of a sentence when a text that stands in the file holds a secret; `fills`: ${NAME} works there."""
    inside = any(part in ("headers", "login_headers", "login_extra") for part in at[:-1])
    literal = inside and text and "${" not in text
    if IN_ADDRESS.search(text):
        mends = {
            "postgres": "put the whole address into the variable that postgres.url_variable names",
            "host": "ssh logs in by key",
        }
        mend = mends.get(str(at[0]), "where one is needed, say it in a header as ${NAME}")
        return f"holds a password: secrets must not be stored in this file; {mend}"
    if literal and (SECRET_NAME.search(str(at[-1])) or CREDENTIAL.search(text)):
        found = True
    else:
        found = bool(IN_TEXT.search(text) or JWT.search(text))
    if not found:
        return ""
    if fills:
        mend = "write ${NAME}, and put NAME into the environment or into secrets_file"
    elif at[0] == "websocket":
        mend = "say in websocket.token_in and websocket.token_name where a token goes"
    else:
        mend = "put it into the environment"
    return f"holds a secret: secrets must not be stored in this file; {mend}"


def unfilled(text: str) -> str:
    if "${" in REFERENCE.sub("", text):
        return "holds ${ without a variable's name: write ${NAME}, or $${ for a literal ${"
    return ""


def misformed(form: str, text: str) -> str:
    """The rest of a sentence when an address cannot be one."""
    if text == "local" or text.startswith("unix://"):
        return ""
    if BLANKS.search(text):
        return "must not hold blanks or backslashes"
    try:
        parts = urlsplit(text if "://" in text else f"tcp://{text}")
        port = parts.port
    except ValueError:
        return "must have a valid host, and a port between 1 and 65535"
    if port == 0:
        return "must have a port between 1 and 65535, not 0"
    if parts.username is not None and form != "address":
        return "must not carry a user"
    if not parts.hostname:
        return "names no host"
    if NO_HOST.search(parts.hostname):
        return f"names a host that cannot be one: {shortened(quoted(parts.netloc))}"
    if parts.fragment or text.endswith("#"):
        return "must not hold a #"
    if form == "base" and "?" in text:
        return "must not hold a ?: paths have keys of their own"
    return ""


def known_keys(kind: type, at: Place = ()) -> list[Place]:
    """Every key that a file may hold."""
    found: list[Place] = []
    for field in fields(kind):
        place = (*at, field.name)
        found.append(place)
        base = bare(field.type)
        if is_record(base):
            found += known_keys(base, place)
    return found
