"""The door's front: `@probe` and `@client` register a look and turn it into a fixture that merely waits.

A probe returns a fact: saved, redacted, the only thing that a check may name. A client yields a handle that probes
share (an HTTP client, a database session): never saved, never named by a check.

    probe arguments        where they come from
    stack                  the target file, as the component sees it that is looked at (oncall/target/views.py)
    limits                 the target file's
    own_lag                how late this very process is: an `oncall.probing.lag.Meter`
    known_errors           which errors good runs have met in the logs: an `oncall.probing.known_errors.KnownErrors`
    secrets                the environment and the secrets file
    another probe's name   its fact; when that one is unknown or absent, so is this one
    optional needs         the fact, or the exception that stands in its place
    anything else          a parameter of the check, always a string
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import NotPart, ProbeCrashed
from oncall.target.kinds import roles
from oncall.target.schema import Limits
from oncall.target.views import Views

Deadline = float | Callable[[Limits], float]
Keep = Callable[[Any, Mapping[str, Fact]], bool]
PROVIDED = ("stack", "limits", "secrets", "own_lag", "known_errors")
if TYPE_CHECKING:
    from oncall.probing.answers import Answers

RUNNER: "pytest.StashKey[Answers]" = pytest.StashKey()


class Probe(Struct, frozen=True, dict=True):
    """One registered probe or client.

    deadline: seconds, counted from when the look's needs are there.
    fact: the record's type; None for a client.
    of: the role that it looks at ("backend"): with several components of that kind it looks at each, in a view of its
        own; empty: it looks at the whole stack, or at the `service` that it asks for.
    keep: for a look that is not for free, such as a login: whether `--wait` shall keep what it brought in place of
        looking again, given its value and the facts of its round. None: look again in every round.
    """

    name: str
    function: Callable[..., Any]
    deadline: Deadline
    optional: tuple[str, ...]
    fact: type[Fact] | None
    keep: Keep | None = None
    of: str = ""

    @cached_property
    def needs(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.function).parameters)

    def seconds(self, limits: Limits) -> float:
        return self.deadline(limits) if callable(self.deadline) else self.deadline


PROBES: dict[str, Probe] = {}


def probe(
    *, of: str = "", deadline: Deadline = 3.0, optional: tuple[str, ...] = (), keep: Keep | None = None
) -> Callable[[Callable[..., Fact]], Any]:
    """Register a read-only, time-bounded look that returns a fact; `of`: the role that it looks at ("backend").

    Raises TypeError at import when the function does not name its fact's type as return annotation, or has the name of
    another probe.
    """

    def register(function: Callable[..., Fact]) -> Any:
        fact = inspect.get_annotations(function, eval_str=True).get("return")
        if not (isinstance(fact, type) and issubclass(fact, Fact)):
            raise TypeError(f"probe {function.__name__} must name its fact: -> SomeFact")
        return _fixture(Probe(function.__name__, function, deadline, optional, fact, keep, of))

    return register


def client(
    *, of: str = "", deadline: Deadline = 3.0, optional: tuple[str, ...] = (), keep: Keep | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Register a handle that probes share; a generator function closes it after its one yield."""

    def register(function: Callable[..., Any]) -> Any:
        return _fixture(Probe(function.__name__, function, deadline, optional, None, keep, of))

    return register


def _fixture(registered: Probe) -> Any:
    """A function-scoped fixture that waits for the look: the results live in the runner, so no scope can mismatch."""
    known = PROBES.get(registered.name)
    if known and known.function.__code__ != registered.function.__code__:
        raise TypeError(f"a second probe is named {registered.name}: give one of them another name")
    if registered.of and registered.of not in roles():
        raise TypeError(f"probe {registered.name} is of {registered.of!r}, which is no role: {', '.join(roles())}")
    PROBES[registered.name] = registered

    def answer(request: pytest.FixtureRequest) -> object:
        if RUNNER not in request.config.stash:
            raise ProbeCrashed("no probe was started; with pytest-xdist, leave out -n: all probes run at once anyway")
        try:
            return request.config.stash[RUNNER].answer(registered.name, parameters(request.node))
        except NotPart as declared:
            pytest.skip(str(declared))

    answer.__doc__ = registered.function.__doc__
    answer.answers_for = registered.name  # type: ignore[attr-defined]  # how a probe's fixture is told from others
    return pytest.fixture(name=registered.name)(answer)


def parameters(item: pytest.Item) -> dict[str, str]:
    """The parameters that a check was given: those of its parametrize marks."""
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def focus(name: str, given: Mapping[str, str], views: Views) -> str:
    """The component that a probe looks at, given a check's parameters; empty: none of several, the whole stack."""
    probe = PROBES[name]
    if "service" in probe.needs:
        return given.get("service", "")
    if probe.of not in views.several:
        return ""
    if probe.of in given:
        return given[probe.of]
    return views.roles(given.get("component", ""))[probe.of]


def narrowed(name: str, given: Mapping[str, str], views: Views) -> Mapping[str, str]:
    """The parameters that a probe hands on to those that it needs: which component each role is where it looks."""
    about = focus(name, given, views)
    return {**given, **views.roles(about)} if about else given


def probe_key(name: str, given: Mapping[str, str], views: Views) -> str:
    """A look's name in a run and in a snapshot: with the component of several, and with the check parameters that it,
    or a look it needs, asks for."""
    wanted = dict.fromkeys(_wanted(name, given, views, ()))
    return name + (f"[{'-'.join(wanted)}]" if wanted else "")


def _wanted(
    name: str, given: Mapping[str, str], views: Views, above: tuple[str, ...], settled: bool = False
) -> Iterator[str]:
    if name not in PROBES or name in above:
        return
    about = focus(name, given, views)
    if about and not settled and PROBES[name].of in views.several:
        yield about
    inner = narrowed(name, given, views)
    for need in PROBES[name].needs:
        if need in given and need not in PROBES:
            yield given[need]
        yield from _wanted(need, inner, views, (*above, name), settled or bool(about))


def qualified(root: str, given: Mapping[str, str], views: Views, named: Callable[[str], str]) -> str:
    """The fact that stood in the way, of the component that it was asked for: "backend_health[orders]".

    root: as in CouldNotCheck, said in roles. given: the parameters of whoever says it. named: the component behind a
    role there.
    """
    head, _, parameter = root.partition("[")
    name = head.partition(".")[0]
    if name not in PROBES:
        return root
    if not parameter:
        return root + probe_key(name, given, views).removeprefix(name)
    about = "" if "service" in PROBES[name].needs else focus(name, given, views)
    return f"{head}[{'-'.join(filter(None, (about, named(parameter.removesuffix(']')))))}]"


def roles_of(names: Iterable[str]) -> set[str]:
    """The roles that these probes look at, themselves or through those that they need."""
    found: set[str] = set()
    seen: set[str] = set()
    coming = list(names)
    while coming:
        name = coming.pop()
        if name in PROBES and name not in seen and "service" not in PROBES[name].needs:
            seen.add(name)
            found |= {PROBES[name].of} - {""}
            coming += PROBES[name].needs
    return found
