"""The catalogue: one way to break the stack each, in one file a component.

    @fault("postgres-stopped", component="postgres", cause_class="stopped", must_fail=["test_database_is_reachable"])
    def postgres_stopped(stack):
        \"\"\"Somebody stopped the database.\"\"\"
        stack.pg_ctl("stop", "-m", "fast")

The docstring's first line says in an operator's words what happened. Faults act from outside: signals, SQL, files,
environment variables, a proxy in between. `heal` undoes every one of them by making all parts new.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from stack.state import StackError

if TYPE_CHECKING:
    from stack.docker.running import DockerStack
    from stack.faults.mending import Mend
    from stack.running import Running

    Handle = Running | DockerStack

Kind = Literal["real", "limit-moved"]
Heals = Literal["yes", "data loss", "whole machine"]  # by the playbook; only a step that loses data, or is not for here
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
    mend: "Mend | None" = None  # what a person changes by hand where the playbook tells to; None: its commands suffice
    reads: Mapping[str, str] = field(default_factory=dict)  # what a person reads in a look: CAPITALS of a later step
    heals: Heals = "yes"

    @property
    def story(self) -> str:
        return (self.inject.__doc__ or "").strip().splitlines()[0]


_FAULTS: dict[str, Fault] = {}


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
    mend: "Mend | None" = None,
    reads: Mapping[str, str] = {},
    heals: Heals = "yes",
) -> "Callable[[Callable[[Any], None]], Callable[[Any], None]]":
    """Put a function into the catalogue."""

    def register(function: "Callable[[Any], None]") -> "Callable[[Any], None]":
        if name in _FAULTS:
            raise StackError(f"two faults are named {name}")
        if not (function.__doc__ or "").strip():
            raise StackError(f"the fault {name} has no sentence that says what happened")
        _FAULTS[name] = Fault(
            name=name,
            component=component,
            kind=kind,
            cause_class=cause_class or name,
            must_fail=tuple(must_fail),
            may_fail=tuple(may_fail),
            unknown=tuple(unknown),
            mode=mode,
            inject=function,
            mend=mend,
            reads=reads,
            heals=heals,
        )
        return function

    return register


def catalogue(mode: Mode = "embedded") -> dict[str, Fault]:
    """All faults of a kind of stack; every file of this package that registers one is found."""
    for module in pkgutil.iter_modules(__path__):
        if module.name not in ("proxy", "sessions"):
            importlib.import_module(f"{__name__}.{module.name}")
    chosen = [item for item in _FAULTS.items() if item[1].mode == mode]
    return dict(sorted(chosen, key=lambda item: (item[1].component, item[0])))


def named(names: Sequence[str], mode: Mode = "embedded") -> list[Fault]:
    """The faults of these names."""
    known = catalogue(mode)
    if not names:
        raise StackError(f"break needs the name of a fault: {', '.join(known)}")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f", did you mean {near[0]}?" if near else "."
            if name in _FAULTS:
                hint = f" for this stack: it is for the {_FAULTS[name].mode} one."
            raise StackError(f"there is no fault {name}{hint} Known: {', '.join(known)}")
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
