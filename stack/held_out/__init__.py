"""Faults written by somebody who has read neither the diagnosis nor our own catalogue: what it has not learned.

    @held_out("role-expired", component="postgres", severity="p1", words=[r"expired|VALID UNTIL|password"],
              source="https://github.com/some/project/issues/1")
    def role_expired(stack):
        \"\"\"The password of the application's role has passed its last day.\"\"\"
        stack.sql("ALTER ROLE app VALID UNTIL '2020-01-01'")

Each is drawn from a public report, whose address it names. Scored strictly: exactly one cause, this component, a
headline in which one of the words is found, this severity, and a next command that works. What came out at the first
try stands in `first_try`, for ever; nothing here is changed to fit what came out.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stack.state import StackError

Mode = Literal["embedded", "docker", "two"]  # two: the stack of two APIs, tests/components/two_of_each.py
Severity = Literal["p1", "p2", "p3", "p4"]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    name: str
    component: str  # what a person would restart or edit: of several that would be right, the first is the best
    also: tuple[str, ...]  # further ones that an honest judge would let pass
    severity: Severity  # of what users lose
    words: tuple[str, ...]  # patterns, without case: one of them is found in the cause's headline or evidence
    source: str  # address of the public report
    mode: Mode
    inject: Callable[[Any], None]
    first_try: str = ""  # what the suite said when it first met it: "right", or which points were wrong

    @property
    def story(self) -> str:
        return (self.inject.__doc__ or "").strip().splitlines()[0]


_ALL: dict[str, HeldOut] = {}
_PAIRS: dict[tuple[str, str], str] = {}  # two at once -> what the suite said at the first try


def held_out(
    name: str,
    *,
    component: str,
    severity: Severity,
    words: Sequence[str],
    source: str,
    mode: Mode = "embedded",
    also: Sequence[str] = (),
    first_try: str = "",
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Put a function among the held-out faults."""

    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        if name in _ALL:
            raise StackError(f"two held-out faults are named {name}")
        _ALL[name] = HeldOut(
            name=name,
            component=component,
            also=tuple(also),
            severity=severity,
            words=tuple(words),
            source=source,
            mode=mode,
            inject=function,
            first_try=first_try,
        )
        return function

    return register


def both(first: str, second: str, first_try: str = "") -> None:
    """Two held-out faults of one mode at once: two causes, each as it is alone."""
    _PAIRS[first, second] = first_try


def singles(mode: Mode) -> list[HeldOut]:
    """All held-out faults of one kind of stack, by name."""
    _find()
    return [each for _, each in sorted(_ALL.items()) if each.mode == mode]


def doubles(mode: Mode) -> list[tuple[HeldOut, HeldOut, str]]:
    """All pairs of one kind of stack, with what the first try said."""
    _find()
    return [
        (_ALL[first], _ALL[second], said) for (first, second), said in sorted(_PAIRS.items())
        if _ALL[first].mode == mode
    ]  # fmt: skip


def _find() -> None:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
