"""A target file becomes a Target, or every reason why not, one sentence a key.

target = read_target(Path("oncall.toml"))
target.stack.backend.url, target.limits.health_seconds
"""

import difflib
import itertools
import os
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from msgspec import Struct, field
from msgspec.structs import fields, replace

from oncall.gate.patterns import Pattern
from oncall.target.graph import circles
from oncall.target.kinds import KINDS, SHORT_FORMS, HttpApi, roles, short_form
from oncall.target.runs import runtime_contradictions
from oncall.target.schema import HTTP_NAME, Accepted, Auth, Backend, Limits, Part, Stack, StackKeys, Websocket
from oncall.target.short_forms import first_of_each, unfolded
from oncall.target.untrusted import refusals, without_exec
from oncall.target.validator import (
    MOST_PROBLEMS,
    REFERENCE,
    WRONG,
    TargetValidator,
    bare,
    dotted,
    nearest_of,
    quoted,
    rule,
    shortened,
)
from oncall.target.views import OURS, components

LARGEST_FILE = 1 << 20
HTTP_NAMES = Pattern(HTTP_NAME)
ELSEWHERE = ("auth", "secret_variable")  # looked up in the backend's environment, never in ours
TOKEN = ("websocket.first_message", "TOKEN")  # filled with what the login gives
MANY_PARTS = Pattern(  # tomllib takes time with the square of a key's parts
    r"""\.(?:[ \t]*(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*\.){12}"""
)


class TargetError(Exception):
    """The target file cannot be used; each problem is one sentence, which names the file and the key."""

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Target(Struct, frozen=True, kw_only=True):
    """Everything that a target file says, `path` being the file; it never holds a secret."""

    stack: Stack = Stack()
    limits: Limits = Limits()
    accepted: dict[str, Accepted] = field(default_factory=dict)
    path: str = ""


class File(StackKeys, frozen=True, kw_only=True):
    """The keys of a target file: the stack's own, and two tables beside them."""

    limits: Limits = Limits()
    accepted: dict[str, Accepted] = field(default_factory=dict)


def default_target(untrusted: bool = False) -> Target:
    """What an empty file says."""
    return Target(stack=without_exec(Stack())) if untrusted else Target()


def read_target(path: Path, untrusted: bool = False) -> Target:
    """The target that a file describes; raises TargetError.

    untrusted: refuse what only somebody may say who may run commands here; see oncall/target/untrusted.py.
    """
    shown = shown_path(path)
    try:
        table = tables(load(path))
        file = read(table)
        folder = os.path.dirname(os.path.abspath(path))
        stack = resolved(first_of_each(file, table), folder, local=file.host.at == "local")
        if untrusted:
            if problems := refusals(stack, folder, table):
                raise TargetError(bounded(problems))
            stack = without_exec(stack)
    except tomllib.TOMLDecodeError as error:
        raise TargetError([f"{shown}: {syntax_error(str(error))}"]) from None
    except TargetError as error:
        raise TargetError([f"{shown}: {problem}" for problem in error.problems]) from None
    except (RecursionError, ValueError, OverflowError):
        raise TargetError([f"{shown}: holds a value too long or nested too deeply to read"]) from None
    return Target(stack=stack, limits=file.limits, accepted=file.accepted, path=os.path.abspath(path))


def shown_path(path: Path | str) -> str:
    """The file as a person would name it from here."""
    name = str(path)
    if not name.isprintable():
        return quoted(name.encode(errors="replace").decode())
    near = os.path.relpath(name) if os.path.isabs(name) else name
    return name if near.startswith("..") else near


