"""The door's front: `@probe` and `@client` register a look and turn it into a fixture that merely waits.

A probe returns a fact: saved, redacted, the only thing that a check may name. A client yields a handle that probes
share (an HTTP client, a database session): never saved, never named by a check.

    probe arguments        where they come from
    stack, limits          the target file
    own_lag                how late this very process is: an `oncall.probing.lag.Meter`
    secrets                the environment and the secrets file
    another probe's name   its fact; when that one is unknown or absent, so is this one
    optional needs         the fact, or the exception that stands in its place
    anything else          a parameter of the check, always a string
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from oncall.facts import Fact
from oncall.finding import NotPart, ProbeCrashed
from oncall.target.schema import Limits

Deadline = float | Callable[[Limits], float]
Keep = Callable[[Any, Mapping[str, Fact]], bool]
PROVIDED = ("stack", "limits", "secrets", "own_lag")
if TYPE_CHECKING:
    from oncall.probing.answers import Answers

RUNNER: "pytest.StashKey[Answers]" = pytest.StashKey()


class Probe(Struct, frozen=True, dict=True):
    """One registered probe or client.

    deadline: seconds, counted from when the look's needs are there.
    fact: the record's type; None for a client.
    keep: for a look that is not for free, such as a login: whether `--wait` shall keep what it brought in place of
        looking again, given its value and the facts of its round. None: look again in every round.
    """

    name: str
    function: Callable[..., Any]
    deadline: Deadline
    optional: tuple[str, ...]
    fact: type[Fact] | None
    keep: Keep | None = None

    @cached_property
    def needs(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.function).parameters)

    def seconds(self, limits: Limits) -> float:
        return self.deadline(limits) if callable(self.deadline) else self.deadline


PROBES: dict[str, Probe] = {}


def probe(
    *, deadline: Deadline = 3.0, optional: tuple[str, ...] = (), keep: Keep | None = None
) -> Callable[[Callable[..., Fact]], Any]:
    """Register a read-only, time-bounded look that returns a fact.

    Raises TypeError at import when the function does not name its fact's type as return annotation, or has the name of
    another probe.
    """

    def register(function: Callable[..., Fact]) -> Any:
        fact = inspect.get_annotations(function, eval_str=True).get("return")
        if not (isinstance(fact, type) and issubclass(fact, Fact)):
            raise TypeError(f"probe {function.__name__} must name its fact: -> SomeFact")
        return _fixture(Probe(function.__name__, function, deadline, optional, fact, keep))

    return register


def client(
    *, deadline: Deadline = 3.0, optional: tuple[str, ...] = (), keep: Keep | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Register a handle that probes share; a generator function closes it after its one yield."""

    def register(function: Callable[..., Any]) -> Any:
        return _fixture(Probe(function.__name__, function, deadline, optional, None, keep))

    return register


def _fixture(registered: Probe) -> Any:
    """A function-scoped fixture that waits for the look: the results live in the runner, so no scope can mismatch."""
    known = PROBES.get(registered.name)
    if known and known.function.__code__ != registered.function.__code__:
        raise TypeError(f"a second probe is named {registered.name}: give one of them another name")
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


def probe_key(name: str, given: Mapping[str, str]) -> str:
    """A look's name in a run and in a snapshot: with the check parameters that it, or a look it needs, asks for."""
    wanted = dict.fromkeys(_wanted(name, given, ()))
    return name + (f"[{'-'.join(wanted)}]" if wanted else "")


def _wanted(name: str, given: Mapping[str, str], above: tuple[str, ...]) -> Iterator[str]:
    for need in PROBES[name].needs if name in PROBES and name not in above else ():
        if need in given and need not in PROBES:
            yield given[need]
        yield from _wanted(need, given, (*above, name))
