"""A step of PLAYBOOK.md as it is typed on this stack: the block for its runtime, with its placeholders filled. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from oncall.finding import Value
from oncall.playbook.records import Step
from oncall.target.kinds import short_form
from oncall.target.placeholders import BLANKS, PLACEHOLDER, bound, part_behind, runtime_of, runtimes, seen_by, values

if TYPE_CHECKING:
    from oncall.target.schema import Stack

SPACED = re.compile(rf"{PLACEHOLDER.pattern}( ?)")  # an empty value takes its blank with it
URL = re.compile(r"(?<!\S)'?(https?://[^\s']*)'?(?!\S)")  # a word of a command


def for_runtime(step: Step, stack: Stack, component: str | None = None) -> Step | None:
    """The step as it is typed on this stack, None when it has no such form.

    A block fits where all parts that its placeholders name run as it says; one that names none fits where the cause's
    component does, or some part of the stack when the cause is of none.
    """
    return next((one for one in (step, *step.others) if _fits(one, stack, component)), None)


def _fits(step: Step, stack: Stack, component: str | None) -> bool:
    stack = seen_by(stack, component)
    own = part_behind(stack, component)
    there = {runtime_of(stack, own)} if own else runtimes(stack)
    named = {bound(name) for name in PLACEHOLDER.findall(step.command)}
    for about, runtime in named:
        part = short_form(stack, about) if about else own if about is None else None
        if part and runtime_of(stack, part) != runtime:
            return False
        if runtime and not part and runtime not in (there if about is None else runtimes(stack)):
            return False
    speaks_of_one = any(about and runtime for about, runtime in named)
    return not step.runtime or speaks_of_one or step.runtime in there


def fill(
    step: Step,
    stack: Stack,
    component: str | None = None,
    endpoint: str = "",
    evidence: Mapping[str, Value] | None = None,
    address: str = "",
) -> Step:
    """The step with its placeholders filled from the target and the finding, ready to be typed.

    component: whom the cause names; without it, or when it is no container, {service} stays SERVICE. endpoint: the name
    of the one that the cause is about; without it, {endpoint_path} is that of the first. evidence: of the finding; what
    it may fill, and from which key, stands in `oncall.target.placeholders`. address: the host:port that was asked.
    Of a look, a line that asks nothing but what an earlier one has asked is left out, and so is one with a value that
    nobody knows, as long as another line remains.
    """
    seen = dict(evidence or {}) | ({"address": address} if address else {})
    known = values(stack, component, endpoint, seen)
    lines = [
        (line, SPACED.sub(lambda match: known[match[1]] and known[match[1]] + match[2], line)) for line in step.commands
    ]
    if step.risk == "read-only":
        told = [filled for line, filled in lines if not _blank(line, known)]
        return replace(step, command="\n".join(_asking_once(told or [filled for _, filled in lines])))
    return replace(step, command="\n".join(filled for _, filled in lines))


def _blank(line: str, known: Mapping[str, str]) -> bool:
    return any(known[name] in BLANKS for name in PLACEHOLDER.findall(line))


def _asking_once(commands: Sequence[str]) -> Iterator[str]:
    asked: set[str] = set()
    for command in commands:
        urls = set(URL.findall(command))
        if not urls or urls - asked:
            yield command
        asked |= urls