def load(path: Path) -> str:
    """The file's text; a special file is refused, because reading it could hang."""
    try:
        if path.is_dir():
            raise TargetError(["is a folder; name the file in it"])
        if path.exists() and not path.is_file():
            raise TargetError(["is not a regular file"])
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise TargetError(["there is no such file; name another with --target FILE or ONCALL_TARGET"]) from None
    except PermissionError:
        raise TargetError(["cannot be read: permission denied"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise TargetError([f"cannot be read: {reason.lower()}"]) from None
    if len(data) > LARGEST_FILE:
        raise TargetError(["is larger than 1 MiB: surely not a target file"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TargetError([f"line {line}: is not UTF-8 text; save the file as UTF-8"]) from None


def tables(text: str) -> dict[str, Any]:
    """The file as TOML; raises TOMLDecodeError, RecursionError, ValueError, and TargetError for what takes too long."""
    if found := MANY_PARTS.search(text):
        raise TargetError([f"line {text.count(chr(10), 0, found.start()) + 1}: has a key of more than 12 parts"])
    return tomllib.loads(text)


def syntax_error(message: str) -> str:
    """tomllib's "Expected '=' after a key (at line 3, column 5)", place first."""
    what, _, place = message.rpartition(" (at ")
    what = what if len(what) <= 200 else f"{what[:200]}..."
    return f"{place.rstrip(')')}: {what[:1].lower()}{what[1:]}" if what else message


def read(table: dict[str, Any]) -> File:
    """The file's records; raises TargetError with every problem at once."""
    reader = TargetValidator(File)
    file = reader.record(File, unfolded(table), ())
    problems, more = [sentence for _, sentence in reader.problems], reader.more
    wrong = {key for key, _ in reader.problems}
    if file is not WRONG and not more:
        stack = first_of_each(file, table)
        doubtful = [*contradictions(stack), *runtime_contradictions(_places(stack), unfolded(table))]
        problems += [f"{key} {sentence}" for key, sentence in doubtful if key not in wrong]
    if problems:
        raise TargetError(bounded(problems, more))
    return file  # type: ignore[no-any-return]


def bounded(problems: list[str], more: int = 0) -> list[str]:
    """The first problems, and how many more there are."""
    more += max(0, len(problems) - MOST_PROBLEMS)
    return [*problems[:MOST_PROBLEMS], *([f"and {more:,} more"] if more else [])]


def contradictions(stack: Stack) -> Iterator[tuple[str, str]]:
    """Keys that are right alone and wrong together."""
    known = components(stack)
    for name in stack.components:
        if name in roles() or name in OURS:
            mend = f"set {name}.service" if name in SHORT_FORMS else "leave it out"
            yield f"components.{name}", f"is a component anyway; {mend}"
    for key, part in _places(stack):
        if not isinstance(part, Backend):
            continue
        names = [endpoint.name for endpoint in part.endpoints]
        for number, name in enumerate(names):
            if name in names[:number]:
                mend = f"{quoted(name)} stands above already"
                yield f"{key}.endpoints[{number + 1}].name", f"must be another name: {mend}"
        for check, component in part.health.blames.items():
            if component not in known and component not in roles():
                mend = f"write [components.{shortened(component)}], or name one of {', '.join(known)}"
                place = f"{key}.{dotted(('health', 'blames', check))}"
                yield place, f"names no component: {shortened(quoted(component))}; {mend}"
    yield from _dependencies(stack)
    if stack.host.backup_reader and "{file}" not in stack.host.backup_reader:
        yield "host.backup_reader", "must hold {file}, the place of the backup's path"
    yield from _login(stack.auth, "auth")
    yield from _socket(stack.websocket, "websocket")
    for name, part in stack.components.items():
        if isinstance(part, HttpApi):
            yield from _login(part.auth, f"components.{name}.auth")
            yield from _socket(part.websocket, f"components.{name}.websocket")


def _login(auth: Auth, at: str) -> Iterator[tuple[str, str]]:
    if auth.absent:
        return
    for key, other in (("csrf_path", "csrf_from"), ("csrf_from", "csrf_path"), ("whoami_path", "whoami_key")):
        if getattr(auth, key) and not getattr(auth, other):
            yield f"{at}.{other}", f"is empty; {at}.{key} needs it"


def _socket(socket: Websocket, at: str) -> Iterator[tuple[str, str]]:
    if socket.absent:
        return
    if socket.token_in in ("query", "header", "cookie") and not socket.token_name:
        yield f"{at}.token_name", f"is empty; the {socket.token_in} that holds the token needs a name"
    elif socket.token_in in ("header", "cookie") and not HTTP_NAMES.fullmatch(socket.token_name):
        yield f"{at}.token_name", f"must be the name of a {socket.token_in}"
    if socket.token_in == "message" and "${TOKEN}" not in socket.first_message:  # noqa: S105  (a place, not a token)
        yield f"{at}.first_message", 'must hold ${TOKEN} when websocket.token_in is "message"'
    if socket.ping == "message":
        for key in ("ping_message", "pong_contains"):
            if not getattr(socket, key):
                yield f"{at}.{key}", 'is empty; websocket.ping = "message" needs it'
    if (socket.heartbeat_message or socket.heartbeat_contains) and not socket.heartbeat_answer:
        yield f"{at}.heartbeat_answer", "is empty; what the client answers to a heartbeat has to be said"


def _dependencies(stack: Stack) -> Iterator[tuple[str, str]]:
    known = components(stack)
    for key, part in _places(stack):
        for other in part.depends_on:
            if other not in known and other not in roles():
                near = difflib.get_close_matches(other, known, 1)
                mend = f"did you mean {near[0]}?" if near else f"write [components.{shortened(other)}]"
                yield f"{key}.depends_on", f"names no component: {shortened(quoted(other))}; {mend}"
    for circle in itertools.islice(circles(stack), 1):
        key = circle[0] if circle[0] in SHORT_FORMS else f"components.{circle[0]}"
        yield f"{key}.depends_on", f"closes a circle: {shortened(' -> '.join(circle))}; leave one of them out"


def _places(stack: Stack) -> Iterator[tuple[str, Part]]:
    """Each component with the key that it was written under."""
    for role in SHORT_FORMS:
        name = stack.named(role)
        yield (role if name == role else f"components.{name}"), short_form(stack, role)
    yield from ((f"components.{name}", part) for name, part in stack.components.items())


def resolved(record: Any, folder: str, local: bool) -> Any:
    """The record with its paths resolved against the file's folder; those of a far host stay as written."""

    def beside(path: str) -> str:
        return os.path.normpath(os.path.join(folder, os.path.expanduser(path))) if path else ""

    changed = {}
    for one in fields(record):
        value = getattr(record, one.name)
        kind = get_args(bare(one.type))[0] if get_origin(bare(one.type)) is tuple else one.type
        reader = (rule(kind, "extra") or {}).get("read_by")
        if isinstance(value, Struct):
            changed[one.name] = resolved(value, folder, local)
        elif one.name == "components":
            changed[one.name] = {name: resolved(part, folder, local) for name, part in value.items()}
        elif reader == "us" or (reader == "host" and local):
            changed[one.name] = tuple(map(beside, value)) if isinstance(value, tuple) else beside(value)
    return replace(record, **changed)


def variables(stack: Stack) -> Iterator[tuple[str, str]]:
    """Each variable of our environment that the file names, with its key."""
    return _variables(stack, ())


def _variables(value: Any, at: tuple[str | int, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Struct):
        for one in fields(value):
            below, place = getattr(value, one.name), (*at, one.name)
            if one.name.endswith("_variable"):
                if below and place[-2:] != ELSEWHERE:
                    yield dotted(place), below
            elif not isinstance(below, str) or "fills" in rule(one.type, "extra", {}):
                yield from _variables(below, place)
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _variables(below, (*at, key))
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value, 1):
            yield from _variables(below, (*at, number))
    elif isinstance(value, str):
        for found in REFERENCE.finditer(value):
            if not found[0].startswith("$$"):
                yield dotted(at), found[0][2:-1]


def unknown_accepted(target: Target, checks: Collection[str]) -> list[str]:
    """A sentence for each accepted finding whose check does not exist (known only after collection)."""
    sentences = []
    unknown = [name for name in target.accepted if name not in checks]
    for name in unknown[:MOST_PROBLEMS]:
        near = nearest_of(name, checks, 0.6)
        mend = f"; did you mean {near[0]}?" if near else ""
        sentences.append(f"{shown_path(target.path)}: {dotted(('accepted', name))} is not a check{mend}")
    return bounded(sentences, len(unknown) - len(sentences))


def to_builtins(target: Target) -> dict[str, Any]:
    """The target as JSON can say it, for a snapshot."""
    return msgspec.to_builtins(target)  # type: ignore[no-any-return]


def from_builtins(plain: Any) -> Target:
    """The target of a snapshot; raises TargetError. Which record a component is, its own kind says."""
    try:
        stack = plain.get("stack", {}) if isinstance(plain, dict) else {}
        told = stack.get("components", {}) if isinstance(stack, dict) else {}
        found = {str(name): _part(one) for name, one in told.items()} if isinstance(told, dict) else {}
        rest = plain if not found else {**plain, "stack": {**stack, "components": {}}}
        target = msgspec.convert(rest, Target)
        return replace(target, stack=replace(target.stack, components=found))
    except msgspec.ValidationError as error:
        raise TargetError([f"the snapshot's target cannot be read: {error}"]) from None


def _part(plain: Any) -> Part:
    kind = KINDS.get(str(plain.get("kind")) if isinstance(plain, dict) else "")
    if kind is None:
        raise msgspec.ValidationError("a component of a kind that this suite does not know")
    return msgspec.convert(plain, kind.keys)
