"""The catalogue: one way to break the stack each, in one file a component, in `embedded/` or in `compose/`.

    @fault("postgres-stopped", component="postgres", cause_class="stopped", must_fail=["test_database_is_reachable"])
    def postgres_stopped(stack):
        \"\"\"Somebody stopped the database.\"\"\"
        stack.pg_ctl("stop", "-m", "fast")

The docstring's first line says in an operator's words what happened. Faults act from outside: signals, SQL, files,
environment variables, a proxy in between. `heal` undoes every one of them by making all parts new.

A benign scenario is registered in the same way, with @benign: it looks like a cause and is none. It is in no catalogue.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from stack.faults import compose, embedded
from stack.faults.expected.process_failures import LOGS
from stack.faults.expected.words import words_of
from stack.state import StackError

if TYPE_CHECKING:
    from stack.faults.tools.manual_fix import ManualFix
    from stack.handle import Handle

Kind = Literal["real", "limit-moved", "benign"]
Heals = Literal["yes", "data loss", "whole machine"]  # by the playbook; only a step that loses data, or is not for here
Severity = Literal["p1", "p2", "p3", "p4"]
Mode = Literal["embedded", "docker"]  # which kind of stack it breaks; one on Docker gets a DockerStack


@dataclass(frozen=True, kw_only=True)
class Fault:
    name: str
    component: str  # what a person would restart or edit
    kind: Kind  # limit-moved: the host cannot be exhausted here, so the limit goes past the real reading
    cause_class: str  # faults of one class have one cause
    must_fail: tuple[str, ...]  # checks, by name: all of them fail
    may_fail: tuple[str, ...]  # these may fail too, if they blame the component
    unknown: tuple[str, ...]  # these cannot look
    mode: Mode
    inject: "Callable[[Any], None]"
    manual_fix: "ManualFix | None" = (
        None  # what a person changes by hand where the playbook tells to; None: its commands suffice
    )
    reads: Mapping[str, str] = field(default_factory=dict)  # what a person reads in a look: CAPITALS of a later step
    heals: Heals = "yes"
    indistinguishable_from: str = (
        ""  # the component that shows the very same evidence from where we look: nothing tells the two apart
    )
    words: tuple[str, ...] = ()  # patterns, one of which its cause shows; of a benign scenario: which none shows
    severity: Severity | None = None  # of what users lose; None: the worst of the checks that must fail
    paired_with: str = ""  # of a benign scenario: the real fault of another component that it is to be told from
    active: str = ""  # what a run has to be asked for beside (--active) to see it
    held_out_result: str = (
        ""  # of one written after the diagnosis by somebody who had not read it: what that said at once
    )

    @property
    def story(self) -> str:
        return (self.inject.__doc__ or "").strip().splitlines()[0]


_FAULTS: dict[str, Fault] = {}
_BENIGN: dict[str, Fault] = {}
Register = Callable[[Callable[[Any], None]], Callable[[Any], None]]


def fault(
    name: str,
    *,
    component: str,
    kind: Kind = "real",
    cause_class: str = "",
    must_fail: Sequence[str] = (),
    may_fail: Sequence[str] = (),
    unknown: Sequence[str] = (),
    mode: Mode = "embedded",
    manual_fix: "ManualFix | None" = None,
    reads: Mapping[str, str] = {},
    heals: Heals = "yes",
    indistinguishable_from: str = "",
    active: str = "",
    held_out_result: str = "",
    words: Sequence[str] = (),
    severity: Severity | None = None,
) -> Register:
    """Put a function into the catalogue."""
    return _register(
        name,
        lambda function: Fault(
            name=name,
            component=component,
            kind=kind,
            cause_class=cause_class or name,
            must_fail=tuple(must_fail),
            may_fail=(*may_fail, *(LOGS if mode == "embedded" else ())),
            unknown=tuple(unknown),
            mode=mode,
            inject=function,
            manual_fix=manual_fix,
            reads=reads,
            heals=heals,
            indistinguishable_from=indistinguishable_from,
            active=active,
            held_out_result=held_out_result,
            words=tuple(words) or words_of(name, cause_class),
            severity=severity,
        ),
        _FAULTS,
    )


def benign(name: str, *, component: str, words: Sequence[str], paired_with: str, mode: Mode = "embedded") -> Register:
    """Something that looks like a cause of that component's, and is none: alone it leaves the stack green."""
    return _register(
        name,
        lambda function: Fault(
            name=name,
            component=component,
            kind="benign",
            cause_class="benign scenario",
            must_fail=(),
            may_fail=(),
            unknown=(),
            mode=mode,
            inject=function,
            words=tuple(words),
            paired_with=paired_with,
        ),
        _BENIGN,
    )


def _register(name: str, made: "Callable[[Callable[[Any], None]], Fault]", into: dict[str, Fault]) -> Register:
    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        if name in _FAULTS or name in _BENIGN:
            raise StackError(f"two faults are named {name}")
        if not (function.__doc__ or "").strip():
            raise StackError(f"the fault {name} has no sentence that says what happened")
        into[name] = made(function)
        return function

    return register


def catalogue(mode: Mode = "embedded") -> dict[str, Fault]:
    """All faults of a kind of stack; every file of this package that registers one is found."""
    _find()
    chosen = [item for item in _FAULTS.items() if item[1].mode == mode]
    return dict(sorted(chosen, key=lambda item: (item[1].component, item[0])))


def benign_scenarios(mode: Mode = "embedded") -> dict[str, Fault]:
    """All benign scenarios of a kind of stack."""
    _find()
    return {name: each for name, each in sorted(_BENIGN.items()) if each.mode == mode}


def _find() -> None:
    for room in (embedded, compose):
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)


def named(names: Sequence[str], mode: Mode = "embedded") -> list[Fault]:
    """The faults, or benign scenarios, of these names."""
    if not names:
        raise StackError("break needs the name of a fault: python -m stack faults lists them")
    known = catalogue(mode) | benign_scenarios(mode)
    others = _FAULTS | _BENIGN
    for name in names:
        if name not in known:
            if name in others:
                raise StackError(f"the fault {name} is for the {others[name].mode} stack, not for this one")
            near = difflib.get_close_matches(name, known, 3, cutoff=0.3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise StackError(f"there is no fault {name}{hint} (python -m stack faults lists them)")
    return [known[name] for name in names]


def inject(stack: "Handle", chosen: Sequence[Fault], tell: Callable[[str], None]) -> None:
    for each in chosen:
        stack.state["broken"].append(each.name)
        stack.save()
        try:
            each.inject(stack)
        except StackError as error:
            raise StackError(f"{each.name}: {error}") from error
        stack.save()
        tell(f"{each.name}: {each.story}")


def show(mode: Mode = "embedded") -> int:
    for each in catalogue(mode).values():
        print(f"{each.component:10} {each.name:34} {each.story}")
    return 0
